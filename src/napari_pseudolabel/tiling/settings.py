"""How an image is cut into tiles: what the person asked for, and what is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import Checked, Option

if TYPE_CHECKING:
    import torch

_BATCH_PIXELS = {"cpu": 256 * 256, "mps": 4 * 256 * 256, "cuda": 8 * 256 * 256}
_LARGEST_BATCH = 32


@dataclass(frozen=True)
class TileSettings(Checked):
    """What the person asked for; None leaves the choice to the model and the device."""

    tile: Annotated[
        int | None,
        Option(
            "Side of the tiles in pixels of the model's grid. Smaller tiles need less memory.",
            title="Piece at a time",
            term="tile",
            unit="px",
            least=1,
            step=32,
            special="automatic",
        ),
    ] = None
    overlap: Annotated[
        int | None,
        Option(
            "Pixels that neighbouring tiles share. More hides seams better and takes longer.",
            title="Shared by pieces",
            term="overlap",
            unit="px",
            least=0,
            step=8,
            special="automatic",
        ),
    ] = None
    batch: Annotated[int | None, Option("Tiles computed at once.", least=1, seen="shell")] = None
    device: Annotated[
        str,
        Option(
            "Where the models run: auto, cpu, cuda, cuda:1 or mps. On a lack of memory they fall back to smaller tiles, "
            "then to the CPU.",
            title="Runs on",
            term="device",
            listed=True,
        ),
    ] = "auto"


@dataclass(frozen=True)
class Plan:
    """What is used: `tile`, `overlap` and `batch` as in `TileSettings`, and a device that exists.

    Attributes
    ----------
    notes
        Sentences for the person about everything that differs from what was asked.
    """

    tile: int
    overlap: int
    batch: int
    device: torch.device
    notes: tuple[str, ...] = ()


def sizes(
    settings: TileSettings, *, tile: int, overlap: int | None = None, stride: int = 1
) -> tuple[int, int, tuple[str, ...]]:
    """Side and overlap of the tiles for one model, and notes for the person; parameters as in `make_plan`.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    wanted = tile if settings.tile is None else settings.tile
    side = -(-wanted // stride) * stride
    notes = []
    if settings.tile is not None and side != wanted:
        notes.append(f"The model's tiles are multiples of {stride} pixels: used {side}, not {wanted}.")
    if settings.overlap is not None:
        shared = settings.overlap
    elif overlap is not None and settings.tile is None:
        shared = overlap
    else:
        shared = side // 4
    if not 0 <= shared <= side // 2:
        raise InputError(
            f"An overlap of {shared} pixels does not fit tiles of {side}; use 0 to {side // 2} pixels."
        )
    return side, shared, tuple(notes)


def make_plan(settings: TileSettings, *, tile: int, overlap: int | None = None, stride: int = 1) -> Plan:
    """Turn settings into a plan for one model.

    Parameters
    ----------
    settings
        What the person asked for.
    tile
        The model's own tile size (that of its training), used if the person named none.
    overlap
        The model's own overlap; by default a quarter of the tile.
    stride
        The model takes only tiles whose sides are multiples of this many pixels.

    Raises
    ------
    InputError
        If a number is out of range.
    DeviceError
        If the device is not there.
    """
    # Settings are values that windows and other machines make; only whoever computes needs torch.
    from napari_pseudolabel.tiling.devices import pick_device

    side, shared, notes = sizes(settings, tile=tile, overlap=overlap, stride=stride)
    device = pick_device(settings.device)
    batch = settings.batch
    if batch is None:
        batch = min(max(_BATCH_PIXELS[device.type] // side**2, 1), _LARGEST_BATCH)
    return Plan(side, shared, batch, device, notes)
