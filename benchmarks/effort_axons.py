"""Axons of the simulated person: real SEM images, labelled by the shipped translator and segmenter."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from effort_measures import added_path_length, false_negative_path_length, instance_edits
from numpy.typing import NDArray
from scipy import ndimage
from simulated_person import Effort, Guess, Scene, Work, guess

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import intensity_range, normalise, read, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.review import Box, object_diameter, side_for
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.tiling import MemoryLimits
from napari_pseudolabel.training.data.adapted_planes import Adapter

TRANSLATOR, SEGMENTER = "sample:sem-to-tem", "sample:tem-axons"
MYELIN, AXON = (c.value for c in AXON_CLASSES if c.value)
EIGHT = np.ones((3, 3), bool)
LARGEST_SIDE = 960  # of an image on the grid of the translator


class AxonWork(Work):
    """Labels are pixels of classes; the quality is the mean Dice of myelin and axon over the whole image."""

    def correct(self, number: int, box: Box) -> Effort:
        """Make the pixels of the box true: all, or those that are wrong by more than one from the true border."""
        window = np.s_[box[0] : box[2], box[1] : box[3]]
        sheet, truth = self.sheets[number], self.scenes[number].truth[window]
        before = sheet.labels[window].copy()
        after = truth if self.careful else nearly(before, truth)
        sheet.labels[window] = after
        sheet.touched[window] = True
        path = [added_path_length(before, after, value) for value in (MYELIN, AXON)]
        missed = [false_negative_path_length(before, after, value) for value in (MYELIN, AXON)]
        edits = instance_edits(*(ndimage.label(labels == AXON, EIGHT)[0] for labels in (before, after)))
        return Effort(sum(path), sum(missed), edits)

    def quality(self) -> float:
        """Mean Dice."""
        common = np.zeros(2)
        total = np.zeros(2)
        for sheet, scene in zip(self.sheets, self.scenes, strict=True):
            for i, value in enumerate((MYELIN, AXON)):
                a, b = sheet.labels == value, scene.truth == value
                common[i] += (a & b).sum()
                total[i] += a.sum() + b.sum()
        return float(np.mean(2 * common / total))


def nearly(before: NDArray[np.uint8], truth: NDArray[np.integer]) -> NDArray[np.uint8]:
    """What a person leaves who does not mind a border that is off by a pixel."""
    border = np.zeros(truth.shape, bool)
    for axis in (0, 1):
        differs = np.diff(truth, axis=axis) != 0
        low, high = [slice(None)] * 2, [slice(None)] * 2
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        border[tuple(low)] |= differs
        border[tuple(high)] |= differs
    wrong = before != truth
    mended = ndimage.binary_dilation(wrong & ~border, EIGHT) & wrong
    return np.where(mended, truth, before).astype(np.uint8)


def load(data: Path, name: str, seed: int, inputs: Path) -> tuple[list[Scene], list[Guess], int]:
    """Read an image, translate it and label it.

    Of an image that is larger on the translator's grid the middle is kept. The translation is kept in `inputs`, where
    a fine-tuning finds it too. The last value is the side of the regions.
    """
    with (data / "axon_sem" / "index.csv").open() as file:
        (row,) = (row for row in csv.DictReader(file) if row["id"] == name)
    image = read(data / "axon_sem" / "images" / f"{name}.png")
    limits, pixel_um = intensity_range(image), float(row["pixel_um"])
    segmenter = load_segmenter(SEGMENTER)
    adapter = Adapter(
        segmenter.card,
        load_translator(TRANSLATOR),
        Scale(),
        samples=1,
        seed=seed,
        device="cpu",
        limits=MemoryLimits(),
        folder=inputs,
    )
    factor, _ = adapter.factor(pixel_um)
    height, width = (min(size, int(LARGEST_SIDE / factor)) for size in image.shape)
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    window = slice(y, y + height), slice(x, x + width)
    raw = np.ascontiguousarray(image.plane((), None, window))
    truth = read(data / "axon_sem" / "labels" / f"{name}.png").plane((), None, window).astype(np.uint8)
    (look,), _ = adapter.segmenter_images(resample(normalise(raw, limits), factor), (0, 0), Control())
    scene = Scene(name, raw, limits, pixel_um, look, truth)
    first = guess(scene, segmenter)
    return [scene], [first], side_for(object_diameter(first.labels))
