"""What the dock does for a strategy that prepares something and has no controls but its options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from napari_pseudolabel.engine.packages import state
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.models.trainable import why_untrainable
from napari_pseudolabel.options import written
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.strategy import LabelRequest, PreparingJob, Strategy
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_events import SyntheticPair, TrainStart
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.unlabelled.unlabelled_task import UnlabelledTask, result_of
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.picture_rows import grey
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, TrainingStatus
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController

if TYPE_CHECKING:
    from napari_pseudolabel.training.data.target_images import TargetImages
    from napari_pseudolabel.widgets.pseudo_label.modality import ModalityPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace


class OptionsController(PreparingController):
    """Prepares what the models that are chosen and the form of the options say, in a folder of the workspace."""

    def __init__(
        self,
        strategy: Strategy,
        view: PseudoLabelView,
        shown: ModalityPicker,
        runner: JobRunner,
        workspace: Callable[[], Workspace],
    ) -> None:
        super().__init__(view, runner)
        self.strategy = strategy
        self.doing = self.reading = f"Preparing {strategy.word.lower()}"
        self.gone = "The image was removed meanwhile. What was prepared is kept; choose an image to label."
        self.keeping = "Keeping what was prepared"
        self._shown, self._workspace = shown, workspace
        self._modality = ""
        self._targets: TargetImages | None = None
        self._notes: tuple[str, ...] = ()
        view.changed.connect(self._check_soon)

    @override
    def follow(self, image: str | None, modality: str) -> None:
        self._modality = modality
        self._check_soon()

    @override
    def why_not(self) -> str | None:
        for need in self.strategy.needs:
            chosen = self._shown.models.chosen(need.role)
            if chosen is None:
                return f"“{self.strategy.title}” needs {need.words}; choose one."
            if chosen.problem:
                return chosen.problem
            learns = self.strategy.preparation is not None and self.strategy.preparation.takes_targets
            if learns and chosen.card is not None and (why := why_untrainable(chosen.card, chosen.title)):
                return why
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
        return self._maker(self._dock.choice(), seed, device)

    def learned(self, seed: int, device: str) -> Callable[[], LabelRequest | None]:
        """Return what tells, beside the window, what is asked for with what was learned from the image; None where nothing was.

        Raises
        ------
        PseudolabelError
            If something is missing.
        """
        options = self._dock.own[self.strategy.name].value()
        make = self._maker(replace(self._dock.choice(), options=options), seed, device)

        def found() -> LabelRequest | None:
            job, preparation = make(), self.strategy.preparation
            assert preparation is not None
            made = result_of(job) if isinstance(job, UnlabelledTask) else None
            return None if made is None else preparation.with_result(LabelRequest(options=options), job, made)

        return found

    def _maker(self, choice: LabelChoice, seed: int, device: str) -> Callable[[], PreparingJob]:
        preparation, modality = self.strategy.preparation, self._modality
        assert preparation is not None
        runs = self._workspace().folder / "runs"
        images = (self._shown.image(),) if preparation.sees_images else ()
        asked = LabelRequest(
            **{role: getattr(choice, role) for role in self.strategy.roles},
            options=choice.options,
            images=images,
            # No other setting may reach what is prepared, because the folder does not follow from any other.
            settings=LabelSettings(
                seed=seed,
                tiles=TileSettings(device=device),
                channel=choice.settings.channel if images else None,
            ),
        )

        read = self._reader(choice) if preparation.takes_targets else None

        def make() -> PreparingJob:
            self._targets = None if read is None else read()
            own = replace(asked, targets=self._targets)
            folder = runs / f"{self.strategy.name}-{_digest(own, modality)}"
            return preparation.job(replace(own, folder=folder), modality)

        return make

    def _reader(self, choice: LabelChoice) -> Callable[[], TargetImages]:
        """Return what reads all open images of the kind."""
        found = self._shown.open_images()
        if found is None:
            raise InputError("The image was removed; choose another one.")
        return found.reader(choice, self._workspace().split)

    @override
    def committed(self) -> None:
        if self._targets is None:
            return
        for plane in self._targets.planes:
            # What is learned may judge no later training.
            if (learned := plane.touched & ~plane.validation).any():
                self._workspace().split.assign_to_training(plane.key, learned)

    @override
    def trained(self, job: PreparingJob) -> TrainingStatus:
        return TrainingStatus(job.done, job.folder.is_dir())

    @override
    def beginning(self) -> None:
        self._dock.made.clear()

    @override
    def on_event(self, job: Any, event: object) -> None:
        if isinstance(event, SyntheticPair) and self._dock.choice().strategy == self.strategy.name:
            source, made = (grey(values, 0, 255) for values in (event.source, event.translation))
            labelled = overlaid(made, event.labels, with_colours(job.classes))
            self._dock.made.set_pictures([[source, made, labelled]], ("your image", event.name, "labels"))
        assert self.strategy.preparation is not None
        if isinstance(event, TrainStart):
            self._notes = event.notes
            self.message.emit("", event.notes)
        elif sentence := self.strategy.preparation.event_text(event):
            self.message.emit(sentence, self._notes)


def _digest(asked: LabelRequest, modality: str) -> str:
    """Tell preparations apart by their models, options, seed, what the image shows, and its pixels where those are learned from."""
    models = [state(ref) for ref in (asked.translator, asked.segmenter) if ref is not None]
    options = None if asked.options is None else written(asked.options)
    # What is learned from, as far as it is looked at.
    seen = [fingerprint(looked_at(image, asked.settings.channel)) for image in asked.images]
    seen += [] if asked.targets is None else [asked.targets.fingerprint]
    told = (models, options, asked.settings.seed, modality, *seen)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
