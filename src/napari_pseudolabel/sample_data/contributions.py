"""What napari shows under File > Open Sample: generated fields, and real images downloaded on demand."""

from __future__ import annotations

import numpy as np

from napari_pseudolabel.sample_data.downloads import REAL_SEM, REAL_TEM, RealSample, fetch
from napari_pseudolabel.sample_data.samples import (
    GENERATED,
    GeneratedSample,
)
from napari_pseudolabel.types import Array, JsonObject

LayerDataTuple = tuple[Array, JsonObject, str]


REAL = {"real_sem": REAL_SEM, "real_tem": REAL_TEM}
_WITH_LABELS = "_with_labels"


def opened(key: str) -> list[LayerDataTuple]:
    """Return the layers of a sample by its key in the manifest.

    Parameters
    ----------
    key
        Of a real sample, downloaded the first time, or of a generated one: an image (512, 512) uint8. With
        ``_with_labels`` behind it the exact labels come along, uint8; `GeneratedSample.classes` says what they mean.

    Raises
    ------
    InputError
        If a real sample is not there and cannot be downloaded.
    """
    if key in REAL:
        return _real(REAL[key])
    sample = next(one for one in GENERATED if one.key == key.removesuffix(_WITH_LABELS))
    return layers_of(sample)[: 2 if key.endswith(_WITH_LABELS) else 1]


def layers_of(sample: GeneratedSample) -> list[LayerDataTuple]:
    """Return a generated sample and its exact labels, on one grid."""
    image, labels = sample.draw()
    truth = _attributes(f"{sample.title}: true labels", sample.pixel_size_um, sample.origin())
    # The classes stand where the plugin notes them on its own label layers, so an export names them.
    truth["metadata"]["napari_pseudolabel"] |= {
        "role": "truth",
        "classes": [label_class.model_dump() for label_class in sample.classes],
    }
    colours: dict[int | None, str] = {None: "#999999", 0: "transparent"}
    colours |= {label_class.value: label_class.color for label_class in sample.classes if label_class.color}
    look = {
        "colormap": colours,  # napari makes a colormap of it; so no napari is needed here
        "features": {
            "index": [label_class.value for label_class in sample.classes],
            "class": [label_class.name for label_class in sample.classes],
        },
        "opacity": 0.5,
    }
    return [
        (image, _attributes(sample.title, sample.pixel_size_um, sample.origin()), "image"),
        (labels, truth | look, "labels"),
    ]


def _real(sample: RealSample) -> list[LayerDataTuple]:
    from napari_pseudolabel.imaging import read

    image = read(fetch(sample))
    # Some microscopes save grey images as RGB; one grey plane is what the models read.
    plane = image.plane((), "luminance" if "S" in image.axes else 0)
    pixels = np.rint(plane).astype(np.dtype(image.data.dtype))
    return [(pixels, _attributes(sample.title, sample.pixel_size_um, sample.origin()), "image")]


def _attributes(name: str, pixel_size_um: float | None, origin: JsonObject) -> JsonObject:
    grid: JsonObject = {"axis_labels": ("y", "x")}
    if pixel_size_um is not None:
        grid |= {"scale": (pixel_size_um, pixel_size_um), "units": ("micrometer", "micrometer")}
    # Modality and object size on their own are for whoever proposes models and scale, whatever the layer's reader was.
    known = {key: origin[key] for key in ("modality", "object_size_px") if key in origin}
    return {"name": name, **grid, "metadata": {**known, "napari_pseudolabel": origin}}
