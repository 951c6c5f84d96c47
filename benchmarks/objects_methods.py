"""The rows of `objects.py`: what each of them makes of an image, as classes and numbered objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from objects_targets import Scene, Target, counted
from scipy import ndimage as ndi
from scribbled_forest import features, forest, predicted, scribbles
from skimage.filters import threshold_otsu
from skimage.measure import regionprops

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array, labels_to, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT, least_area
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.labels.specks import holes, specks, without_crumbs
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.otsu import OTSU
from napari_pseudolabel.strategies.strategy import LabelRequest

FLIPS = 3
_SOLID = 1.1  # area with holes over area without them
_MODELS = LoadedModels()


@dataclass(frozen=True, eq=False)
class Found:
    """What a method says of an image.

    Attributes
    ----------
    labels
        (H, W) uint8 classes.
    """

    labels: NDArray[np.uint8]


Method = Callable[[Scene, Target, float], Found]
"""Gets an image, what it is, and by how much its scale is wrong (1: it is right)."""


def objects_of(found: Found, target: Target) -> dict[str, NDArray[np.int32]]:
    """Number the objects of labels as docks count and files number them."""
    scheme = scheme_for(target.classes)
    if scheme.fibres:
        return counted(found.labels, target.classes)
    (name,) = (one.name for one in target.classes if one.value)
    return {name: to_instances(found.labels, scheme)}


def by_models(
    segmenter: str, translator: str | None = None, *, inverted: bool = False, found: bool = False
) -> Method:
    """Label as the dock does, with three flips; `found`: at the scale that it finds by itself."""

    def made(scene: Scene, target: Target, wrong: float) -> Found:
        image = scene.image
        if inverted:
            plane = image.plane()
            image = from_array(plane.max() - plane, "YX", name=image.name)
        scale = Scale() if found else Scale(factor=wrong * factor_of(scene, target))
        settings = LabelSettings(flips=FLIPS, scale=scale)
        return _found(
            LabelJob(image, translator=translator, segmenter=segmenter, settings=settings, across=True)
        )

    return made


def _found(job: LabelJob) -> Found:
    result = job.run(Control(), _MODELS)
    assert result.labels is not None
    return Found(result.labels[0])


def factor_of(scene: Scene, target: Target) -> float:
    """Magnification by the pixel size of the index; nuclei stay as they are."""
    if scene.pixel_um is None or target.modality.pixel_size_um is None:
        return 1.0
    return scene.pixel_um / target.modality.pixel_size_um


def otsu(scene: Scene, target: Target, wrong: float) -> Found:
    """Threshold the luminance after Otsu; touching nuclei are divided by watershed.

    Nuclei are labelled by the strategy of the package. For axons, on the models' grid, which side of the threshold counts follows
    from the image alone: myelin is the side that encloses more that has no holes of its own (what is between fibres encloses
    rings), and what it encloses are axons.
    """
    if not scheme_for(target.classes).fibres:
        settings = LabelSettings(scale=Scale(factor=wrong))
        return _found(OTSU.job(scene.image, LabelRequest(settings=settings)))
    plane = _smooth(scene, target, wrong)
    bright = plane > threshold_otsu(plane)
    sides = (bright, ~bright)
    enclosed = [ndi.binary_fill_holes(mask) & ~mask for mask in sides]
    side = int(_solid(enclosed[1]) > _solid(enclosed[0]))
    (fibre,) = scheme_for(target.classes).fibres
    labels = np.where(sides[side], fibre.outer, 0).astype(np.uint8)
    labels[enclosed[side]] = fibre.inner
    return _tidy(labels, scene, target)


def _solid(mask: NDArray[np.bool_]) -> int:
    """Pixels of the parts of a mask that have no holes worth the name."""
    found = regionprops(ndi.label(mask)[0])
    return sum(int(one.area) for one in found if one.area_filled < _SOLID * one.area)


def scribbled_forest(scene: Scene, target: Target, wrong: float) -> Found:
    """A random forest from eight scribbles per class on this very image: the only row that sees labels of it."""
    factor = wrong * factor_of(scene, target)
    colours = range(3) if "S" in scene.image.axes else [None]
    planes = [resample(scene.image.plane((), channel), factor) for channel in colours]
    truth = labels_to(scene.truth, planes[0].shape)
    rng = np.random.default_rng(0)
    drawn = scribbles(truth, rng).ravel()
    known, values = drawn >= 0, features(planes)
    kinds = np.unique(drawn[known])
    trees = forest(values[known], np.searchsorted(kinds, drawn[known]), len(kinds), rng)
    chances = predicted(trees, values)
    labels = kinds[chances.argmax(axis=1)].astype(np.uint8).reshape(truth.shape)
    sure = chances.max(axis=1).reshape(truth.shape)
    return _tidy(labels, scene, target, sure)


def _smooth(scene: Scene, target: Target, wrong: float) -> NDArray[np.float32]:
    plane = resample(scene.image.plane(), wrong * factor_of(scene, target))
    return np.asarray(ndi.gaussian_filter(plane, 1), np.float32)


def _tidy(
    labels: NDArray[np.uint8],
    scene: Scene,
    target: Target,
    sure: NDArray[np.float32] | None = None,
) -> Found:
    """Without specks, crumbs and holes, as labels of models are; on the pixels of the image."""
    scheme = scheme_for(target.classes)
    least = least_area(SMALLEST_OBJECT, target.modality.object_size_px)
    for fibre in scheme.fibres:
        labels = without_crumbs(labels, np.ones(labels.shape) if sure is None else sure, least, fibre)
    labels = np.where(specks(labels, least), 0, labels).astype(np.uint8)
    labels = labels + holes(labels, least, scheme.touching)
    return Found(labels_to(labels, scene.truth.shape))


def methods(target: Target) -> dict[str, Method]:
    """All rows that there are for a target, in their order."""
    found: dict[str, Method] = {}
    if target.bound:
        found["supervised bound"] = by_models(target.bound)
    found["source only"] = by_models(target.source_segmenter)
    found["inversion"] = by_models(target.source_segmenter, inverted=True)
    found["Otsu + watershed"] = otsu
    found["forest, 8 scribbles per class"] = scribbled_forest
    if target.syndiff:
        found["SynDiff adaptation"] = by_models(target.source_segmenter, target.syndiff)
    if target.grey_levels:
        found["grey levels"] = by_models(target.source_segmenter, target.grey_levels)
    if target.proxy:
        found["shipped proxy"] = by_models(target.proxy)
        found["shipped proxy, scale found"] = by_models(target.proxy, found=True)
    if target.any_contrast:
        found["any contrast"] = by_models(target.any_contrast)
    return found


def scenes_of(method: str, target: Target, scenes: list[Scene]) -> list[Scene]:
    """Those that a row may be measured on: the bound has learned from the others."""
    return (
        [one for one in scenes if one.held_out] if method == "supervised bound" and target.bound else scenes
    )
