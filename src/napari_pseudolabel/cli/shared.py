"""Options of every command that works on images, written once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.cli import option_types as o
from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imports import lasting_imports

if TYPE_CHECKING:
    from napari_pseudolabel.cli.working import ImageWork
    from napari_pseudolabel.engine import Connection
    from napari_pseudolabel.formats import Format
    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.strategies import LabelSettings


@dataclass(frozen=True)
class Shared:
    """The values of these options."""

    axes: o.Axes = None
    position: o.PositionOption = None
    modality: o.ModalityOption = None
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
        files = self.tls_ca_file, self.tls_cert, self.tls_key
        if self.scheduler is None:
            if any(files):
                raise InputError("TLS files are for workers elsewhere; give --scheduler as well.")
            return None
        from napari_pseudolabel.engine import Connection

        return Connection(self.scheduler, *files)

    def check_device(self, settings: LabelSettings) -> None:
        """Say now, and not in the middle of the work, that a device is not there.

        Raises
        ------
        DeviceError
            If it is to work here, and is not there.
        """
        if self.scheduler is not None:
            return
        with lasting_imports():
            import napari_pseudolabel.strategies.labelling  # noqa: F401  (what comes next, with torch)
            from napari_pseudolabel.tiling import pick_device
        pick_device(settings.tiles.device)

    @property
    def reading(self) -> ReadOptions:
        """How files are read."""
        from napari_pseudolabel.imaging import ReadOptions

        return ReadOptions(self.axes, self.position)

    def process(self, input: Path, output: Path, work: ImageWork, format: str | Format | None) -> None:
        """Do the work on all images; see `working.process`."""
        from napari_pseudolabel.cli.working import process

        modality = (self.modality or "").strip()
        process(
            input,
            output,
            replace(work, job=lambda image: work.job(replace(image, modality=modality))),
            reading=self.reading,
            format=format,
            as_json=self.as_json,
            connection=self.connection,
        )


shared = expanded("options", Shared)
"""Replaces the parameter ``options: Shared`` of a command by all shared options."""
