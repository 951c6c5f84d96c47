"""What the dock does for a strategy that prepares something and has no controls but its options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.options import written
from napari_pseudolabel.strategies.strategy import Asked, PreparingJob, Strategy
from napari_pseudolabel.widgets.common.background import Background
from napari_pseudolabel.widgets.pseudo_label.choice import Trained
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingPart

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace


class OptionsPart(PreparingPart):
    """Prepares what the models that are chosen and the form of the options say, in a folder of the workspace."""

    def __init__(
        self,
        strategy: Strategy,
        view: PseudoLabelView,
        models: ModelPicker,
        background: Background,
        workspace: Callable[[], Workspace],
    ) -> None:
        super().__init__(view, background)
        self.strategy = strategy
        self.doing = self.reading = f"Preparing {strategy.title.lower()}"
        self.gone = "The image was removed meanwhile. What was prepared is kept; choose an image to label."
        self.keeping = "Keeping what was prepared"
        self._models, self._workspace = models, workspace
        self._modality = ""
        view.changed.connect(self._ask)

    def follow(self, image: str | None, modality: str) -> None:
        self._modality = modality
        self._ask()

    def why_not(self) -> str | None:
        for one in self.strategy.needs:
            chosen = self._models.chosen(one.role)
            if chosen is None:
                return f"{self.strategy.title} needs {one.words}; choose one."
            if chosen.problem:
                return chosen.problem
        return self._problem

    def known_text(self, known: Trained | None) -> str:
        if known is None or not known.begun:
            return ""
        return (
            "This is prepared already." if known.done else "This was begun, and goes on where it was stopped."
        )

    def maker(self, seed: int, device: str) -> Callable[[], PreparingJob]:
        choice, preparation, modality = self._dock.choice(), self.strategy.preparation, self._modality
        assert preparation is not None
        runs = self._workspace().folder / "runs"
        asked = Asked(
            **{role: getattr(choice, role) for role in self.strategy.roles},
            options=choice.options,
            settings=choice.settings,
        )

        def make() -> PreparingJob:
            folder = runs / f"{self.strategy.name}-{_digest(asked, seed)}"
            return preparation.job(replace(asked, folder=folder), modality)

        return make

    def trained(self, job: PreparingJob) -> Trained:
        return Trained(job.done, job.folder.is_dir())

    def told(self, job: Any, event: object) -> None:
        assert self.strategy.preparation is not None
        if sentence := self.strategy.preparation.telling(event):
            self.said.emit(sentence, ())


def _digest(asked: Asked, seed: int) -> str:
    """Tell preparations apart by their models, options and seed."""
    models = [resolve(ref) for ref in (asked.translator, asked.segmenter) if ref is not None]
    stamps = [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in models]
    told = [stamps, None if asked.options is None else written(asked.options), seed]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
