"""TorchScript archives: networks that bring their own code, in TorchScript's small language.

That code runs in PyTorch's interpreter, which knows tensors and no operating system, except for a few
operators that read, write or map files. Archives whose code uses those, or operators of unknown libraries,
are refused before anything in them runs.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.safe_load import sha256 as hash_of
from napari_pseudolabel.models.segmenters.common import most_likely
from napari_pseudolabel.models.segmenters.tiled import Output, TiledNetwork
from napari_pseudolabel.models.sidecar import complete, given_card, sidecar_path, unknown_modalities
from napari_pseudolabel.tiling import TileSettings

FAMILY = "torchscript"
NOT_RECOGNISED = "no TorchScript archive"

# Operators that touch files or other processes, wherever their names occur (aten::save can be called as a
# method), and operators that are written with their library, unless that library is harmless.
_REFUSED = re.compile(r"\b(from_file|save|rpc_\w+|ops\.(?!prim\.|quantized\.)[.\w]+)\b")
_PROBE = 64  # pixels; at least one stride of any common network


class Architecture(BaseModel):
    """``card.architecture`` of this family.

    Attributes
    ----------
    in_channels
        Channels of the image.
    tile, stride
        Side of the tiles in prediction, and what it must be a multiple of, in pixels.
    output
        Whether the network answers with logits or with probabilities; found out if not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: int = Field(default=1, ge=1, le=64)
    tile: int = Field(default=256, ge=8)
    stride: int = Field(default=32, ge=1)
    output: Output | None = None


@dataclass(frozen=True, eq=False)
class TorchScriptSegmenter:
    """A TorchScript network with its card; see `Segmenter`.

    Attributes
    ----------
    network
        (B, C, h, w) float32, normalised as the card says -> (B, K, h, w).
    """

    network: nn.Module
    card: Card
    sha256: str

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Classes in the order of the channels."""
        return self.card.classes

    def probabilities(
        self,
        image: ArrayLike,
        *,
        spacing: tuple[float, float] = (1.0, 1.0),
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        limits: IntensityRange | None = None,
        mirror: bool = False,
    ) -> NDArray[np.float32]:
        """Segment one plane; see `Segmenter`. `mirror` averages over four flips, four times as slow."""
        description = Architecture.model_validate(self.card.architecture)
        runner = TiledNetwork(
            self.network,
            channels=description.in_channels,
            classes=len(self.classes),
            tile=description.tile,
            stride=description.stride,
            output=description.output or "logits",
            key=self.sha256,
        )
        return runner.probabilities(image, self.card.normalisation, settings, control, limits, mirror)

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of the most probable class: (K, H, W) -> (H, W)."""
        return most_likely(probabilities, self.classes)


def recognises(path: Path) -> bool:
    """Whether a file is a TorchScript archive, by its table of contents."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def load(path: str | Path, card: Card | Mapping[str, Any] | None = None) -> TorchScriptSegmenter:
    """Load a TorchScript segmenter.

    Parameters
    ----------
    path
        Written by ``torch.jit.save``.
    card
        At least ``classes`` and ``normalisation``; wins over the sidecar ``NAME.card.json``.

    Raises
    ------
    CheckpointError
        If the file is no TorchScript archive, is damaged or refused, or the card is incomplete or does
        not fit the network.
    """
    path = Path(path)
    if not recognises(path):
        raise CheckpointError(f"{path.name} is {NOT_RECOGNISED}.")
    given = given_card(path, card)
    needed = [field for field in ("classes", "normalisation") if field not in given]
    if needed:
        raise CheckpointError(
            f"{path.name} is a TorchScript network that does not say its {' and '.join(needed)}; "
            f"write them into {sidecar_path(path).name} beside it."
        )
    checked = _checked_archive(path)
    try:
        network = torch.jit.load(checked, map_location="cpu").eval()
    except Exception:  # damaged archives raise errors of many kinds
        raise _damaged(path) from None
    missing = tuple(unknown_modalities(given, ("source",)))
    full = complete(given, path, kind="segmenter", family=FAMILY, missing=missing)
    description = _architecture(full, path)
    found = _probe(network, description, len(full.classes), path)
    if description.output is None:
        description = description.model_copy(update={"output": found})
        full = full.model_copy(update={"inferred": (*full.inferred, "architecture.output")})
    full = full.model_copy(update={"architecture": description.model_dump(mode="json")})
    return TorchScriptSegmenter(network, full, hash_of(path))


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path.name} is incomplete or damaged; copy or download it again.")


def _checked_archive(path: Path) -> io.BytesIO:
    """Copy an archive, entry by entry, after looking at its code.

    PyTorch reads the copy: so it sees nothing that Python's zip reader has not seen.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as checked:
            for info in archive.infolist():
                content = archive.read(info)
                if info.filename.endswith("/model.json"):
                    raise CheckpointError(f"{path.name} is of PyTorch 1.2 or older; save it again.")
                if info.filename.endswith(".py"):
                    _check_code(content.decode("utf-8", "replace"), path)
                if info.filename in checked.namelist():
                    raise _damaged(path)
                checked.writestr(info.filename, content)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError):
        raise _damaged(path) from None
    copy.seek(0)
    return copy


def _check_code(code: str, path: Path) -> None:
    refused = _REFUSED.search(code)
    if refused:
        raise CheckpointError(
            f"{path.name} asks to run `{refused[1]}`, which a checkpoint must not do; it was not loaded."
        )


def _architecture(card: Card, path: Path) -> Architecture:
    try:
        return Architecture.model_validate(card.architecture)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"The card of {path.name} is wrong at {where}: {first['msg']}.") from None


def _probe(network: nn.Module, description: Architecture, classes: int, path: Path) -> Output:
    """Run the network once on a small image and tell its kind of output."""
    side = -(-_PROBE // description.stride) * description.stride
    x = torch.linspace(0, 1, side * side).reshape(1, 1, side, side).repeat(1, description.in_channels, 1, 1)
    try:
        with torch.inference_mode():
            answer = network(x)
    except Exception:  # whatever the network's own code raises
        raise CheckpointError(
            f"{path.name} fails on a {side} x {side} image with {description.in_channels} channel(s); "
            "name in_channels and stride in its card."
        ) from None
    if not isinstance(answer, torch.Tensor) or answer.ndim != 4 or answer.shape[-2:] != x.shape[-2:]:
        raise CheckpointError(
            f"{path.name} does not answer with one channel of the image's size for each class."
        )
    if answer.shape[1] != classes:
        raise CheckpointError(
            f"{path.name} has {answer.shape[1]} outputs, but its card names {classes} classes; correct it."
        )
    adds_up = torch.allclose(answer.sum(1), torch.ones(()), atol=1e-3)
    return "probabilities" if adds_up and bool((answer >= 0).all()) else "logits"
