"""How fast the chosen models are on the machine that runs them, measured before anybody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.strategies.survey import ModelFacts, Survey, SurveyJob, segmenter_of
from napari_pseudolabel.tiling import TileSettings

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# Four usual tiles, which are a batch on a CPU.
_SIDE_PX = 240


@dataclass(frozen=True)
class ModelSpeed:
    """Seconds per pixel of the tiles of a model; 0 without one.

    Attributes
    ----------
    translator
        For one evaluation.
    segmenter
        For one look.
    measuring
        Seconds that it took to find out, when the models were loaded.
    """

    translator: float
    segmenter: float
    measuring: float = 0.0


@dataclass(frozen=True)
class SpeedJob:
    """Load the models, and let each see a few tiles of noise: then they are ready, and it is known how long they take."""

    survey: SurveyJob
    tiles: TileSettings = TileSettings()

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return self.survey.title

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return self.survey.checkpoints

    def run(self, control: Control, models: LoadedModels) -> ModelSpeed:
        """Do the work; raises as `SurveyJob` and the models do."""
        found = self.survey.run(control, models)
        began = time.perf_counter()
        speeds = self._translator(found, control, models), self._segmenter(found, control, models)
        return ModelSpeed(*speeds, measuring=time.perf_counter() - began)

    def _translator(self, found: Survey, control: Control, models: LoadedModels) -> float:
        from napari_pseudolabel.models.translators.translate import translate

        if found.translator is None:
            return 0.0
        model = models.translator(found.translator.name)
        plane = _noise(1)[0]
        return self._seconds_per_px(
            found.translator,
            lambda: translate(
                model,
                plane,
                evaluations="preview",
                settings=self.tiles,
                limits=models.limits,
                control=control,
            ),
        )

    def _segmenter(self, found: Survey, control: Control, models: LoadedModels) -> float:
        if found.segmenter is None:
            return 0.0
        model = segmenter_of(found.segmenter.ref, models)
        image = 255 * _noise(model.channels)
        return self._seconds_per_px(
            found.segmenter, lambda: model.probabilities(image, settings=self.tiles, control=control)
        )

    def _seconds_per_px(self, facts: ModelFacts, look: Callable[[], object]) -> float:
        look()  # the first time libraries prepare themselves
        began = time.perf_counter()
        look()
        seconds = time.perf_counter() - began
        grid = facts.layout.grid((_SIDE_PX, _SIDE_PX), self.tiles, None)
        return seconds / (len(grid) * grid.tile[0] * grid.tile[1])


def _noise(channels: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """(C, H, W) float32 in [0, 1], always the same."""
    return np.random.default_rng(0).random((channels, _SIDE_PX, _SIDE_PX), dtype=np.float32)
