"""The job that fine-tunes a segmenter. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuned, FineTuneTask

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True, eq=False)
class FineTuneJob(FineTuneTask):
    """Fine-tune a segmenter, or train one from nothing, on what a person corrected."""

    def run(self, control: Control, models: LoadedModels) -> FineTuned:
        """Train, or go on with it; tells `Began`, `Loss` and `Epoch`.

        Raises
        ------
        InputError
            If something is missing (see `missing`), the segmenter cannot be trained further, or `folder` holds
            another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.segmenter.fine_tuning import fine_tune  # imports torch

        return fine_tune(self, control, models)
