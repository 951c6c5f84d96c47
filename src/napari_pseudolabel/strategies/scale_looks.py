"""What the models make of some places of an image at one magnification; needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import LayerStatistics, normalise
from napari_pseudolabel.imaging.resampling import resample, resample_to
from napari_pseudolabel.imaging.statistics import moments_of
from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.grids import as_raw, sizes_of
from napari_pseudolabel.models.segmenters.base import LayerPart
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies.ensemble import Segmentation, SegmenterInput, segment_ensemble
from napari_pseudolabel.strategies.found_scale import TriedScale
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.survey import Survey, of_translations, segmenter_of

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# The image and its mirror; further looks change the choice no more.
_FLIPS = 1
# So many pixels of the grid of the first model are looked at, over all places.
_MOST_PX = 400 * 400


@dataclass(frozen=True, eq=False)
class Looks:
    """The models of a search, and the places of the image; fields as of `SweepJob`."""

    survey: Survey
    crops: tuple[NDArray[np.float32], ...]
    statistics: tuple[LayerStatistics, ...]
    settings: LabelSettings
    models: LoadedModels
    control: Control

    def at(self, factor: float) -> TriedScale:
        """Look at all places, each magnified by a factor."""
        foreground = pixels = 0.0
        areas: list[NDArray[np.int64]] = []
        both = np.zeros((2, 256))
        for crop in self.crops:
            self.control.check()
            seen = self._looks(_middle(crop, factor, len(self.crops)), factor)
            one, other = seen.candidates
            both[0] += np.bincount(one[one == other].ravel(), minlength=256)
            both[1] += np.bincount(one.ravel(), minlength=256) + np.bincount(other.ravel(), minlength=256)
            foreground += float((one > 0).sum())
            pixels += one.size
            if self._ruler is not None:
                areas.append(self._areas(seen.labels))
        common, total = both[:, 1:]
        counted = total > 0
        agreement = float(np.mean(2 * common[counted] / total[counted])) if counted.any() else 0.0
        return TriedScale(factor, agreement, foreground / max(pixels, 1), self._wider(areas))

    @property
    def _ruler(self) -> float | None:
        """Width of the objects that the segmenter learned from; None where images were brought to a size of their pixels instead."""
        assert self.survey.segmenter is not None
        pixel_um, object_px = sizes_of(self.survey.segmenter.card.source)
        return object_px if pixel_um is None else None

    def _areas(self, labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Pixels of each object, without what is around others."""
        assert self.survey.segmenter is not None
        scheme = scheme_for(self.survey.segmenter.card.classes)
        around = [fibre.outer for fibre in scheme.fibres]
        numbered = to_instances(np.where(np.isin(labels, around), 0, labels), scheme)
        return np.bincount(numbered.ravel())[1:]

    def _wider(self, areas: Sequence[NDArray[np.int64]]) -> float | None:
        found = np.concatenate(areas) if areas else np.zeros(0)
        if not found.size or self._ruler is None:
            return None
        # Discs of the median area.
        return math.log2(4 / math.pi * float(np.median(found))) / 2 - math.log2(self._ruler)

    def _looks(self, crop: NDArray[np.float32], factor: float) -> Segmentation:
        """Labels of a crop and of its mirror, on the segmenter's grid; without crumbs where objects are measured."""
        survey, facts, settings = self.survey, self.survey.segmenter, self.settings.tiles
        assert facts is not None
        segmenter = segmenter_of(facts.ref, self.models)
        image = resample(crop, factor)
        statistics = self.statistics[0]
        if survey.translator is not None:
            source = normalise(image, statistics.channels[0].limits)
            image = translate(
                self.models.translator(survey.translator.name),
                source,
                seed=self.settings.seed,
                evaluations="preview",
                settings=settings,
                limits=self.models.limits,
                control=self.control,
            ).samples[0]
        grid = survey.grid_of(facts, (image.shape[-2], image.shape[-1]))
        image = resample_to(image, grid)
        if survey.translator is not None:
            image = as_raw(image, facts.card)
            statistics = of_translations(facts, replace(survey, translated=moments_of(image)))
        # Where the layer is not zero lies elsewhere on this grid; all that is looked at counts.
        part = LayerPart(replace(statistics, box=None))
        known = facts.card.calibration
        temperature = 1.0 if known is None else known.of(translated=survey.translator is not None)
        given = SegmenterInput(segmenter, image[None], part, lambda values: values, temperature=temperature)
        return segment_ensemble(
            (given,),
            replace(self.settings, flips=_FLIPS),
            control=self.control,
            least_px=0.0 if self._ruler is None else least_area(self.settings.smallest_object, self._ruler),
        )


def _middle(crop: NDArray[np.float32], factor: float, count: int) -> NDArray[np.float32]:
    """Return the middle of a crop, so that all together are not too much to look at."""
    side = max(1, math.floor(math.sqrt(_MOST_PX / count) / factor))
    height, width = crop.shape[-2:]
    y, x = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return crop[..., y : y + side, x : x + side]
