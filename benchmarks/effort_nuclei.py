"""Nuclei of the simulated person: labels in fluorescence, images in a purple stain, no translator."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from effort_measures import added_path_length, false_negative_path_length, instance_edits
from numpy.typing import NDArray
from simulated_person import Effort, Guess, Scene, Work, guess
from skimage.exposure import match_histograms
from skimage.segmentation import relabel_sequential

from napari_pseudolabel.imaging import IntensityRange, intensity_range, labels_to, normalise, read, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.labels.objects import scheme_for, to_classes, to_instances
from napari_pseudolabel.labels.review import Box, side_for
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining

SOURCE, TARGET = "fluorescence", "stain_purple_on_white"
CLASSES = default_classes(("nucleus",))
SCHEME = scheme_for(CLASSES)
# Diameters in pixels: what the model sees, and what a person would measure by eye in the target images. The second is
# rounded from the median of the target's labels, the only thing taken from them.
OBJECT_PX = GIVEN_OBJECT_PX = 20.0
SETTINGS = SegmenterSettings(steps=600, batch=6, patch=128, seed=0, warm_up=10)
DRAWN = 100_000  # numbers above are of objects that the person drew
GOOD_ENOUGH = 0.7  # IoU of outlines that a lenient person leaves as they are
STEP = 7  # of the grey values that the histogram is taken from
VALIDATION_EVERY = 7  # every seventh image of the source is kept for validation


def instances(data: Path, modality: str, name: str) -> NDArray[np.int32]:
    """Objects of an image, numbered."""
    return read(data / "nuclei" / modality / "labels" / f"{name}.png").plane((), None).astype(np.int32)


def source_planes(data: Path) -> list[LabelledPlane]:
    """The labelled set, every image magnified so that its objects have the size that the model sees."""
    with (data / "nuclei" / "index.csv").open() as file:
        names = [row["id"] for row in csv.DictReader(file) if row["modality_guess"] == SOURCE]
    planes = []
    for name in sorted(names):
        image = read(data / "nuclei" / SOURCE / "images" / f"{name}.png")
        numbered = instances(data, SOURCE, name)
        areas = np.bincount(numbered.ravel())[1:]
        size = float(np.median(np.sqrt(4 * areas[areas > 0] / np.pi)))
        look = resample(
            normalise(image.plane((), image.default_channel), intensity_range(image)), OBJECT_PX / size
        )
        planes.append(LabelledPlane(name, look, _outlines(labels_to(numbered, look.shape))))
    return planes


def source_segmenter(data: Path, runs: Path) -> Path:
    """Train a small U-Net on fluorescence, or find the one trained before."""
    folder = runs / "nuclei-source"
    if not (folder / "done").exists():
        planes = source_planes(data)
        card = Card(
            kind="segmenter",
            family="monai-unet",
            source=Modality(name=SOURCE, object_size_px=OBJECT_PX),
            classes=CLASSES,
        )
        kept = planes[::VALIDATION_EVERY]
        train = [plane for number, plane in enumerate(planes) if number % VALIDATION_EVERY]
        score = SegmenterTraining(train, kept, card, SETTINGS).run(folder)
        print(f"segmenter of fluorescence: validation Dice {score.mean:.3f} at step {score.step}")
        (folder / "done").touch()
    return folder / "best.safetensors"


class NucleiWork(Work):
    """Labels are numbered objects; the quality is F1 at an IoU above 0.5 over all objects of all images.

    A region holds the objects whose middle lies in it. The person draws them as they are, and removes what was
    predicted there; objects that stick into the region from beside are left for the next one.
    """

    def __post_init__(self) -> None:
        self.numbered = [np.zeros(scene.truth.shape, np.int32) for scene in self.scenes]
        self.middles = [_middles(scene.truth) for scene in self.scenes]
        self.matches = [(0, 0, int(scene.truth.max())) for scene in self.scenes]
        super().__post_init__()

    def fill(self, guesses: Sequence[Guess]) -> None:
        """New predictions; objects that lie mostly where the person has been are not new."""
        super().fill(guesses)
        for number, new in enumerate(guesses):
            touched, kept = self.sheets[number].touched, self.numbered[number]
            found = to_instances(new.labels, SCHEME, np.where(new.labels, new.confidence, 1 - new.confidence))
            sizes = np.bincount(found.ravel())
            hidden = np.bincount(found[touched], minlength=len(sizes))
            found[(touched | (2 * hidden > sizes)[found])] = 0
            own = np.where(touched & (kept > DRAWN), kept, 0)
            self._set(number, np.where(own > 0, own, found))

    def correct(self, number: int, box: Box) -> Effort:
        """Draw the objects of the box, and remove the predicted ones."""
        sheet, truth, before = self.sheets[number], self.scenes[number].truth, self.numbered[number]
        inside = _inside(self.middles[number], box)
        drawn = inside[truth]
        old = np.where(before > DRAWN, 0, before)
        shared = np.bincount(old[drawn], minlength=old.max() + 1)
        elsewhere = np.bincount(old[(truth > 0) & ~drawn], minlength=old.max() + 1)
        # A predicted object belongs to the true ones that it covers, or to where its middle is.
        gone = np.where(shared + elsewhere > 0, shared > elsewhere, _inside(_middles(old), box))
        gone[0] = False
        removed = np.where(gone[old], old, 0)
        wanted = np.where(drawn, truth, 0)
        after = wanted if self.careful else _left(removed, wanted)
        path = _outlines(removed), _outlines(after)
        effort = Effort(
            added_path_length(*path, 1), false_negative_path_length(*path, 1), instance_edits(removed, after)
        )
        y0, x0, y1, x1 = box
        others = (truth > 0) & ~drawn
        sheet.touched[y0:y1, x0:x1] |= ~others[y0:y1, x0:x1]
        sheet.touched |= drawn | (gone[old] & ~others)
        result = np.where(gone[old], 0, before)
        result[sheet.touched & (result <= DRAWN)] = 0
        # Among the drawn ones kept objects have numbers of their own as well.
        result = np.where(after > 0, DRAWN + after, result)
        self._set(number, result)
        return effort

    def quality(self) -> float:
        """F1."""
        hits, found, real = np.sum(self.matches, axis=0)
        return float(2 * hits / (found + real))

    def _set(self, number: int, numbered: NDArray[np.int32]) -> None:
        self.numbered[number] = numbered
        self.sheets[number].labels = _outlines(numbered)
        self.matches[number] = _matches(numbered, self.scenes[number].truth)


def _outlines(numbered: NDArray[np.integer]) -> NDArray[np.uint8]:
    """One class, with a gap where objects touch."""
    return to_classes(numbered, (numbered > 0).astype(np.uint8))


def _middles(numbered: NDArray[np.integer]) -> NDArray[np.float64]:
    """(n + 1, 2) centres of mass by number; NaN where there is none."""
    sizes = np.bincount(numbered.ravel()).astype(float)
    sizes[sizes == 0] = np.nan
    places = np.indices(numbered.shape).reshape(2, -1)
    sums = [np.bincount(numbered.ravel(), along, len(sizes)) for along in places]
    return np.stack(sums, axis=1) / sizes[:, None]


def _inside(middles: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Which numbers have their middle in a box; the background never."""
    y, x = middles.T
    inside = (y >= box[0]) & (y < box[2]) & (x >= box[1]) & (x < box[3])
    inside[0] = False
    return inside


def _left(removed: NDArray[np.int32], wanted: NDArray[np.integer]) -> NDArray[np.int32]:
    """What a person leaves who does not touch outlines that are good enough."""
    result = wanted.astype(np.int32)
    pairs, common = np.unique(
        np.stack([removed, wanted])[:, (removed > 0) & (wanted > 0)], axis=1, return_counts=True
    )
    sizes, real = np.bincount(removed.ravel()), np.bincount(wanted.ravel())
    for old, new, pixels in zip(*pairs.tolist(), common.tolist(), strict=True):
        if pixels >= GOOD_ENOUGH * (sizes[old] + real[new] - pixels):
            result[result == new] = 0
            result[(removed == old) & (result == 0)] = new
    return result


def _matches(numbered: NDArray[np.int32], truth: NDArray[np.integer]) -> tuple[int, int, int]:
    """Objects that fit (IoU above 0.5, so each at most once), objects there are, and objects there should be."""
    pairs, common = np.unique(
        np.stack([numbered, truth])[:, (numbered > 0) & (truth > 0)], axis=1, return_counts=True
    )
    sizes, real = np.bincount(numbered.ravel()), np.bincount(truth.ravel())
    hits = (2 * common > sizes[pairs[0]] + real[pairs[1]] - common).sum()
    return int(hits), int((sizes[1:] > 0).sum()), int((real[1:] > 0).sum())


def load(data: Path, checkpoint: Path) -> tuple[list[Scene], list[Guess], int]:
    """Every second image, inverted and matched to fluorescence, and labelled. The last value is the side of regions."""
    reference = np.concatenate([plane.image.ravel() for plane in source_planes(data)])[None, ::STEP]
    segmenter = load_segmenter(checkpoint)
    scenes = []
    names = sorted(path.stem for path in (data / "nuclei" / TARGET / "images").iterdir())
    for name in names[::2]:
        image = read(data / "nuclei" / TARGET / "images" / f"{name}.png")
        dark = 1 - normalise(image.plane((), image.default_channel), intensity_range(image))
        like = match_histograms(dark.reshape(1, -1), reference).reshape(dark.shape).astype(np.float32)
        truth = relabel_sequential(instances(data, TARGET, name))[0]
        look = resample(like, OBJECT_PX / GIVEN_OBJECT_PX)
        scenes.append(Scene(name, like, IntensityRange(0, 1), None, look, truth))
    return scenes, [guess(scene, segmenter) for scene in scenes], side_for(GIVEN_OBJECT_PX)


def scaled(settings: FineTuneSettings) -> FineTuneSettings:
    """The same settings with the object size that the person gave."""
    return replace(settings, scale=Scale(object_size_px=GIVEN_OBJECT_PX))
