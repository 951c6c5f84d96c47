"""The generated samples: seen by no training, on the pixel grids of the shipped checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.classes import AXON_CLASSES, default_classes
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import JsonObject

Drawn = tuple[NDArray[np.uint8], NDArray[np.uint8]]

NUCLEUS_CLASSES = default_classes(("nucleus",))


@dataclass(frozen=True)
class GeneratedSample:
    """A field in one look; the same pixels every time.

    Attributes
    ----------
    key
        Name for files.
    title
        Name shown to the person.
    modality
        The look, as checkpoints call it.
    seed
        Of field and look, apart from the seeds of the training recipes.
    render
        Draws the image and its exact labels, (Y, X) uint8 both, from a shape and a seed.
    classes
        What the values of the labels mean.
    pixel_size_um
        Side of a pixel in micrometres, that of the shipped checkpoints; None where they know no pixel size.
    object_size_px
        Median diameter of the objects in pixels, for the models that go by it; None where they go by the pixel size.
    shape
        (Y, X).
    """

    key: str
    title: str
    modality: str
    seed: int
    render: Callable[[tuple[int, int], int], Drawn]
    classes: tuple[LabelClass, ...]
    pixel_size_um: float | None = None
    object_size_px: float | None = None
    shape: tuple[int, int] = (512, 512)

    def draw(self) -> Drawn:
        """Return the image and its exact labels, (Y, X) uint8 both; the labels mean `classes`."""
        return self.render(self.shape, self.seed)

    def origin(self) -> JsonObject:
        """Where the pixels come from, JSON-able, for the metadata of layers and for provenance."""
        sizes = {"pixel_size_um": self.pixel_size_um, "object_size_px": self.object_size_px}
        return {
            "origin": "generated",
            "modality": self.modality,
            "seed": self.seed,
            **{name: size for name, size in sizes.items() if size is not None},
        }


# What draws is imported when a sample is opened, because napari imports this file for its menu.


def _axons(look: str, shape: tuple[int, int], seed: int) -> Drawn:
    from napari_pseudolabel.sample_data import fields, looks

    labels = fields.axon_field(shape, seed=seed)
    return getattr(looks, f"render_{look}")(labels, seed=seed), labels


def _nuclei(look: str, shape: tuple[int, int], seed: int) -> Drawn:
    from napari_pseudolabel.labels.objects import to_classes
    from napari_pseudolabel.sample_data import looks
    from napari_pseudolabel.training.data.nuclei_fields import nuclei_field

    field = nuclei_field(shape, seed=seed)
    # A line of background lies where nuclei touch, by which the docks tell them apart.
    labels = to_classes(field.labels, (field.labels > 0).astype(np.uint8))
    return getattr(looks, f"render_{look}")(field, seed=seed), labels


SEM_LIKE = GeneratedSample(
    "sem_like_axons", "SEM-like axons", "SEM", 8, partial(_axons, "sem"), AXON_CLASSES, pixel_size_um=0.12
)
TEM_LIKE = GeneratedSample(
    "tem_like_axons", "TEM-like axons", "TEM", 9, partial(_axons, "tem"), AXON_CLASSES, pixel_size_um=0.01972
)
_NUCLEI: JsonObject = {"classes": NUCLEUS_CLASSES, "object_size_px": 20}
PURPLE_LIKE = GeneratedSample(
    "purple_like_nuclei",
    "Purple-stain-like nuclei",
    "purple stain",
    10,
    partial(_nuclei, "purple"),
    **_NUCLEI,
)
FLUORESCENCE_LIKE = GeneratedSample(
    "fluorescence_like_nuclei",
    "Fluorescence-like nuclei",
    "fluorescence",
    11,
    partial(_nuclei, "fluorescence"),
    **_NUCLEI,
)
GENERATED = (SEM_LIKE, TEM_LIKE, PURPLE_LIKE, FLUORESCENCE_LIKE)


def write_sample(folder: str | Path) -> tuple[Path, ...]:
    """Write the generated samples as OME-TIFF, with pixel sizes where they have one; files that exist are replaced.

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

    from napari_pseudolabel.exporting import export
    from napari_pseudolabel.imaging import Placement
    from napari_pseudolabel.workspace import atomic_file

    image, labels = sample.draw()
    size = sample.pixel_size_um
    placement = Placement((1.0, 1.0), (0.0, 0.0), axis_labels=("y", "x"))
    sizes: JsonObject = {}
    if size is not None:
        placement = replace(placement, scale=(size, size), units=("micrometer", "micrometer"))
        sizes = {
            f"PhysicalSize{axis}{what}": value
            for axis in "YX"
            for what, value in (("", size), ("Unit", "µm"))
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
        classes=sample.classes,
        placement=placement,
        provenance={
            "strategy": "generated with the image",
            "seed": sample.seed,
            "source": {"name": sample.title, "path": target.name},
            "parameters": sample.origin(),
        },
    )
    return (target, *written)
