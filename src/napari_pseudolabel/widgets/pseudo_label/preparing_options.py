"""What the dock does for a strategy that prepares something and has no controls but its options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from napari_pseudolabel.engine.packages import state
from napari_pseudolabel.options import written
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.strategy import LabelRequest, PreparingJob, Strategy
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.pseudo_label.label_choice import TrainingStatus
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace


class OptionsController(PreparingController):
    """Prepares what the models that are chosen and the form of the options say, in a folder of the workspace."""

    def __init__(
        self,
        strategy: Strategy,
        view: PseudoLabelView,
        models: ModelPicker,
        runner: JobRunner,
        workspace: Callable[[], Workspace],
    ) -> None:
        super().__init__(view, runner)
        self.strategy = strategy
        self.doing = self.reading = f"Preparing {strategy.word.lower()}"
        self.gone = "The image was removed meanwhile. What was prepared is kept; choose an image to label."
        self.keeping = "Keeping what was prepared"
        self._models, self._workspace = models, workspace
        self._modality = ""
        view.changed.connect(self._check_soon)

    @override
    def follow(self, image: str | None, modality: str) -> None:
        self._modality = modality
        self._check_soon()

    @override
    def why_not(self) -> str | None:
        for need in self.strategy.needs:
            chosen = self._models.chosen(need.role)
            if chosen is None:
                return f"“{self.strategy.title}” needs {need.words}; choose one."
            if chosen.problem:
                return chosen.problem
        return self._problem

    @override
    def status_text(self, status: TrainingStatus | None) -> str:
        if status is None or not status.begun:
            return ""
        return (
            "This is prepared already."
            if status.done
            else "This was begun, and goes on where it was stopped."
        )

    @override
    def maker(self, seed: int, device: str) -> Callable[[], PreparingJob]:
        choice, preparation, modality = self._dock.choice(), self.strategy.preparation, self._modality
        assert preparation is not None
        runs = self._workspace().folder / "runs"
        asked = LabelRequest(
            **{role: getattr(choice, role) for role in self.strategy.roles},
            options=choice.options,
            # No other setting may reach what is prepared, because the folder does not follow from any other.
            settings=LabelSettings(seed=seed, tiles=TileSettings(device=device)),
        )

        def make() -> PreparingJob:
            folder = runs / f"{self.strategy.name}-{_digest(asked, modality)}"
            return preparation.job(replace(asked, folder=folder), modality)

        return make

    @override
    def trained(self, job: PreparingJob) -> TrainingStatus:
        return TrainingStatus(job.done, job.folder.is_dir())

    @override
    def on_event(self, job: Any, event: object) -> None:
        assert self.strategy.preparation is not None
        if sentence := self.strategy.preparation.event_text(event):
            self.message.emit(sentence, ())


def _digest(asked: LabelRequest, modality: str) -> str:
    """Tell preparations apart by their models, options, seed, and what the image shows."""
    models = [state(ref) for ref in (asked.translator, asked.segmenter) if ref is not None]
    options = None if asked.options is None else written(asked.options)
    told = models, options, asked.settings.seed, modality
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
