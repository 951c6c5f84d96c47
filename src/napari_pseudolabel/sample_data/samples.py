"""The two generated samples: seen by no training, on the pixel grids of the shipped checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.classes import AXON_CLASSES


@dataclass(frozen=True)
class GeneratedSample:
    """A field of axons in one look; the same pixels every time.

    Attributes
    ----------
    key
        Name for files.
    title
        Name shown to the person.
    modality
        The look, as checkpoints call it.
    seed
        Of field and look, apart from the seeds of the training recipe.
    pixel_size_um
        Side of a pixel in micrometres, that of the shipped checkpoints.
    shape
        (Y, X).
    """

    key: str
    title: str
    modality: Literal["SEM", "TEM"]
    seed: int
    pixel_size_um: float
    shape: tuple[int, int] = (512, 512)

    def draw(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The image and its exact labels, (Y, X) uint8 both; the labels mean `AXON_CLASSES`."""
        from napari_pseudolabel.sample_data.fields import axon_field
        from napari_pseudolabel.sample_data.looks import render_sem, render_tem

        render = {"SEM": render_sem, "TEM": render_tem}[self.modality]
        labels = axon_field(self.shape, seed=self.seed)
        return render(labels, seed=self.seed), labels

    def origin(self) -> dict[str, Any]:
        """Where the pixels come from, JSON-able, for the metadata of layers and for provenance."""
        return {
            "origin": "generated",
            "modality": self.modality,
            "seed": self.seed,
            "pixel_size_um": self.pixel_size_um,
        }


SEM_LIKE = GeneratedSample("sem_like_axons", "SEM-like axons", "SEM", seed=8, pixel_size_um=0.12)
TEM_LIKE = GeneratedSample("tem_like_axons", "TEM-like axons", "TEM", seed=9, pixel_size_um=0.01972)
GENERATED = (SEM_LIKE, TEM_LIKE)


def write_sample(folder: str | Path) -> tuple[Path, ...]:
    """Write the generated samples as OME-TIFF with pixel sizes; files that exist are replaced.

    Parameters
    ----------
    folder
        Made if it is missing.

    Returns
    -------
    tuple of Path
        For each sample the image ``KEY.ome.tif`` (uint8), the labels ``KEY_labels.ome.tif`` and their
        sidecar ``KEY_labels.provenance.json``.

    Raises
    ------
    InputError
        When the folder cannot be made or written to.
    """
    from napari_pseudolabel.errors import InputError

    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {folder} could not be made ({error.strerror}); choose another one."
        ) from error
    return tuple(path for sample in GENERATED for path in _write(sample, folder))


def _write(sample: GeneratedSample, folder: Path) -> tuple[Path, ...]:
    import tifffile

    from napari_pseudolabel.export import export
    from napari_pseudolabel.imaging import Placement
    from napari_pseudolabel.workspace import atomic_file

    image, labels = sample.draw()
    size = sample.pixel_size_um
    sizes = {
        f"PhysicalSize{axis}{what}": value for axis in "YX" for what, value in (("", size), ("Unit", "µm"))
    }
    target = folder / f"{sample.key}.ome.tif"
    with atomic_file(target) as temporary:
        tifffile.imwrite(
            temporary,
            image,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata={"axes": "YX", "Name": sample.title, **sizes},
        )
    written = export(
        folder / f"{sample.key}_labels.ome.tif",
        labels,
        classes=AXON_CLASSES,
        placement=Placement(
            (size, size), (0.0, 0.0), units=("micrometer", "micrometer"), axis_labels=("y", "x")
        ),
        provenance={
            "strategy": "generated with the image",
            "seed": sample.seed,
            "source": {"name": sample.title, "path": target.name},
            "parameters": sample.origin(),
        },
    )
    return (target, *written)
