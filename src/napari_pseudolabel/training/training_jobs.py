"""The jobs that train segmenters and translators beside the window, with labels, with few or with none.

Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control
from napari_pseudolabel.training.cycled.cycled_task import CycledTask
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneResult, FineTuneTask
from napari_pseudolabel.training.self_training.self_training_task import SelfTrained, SelfTrainingTask
from napari_pseudolabel.training.student.distil_task import DistilTask, FastVersion
from napari_pseudolabel.training.translator.zero_shot_task import ZeroShotResult, ZeroShotTask
from napari_pseudolabel.training.tutor.tutor_task import TutorResult, TutorTask
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedTask, UnlabelledResult

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True, eq=False)
class FineTuneJob(FineTuneTask):
    """Fine-tune a segmenter, or train one from nothing, on what a person corrected."""

    def run(self, control: Control, models: LoadedModels) -> FineTuneResult:
        """Train, or go on with it; tells `TrainStart`, `Loss` and `Epoch`.

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


@dataclass(frozen=True, eq=False)
class TutorJob(TutorTask):
    """Translate a labelled set into the target modality and train proxy segmenters on it."""

    def run(self, control: Control, models: LoadedModels) -> TutorResult:
        """Translate and train, or go on with it; tells `SyntheticPair`, `Fold`, `TrainStart`, `Loss` and `Epoch`.

        Raises
        ------
        InputError
            If a labelled set cannot be used, the settings do not fit it, or `folder` holds another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.tutor.tutoring import tutor  # imports torch

        return tutor(self, control, models)


@dataclass(frozen=True, eq=False)
class DistilJob(DistilTask):
    """Make a fast version of a translator: a small network that learns what it makes of images."""

    def run(self, control: Control, models: LoadedModels) -> FastVersion:
        """Translate, train and compare the labels, or go on with it; tells `TrainStart`, `Loss` and `Epoch`.

        Raises
        ------
        InputError
            If the images cannot be used, the models do not fit each other, or `folder` holds another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.student.distilling import distil  # imports torch

        return distil(self, control, models)


@dataclass(frozen=True, eq=False)
class RenderedJob(RenderedTask):
    """Draw fields that look like images which nobody has labelled, and train a segmenter on them."""

    def run(self, control: Control, models: LoadedModels) -> UnlabelledResult:
        """Draw and train, or go on with it; tells `SyntheticPair`, `TrainStart`, `Loss` and `Epoch`.

        Raises
        ------
        InputError
            If nothing is found in the images, or `folder` holds another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.unlabelled.rendering import render  # imports torch

        return render(self, control)


@dataclass(frozen=True, eq=False)
class CycledJob(CycledTask):
    """Learn images from rendered masks, and a segmenter from the images and the masks that come back."""

    def run(self, control: Control, models: LoadedModels) -> UnlabelledResult:
        """Train both, or go on with it; tells `SyntheticPair`, `TrainStart`, `Loss` and `Epoch`.

        Raises
        ------
        InputError
            If nothing is found in the images, or `folder` holds another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.cycled.cycling import cycle  # imports torch

        return cycle(self, control)


@dataclass(frozen=True, eq=False)
class SelfTrainingJob(SelfTrainingTask):
    """Train a segmenter further on images without labels, in rounds."""

    def run(self, control: Control, models: LoadedModels) -> SelfTrained:
        """Label, learn and label again, or go on with it; tells `TrainStart`, `Round`, `Loss` and `Verdict`.

        Raises
        ------
        InputError
            If the images cannot be used, the segmenter cannot be trained further, it is sure of nothing, or `folder` holds
            another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.self_training.self_training import self_train  # imports torch

        return self_train(self, control, models)


@dataclass(frozen=True, eq=False)
class ZeroShotJob(ZeroShotTask):
    """Learn how one modality looks, so that images of any other can be made to look like it."""

    def run(self, control: Control, models: LoadedModels) -> ZeroShotResult:
        """Train, or go on with it; tells `TrainStart` and `Loss`.

        Raises
        ------
        InputError
            If the images cannot be used, or `folder` holds another training.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.training.translator.zero_shot_learning import learn  # imports torch

        return learn(self, control, models)
