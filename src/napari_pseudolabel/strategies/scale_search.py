"""Find the magnification of an image of which nobody knows the size: by its texture, then by what models make of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Channel, Image, LayerStatistics, measure
from napari_pseudolabel.imaging.blank_layer import nothing_in
from napari_pseudolabel.imaging.scale import Texture
from napari_pseudolabel.imaging.scale.comparison import TextureEstimates, compare, octaves_longer
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies.chunks import ImageTask
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale
from napari_pseudolabel.strategies.known_scales import begun, ended, keep, key_of, recall
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.scale_choice import choose, next_factors
from napari_pseudolabel.strategies.survey import SegmenterRef, Survey, SurveyJob, references

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# Places of a layer that are looked at, along each axis of a plane that is larger than a crop; or planes of a stack.
_PLACES = 2
_PLANES = 3
_TEXTURE_PX = 1024
_LOOKED_AT_PX = 600
_WORTH_KEEPING_S = 1.0
# So few pixels of an image hold too few objects for looks to differ by the scale alone: nothing is looked for.
_LEAST_SIDE_PX = 96
# So wide a place still is on the model's grid at the smallest magnification: some objects across.
_LEAST_MAGNIFIED_PX = 48
# So many octaves texture has to be away from a size that is known: of 225 images that fit, the worst is 1.3 away.
_CONTRADICTS = 1.6


@dataclass(frozen=True, eq=False)
class FindScaleJob(ImageTask):
    """Find the scale of an image, and do nothing else; parameters as of `LabelJob`."""

    translator: str | None = None
    segmenter: SegmenterRef | None = None
    second_opinions: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return f"Finding the scale of {self.image.name}"

    @property
    def survey(self) -> SurveyJob:
        """Loads the models and says what they are.

        Raises
        ------
        InputError
            If there is no model.
        """
        return SurveyJob(self.translator, self.segmenter, second_opinions=self.second_opinions)

    def second_survey(self, survey: Survey, control: Control) -> SweepJob | None:
        """Read what is looked at; None once the scale was looked for. Runs where the image is."""
        return None if survey.found is not None else sweep(self, survey, control)

    def answer(self, survey: Survey) -> FoundScale:
        """Return what was found."""
        assert survey.found is not None
        return survey.found

    def run(self, control: Control, models: LoadedModels) -> FoundScale:
        """Do all of it here.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """
        survey = self.survey.run(control, models)
        while (more := self.second_survey(survey, control)) is not None:
            survey = more.run(control, models)
        return self.answer(survey)


@dataclass(frozen=True, eq=False)
class SweepJob:
    """Look at some places of an image at several magnifications.

    Attributes
    ----------
    crops
        (H, W) or (C, H, W) float32 raw values each, always the same for an image, whatever part of it is labelled.
    statistics
        Of the layer, as the models that see the image need them.
    estimates
        What the texture says.
    untold
        Why the image cannot tell its scale, as a clause; then no model looks at it.
    """

    survey: Survey
    crops: tuple[NDArray[np.float32], ...]
    statistics: tuple[LayerStatistics, ...]
    estimates: TextureEstimates
    settings: LabelSettings
    untold: str = ""
    title: str = "Finding the scale"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return references(model.ref for model in self.survey.models)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; the survey says what was found."""
        return replace(self.survey, found=self._found(control, models))

    def _found(self, control: Control, models: LoadedModels) -> FoundScale:
        if self.untold:
            return FoundScale(1.0, sure=False, why=self.untold)
        key = self._key()
        if (known := recall(key)) is not None:
            return known
        started = time.monotonic()
        made = isinstance(self.survey.models[-1].ref, str)  # what a method makes has no sum of its own
        found = self._looked_for(begun(key) if made else {}, control, models)
        ended(key)
        if made and time.monotonic() - started > _WORTH_KEEPING_S:
            keep(key, found)
        return found

    def _key(self) -> str:
        # A card may be corrected beside weights that stay.
        models = [(one.sha256, one.role, one.card.model_dump_json()) for one in self.survey.models[:2]]
        tiles = self.settings.tiles
        about = (
            self.statistics,
            self.estimates,
            models,
            self.settings.seed,
            tiles.tile,
            tiles.overlap,
            self.settings.smallest_object,
        )
        return key_of(*self.crops, *about)

    def _looked_for(
        self, seen: dict[float, TriedScale], control: Control, models: LoadedModels
    ) -> FoundScale:
        from napari_pseudolabel.strategies.scale_looks import Looks

        # What is tried next follows from all that was tried before, so it is gone through in the same order.
        tried: dict[float, TriedScale] = {}
        if self.survey.segmenter is not None:
            looks = Looks(self.survey, self.crops, self.statistics, self.settings, models, control)
            smallest = _LEAST_MAGNIFIED_PX / max(min(crop.shape[-2:]) for crop in self.crops)
            while waiting := next_factors(tuple(tried.values()), self.estimates, smallest):
                stage = control.stage("Finding the scale", len(tried) + len(waiting))
                stage.advance(len(tried))
                for factor in waiting:
                    if factor not in seen:
                        seen[factor] = looks.at(factor)
                    tried[factor] = seen[factor]
                    stage.advance(1)
        grid = sizes_of(self.survey.models[0].card.source)
        found = choose(tuple(tried.values()), self.estimates, grid[1])
        return replace(found, grid=grid, models=self.survey.looking)


def sweep(job: ImageTask, survey: Survey, control: Control) -> SweepJob:
    """Read the places of an image that are looked at, measure the layer, and compare its texture.

    Raises
    ------
    InputError
        If the image cannot be read, or does not fit the models.
    """
    image, channels = job.image, job.channels(survey)
    if all(nothing_in(image, channel) for channel in channels):
        return _without_a_look(job, survey, "there is nothing to see in the image")
    if (side := min(image.shape[-2:])) < _LEAST_SIDE_PX:
        few = f"an image of {side} pixels across shows too little ({_LEAST_SIDE_PX} are needed)"
        return _without_a_look(job, survey, few)
    seeing = survey.models if survey.translator is None else (survey.translator,)
    statistics = tuple(measure(image, channels, model.need, control) for model in seeing)
    estimates = texture_estimates(job, survey, control)
    near = min(max(estimates.middle or 1.0, 1 / 16), 2.0)
    crops = tuple(
        _stacked([image.plane(plane, channel, window) for channel in channels])
        for plane, window in _places(image, math.ceil(_LOOKED_AT_PX / near))
    )
    return SweepJob(survey, crops, statistics, estimates, job.settings)


def _without_a_look(job: ImageTask, survey: Survey, why: str) -> SweepJob:
    return SweepJob(survey, (), (), TextureEstimates(), job.settings, why)


def _stacked(planes: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return planes[0] if len(planes) == 1 else np.stack(planes)


def texture_estimates(job: ImageTask, survey: Survey, control: Control) -> TextureEstimates:
    """Return what the texture of an image says about its scale, without any model; nothing where the card says nothing."""
    source = survey.models[0].card.source
    texture = source.texture if source else None
    if texture is None:
        return TextureEstimates()
    control.check()
    return compare(_crops(job.image, _channel(job, survey)), texture)


def doubt_about(job: ImageTask, survey: Survey, factor: float, control: Control) -> TextureEstimates | None:
    """Compare the texture of an image whose size is known; None where it does not contradict the size by far.

    Parameters
    ----------
    factor
        Magnification that follows from the size.
    """
    source = survey.models[0].card.source
    texture = source.texture if source else None
    if texture is None:
        return None
    control.check()
    return contradiction(job.image, _channel(job, survey), texture, factor)


def contradiction(
    image: Image, channel: Channel | None, texture: Texture, factor: float
) -> TextureEstimates | None:
    """Return the same for the texture of a training set, without models; `channel` is what a model of one channel sees.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    crops = _crops(image, channel)
    longer = octaves_longer(crops, texture, factor)
    if longer is None or abs(longer) < _CONTRADICTS:
        return None
    found = compare(crops, texture)
    away = [math.log2(one / factor) for one in found.all]
    return found if len(away) == 2 and (min(away) >= _CONTRADICTS or max(away) <= -_CONTRADICTS) else None


def _channel(job: ImageTask, survey: Survey) -> Channel | None:
    return None if len(job.channels(survey)) > 1 else job.settings.channel


def _crops(image: Image, channel: Channel | None) -> list[NDArray[np.float32]]:
    """Places of a layer whose texture is compared."""
    return [image.plane(plane, channel, window) for plane, window in _places(image, _TEXTURE_PX)]


def _places(image: Image, side: int) -> Iterator[tuple[tuple[int, ...], tuple[slice, slice]]]:
    """Planes and windows that are spread over a layer, the same whatever part of it is asked for."""
    planes = list(image.planes())
    chosen = np.unique(
        np.linspace(0, len(planes) - 1, min(_PLANES, len(planes)) + 2).round().astype(int)[1:-1]
    )
    places = _PLACES if len(planes) == 1 else 1
    rows, columns = (_spans(length, side, places) for length in image.shape[-2:])
    for number in chosen:
        for row in rows:
            for column in columns:
                yield planes[number], (slice(*row), slice(*column))


def _spans(length: int, side: int, places: int) -> list[tuple[int, int]]:
    """Spans of a side along an axis: everything where it is not longer, else spread over it."""
    if length <= side:
        return [(0, length)]
    if length <= 2 * side:
        start = (length - side) // 2
        return [(start, start + side)]
    middles = [length * (2 * place + 1) / (2 * places) for place in range(places)]
    return [(round(middle - side / 2), round(middle - side / 2) + side) for middle in middles]
