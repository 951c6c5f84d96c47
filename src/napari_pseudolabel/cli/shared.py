"""Options of every command that works on images, written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from napari_pseudolabel.cli import options as o
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT

if TYPE_CHECKING:
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.engine import Connection
    from napari_pseudolabel.strategies import LabelSettings


@dataclass(frozen=True)
class Shared:
    """The values of these options."""

    device: o.Device = "auto"
    tile: o.Tile = None
    overlap: o.Overlap = None
    batch: o.Batch = None
    pixel_size: o.PixelSize = None
    scale: o.ScaleFactor = None
    object_size: o.ObjectSize = None
    channel: o.ChannelOption = None
    axes: o.Axes = None
    position: o.PositionOption = None
    modality: o.ModalityOption = None
    format: o.FormatOption = None
    scheduler: o.Scheduler = None
    tls_ca_file: o.TlsCaFile = None
    tls_cert: o.TlsCert = None
    tls_key: o.TlsKey = None
    as_json: o.AsJson = False

    @property
    def connection(self) -> Connection | None:
        """Where the workers are; None for this process.

        Raises
        ------
        InputError
            If the address or the files cannot be used.
        """
        from napari_pseudolabel.engine import Connection

        files = self.tls_ca_file, self.tls_cert, self.tls_key
        if self.scheduler is None:
            if any(files):
                raise InputError("TLS files are for workers elsewhere; give --scheduler as well.")
            return None
        return Connection(self.scheduler, *files)

    def settings(
        self,
        samples: int = 1,
        seed: int = 0,
        mode: o.Mode = o.Mode.tiled,
        flips: int = 0,
        smallest_object: float = SMALLEST_OBJECT,
    ) -> LabelSettings:
        """How the job is done.

        Raises
        ------
        PseudolabelError
            If a value cannot be used, or the device is not there.
        """
        from napari_pseudolabel.imaging.scale import Scale
        from napari_pseudolabel.strategies import LabelSettings
        from napari_pseudolabel.tiling import TileSettings, pick_device

        if self.scheduler is None:
            pick_device(self.device)  # says so now if it is not there
        return LabelSettings(
            samples=samples,
            seed=seed,
            mode=mode.value,
            scale=Scale(factor=self.scale, object_size_px=self.object_size, pixel_size_um=self.pixel_size),
            tiles=TileSettings(tile=self.tile, overlap=self.overlap, batch=self.batch, device=self.device),
            channel=o.channel_of(self.channel),
            flips=flips,
            smallest_object=smallest_object,
        )

    def process(self, input: Path, output: Path, work: Work) -> None:
        """Do the work on all images; see `working.process`."""
        from napari_pseudolabel.cli.working import process
        from napari_pseudolabel.imaging import Reading

        modality = (self.modality or "").strip()
        process(
            input,
            output,
            replace(work, job=lambda image: work.job(replace(image, modality=modality))),
            reading=Reading(self.axes, self.position),
            format=self.format,
            as_json=self.as_json,
            connection=self.connection,
        )


def expanded(parameter: str, group: type[object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a parameter of a command by the fields of a dataclass of options, of which it is handed one."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        hints = get_type_hints(group, include_extras=True)
        added = [
            one.replace(annotation=hints[name]) for name, one in inspect.signature(group).parameters.items()
        ]

        @functools.wraps(command)
        def called(**values: object) -> None:
            options = group(**{one.name: values.pop(one.name) for one in added})
            command(**values, **{parameter: options})

        parameters = [one for name, one in own.parameters.items() if name != parameter]
        # What typer reads.
        called.__signature__ = own.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in (*parameters, *added)}
        return called

    return decorate


shared = expanded("options", Shared)
"""Replaces the parameter ``options: Shared`` of a command by all shared options."""
