"""What napari shows under File > Open Sample: generated fields, and real images downloaded on demand."""

from __future__ import annotations

import numpy as np

from napari_pseudolabel.sample_data.downloads import REAL_SEM, REAL_TEM, RealSample, fetch
from napari_pseudolabel.sample_data.samples import (
    FLUORESCENCE_LIKE,
    PURPLE_LIKE,
    SEM_LIKE,
    TEM_LIKE,
    GeneratedSample,
)
from napari_pseudolabel.types import Array, JsonObject

LayerDataTuple = tuple[Array, JsonObject, str]


def sem_like_axons() -> list[LayerDataTuple]:
    """Generated axons that look like SEM: one image layer of (512, 512) uint8."""
    return layers_of(SEM_LIKE)[:1]


def tem_like_axons() -> list[LayerDataTuple]:
    """Generated axons that look like TEM: one image layer of (512, 512) uint8."""
    return layers_of(TEM_LIKE)[:1]


def sem_like_axons_with_labels() -> list[LayerDataTuple]:
    """`sem_like_axons` and the exact labels: 0 background, 1 myelin, 2 axon, uint8."""
    return layers_of(SEM_LIKE)


def tem_like_axons_with_labels() -> list[LayerDataTuple]:
    """`tem_like_axons` and the exact labels: 0 background, 1 myelin, 2 axon, uint8."""
    return layers_of(TEM_LIKE)


def purple_like_nuclei() -> list[LayerDataTuple]:
    """Generated nuclei that look like a purple stain on white, as luminance: one image layer of (512, 512) uint8."""
    return layers_of(PURPLE_LIKE)[:1]


def fluorescence_like_nuclei() -> list[LayerDataTuple]:
    """Generated nuclei that look like fluorescence: one image layer of (512, 512) uint8."""
    return layers_of(FLUORESCENCE_LIKE)[:1]


def purple_like_nuclei_with_labels() -> list[LayerDataTuple]:
    """`purple_like_nuclei` and the exact labels: 0 background, also between nuclei that touch, 1 nucleus, uint8."""
    return layers_of(PURPLE_LIKE)


def fluorescence_like_nuclei_with_labels() -> list[LayerDataTuple]:
    """`fluorescence_like_nuclei` and the exact labels, as in `purple_like_nuclei_with_labels`."""
    return layers_of(FLUORESCENCE_LIKE)


def real_sem() -> list[LayerDataTuple]:
    """A real SEM image of rat spinal cord, downloaded the first time; raises InputError when offline."""
    return _real(REAL_SEM)


def real_tem() -> list[LayerDataTuple]:
    """A real TEM image of mouse corpus callosum, downloaded the first time; raises InputError when offline."""
    return _real(REAL_TEM)


def layers_of(sample: GeneratedSample) -> list[LayerDataTuple]:
    """A generated sample and its exact labels, on one grid."""
    image, labels = sample.draw()
    truth = _attributes(f"{sample.title}: true labels", sample.pixel_size_um, sample.origin())
    # The classes stand where the plugin notes them on its own label layers, so an export names them.
    truth["metadata"]["napari_pseudolabel"] |= {
        "role": "truth",
        "classes": [one.model_dump() for one in sample.classes],
    }
    colours: dict[int | None, str] = {None: "#999999", 0: "transparent"}
    colours |= {one.value: one.color for one in sample.classes if one.color}
    look = {
        "colormap": colours,  # napari makes a colormap of it; so no napari is needed here
        "features": {
            "index": [one.value for one in sample.classes],
            "class": [one.name for one in sample.classes],
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
