"""What the dock says about a run that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pseudolabel.slides.slide_run import SlideRun
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.viewer import PushedLayers
from napari_pseudolabel.viewer.undo_history import newest, was_undone
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice
from napari_pseudolabel.widgets.pseudo_label.label_jobs import ObjectCounts
from napari_pseudolabel.widgets.pseudo_label.label_run import LabelRun, count_of, labelled_by
from napari_pseudolabel.widgets.pseudo_label.label_sentences import outcome_text, slide_text, stopped_text
from napari_pseudolabel.widgets.pseudo_label.modality import ModalityPicker
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pseudolabel.strategies import RunReport
    from napari_pseudolabel.strategies.strategy import Strategy


_SEVERAL = 2


class RunOutcome:
    """Tells what came out at once, and again when the objects are counted; offers what can be done next with several images."""

    def __init__(self, view: PseudoLabelView, runner: JobRunner, shown: ModalityPicker) -> None:
        self._view, self._runner, self._shown = view, runner, shown
        view.improve_button.clicked.connect(self._improve)
        self._counting: int | None = None
        self._agreed = ""
        self._choice = view.choice()
        self._made: tuple[Labels, object] | None = None

    def follow(self, choice: LabelChoice, *, busy: bool) -> None:
        """Take away what was said about another choice; what is under way still says how it ends."""
        before, self._choice = self._choice, choice
        if busy or choice == before:
            return
        self._view.improve_button.hide()
        self._view.error.clear()
        self._view.long_question.hide()
        if _about(choice) != _about(before):
            self.forget()
            self._view.set_status("")

    def forget(self) -> None:
        """Another run begins."""
        self._runner.forget(self._counting)
        self._agreed = ""
        self._made = None

    def look(self) -> None:
        """Take away what was said of labels that were undone since."""
        if self._made is not None and was_undone(*self._made):
            self.forget()
            self._view.set_status("")

    def show(self, running: LabelRun, report: RunReport, pushed: PushedLayers) -> None:
        """Say how a run has ended; a worker counts the objects, which takes longer than a window may stand still."""
        if isinstance(kept := running.job.kept, SlideRun):  # it was counted nowhere: all of it is on the disk
            self._view.set_status(slide_text(report, str(kept.folder)), report.notes)
            return
        share = labelled_by(pushed)
        self._made = None if pushed.labels is None else (pushed.labels, newest(pushed.labels))
        self._offer(running)
        self._say(report, None, preview=running.preview, share=share)
        if (count := count_of(running.job, pushed)) is not None:
            self._counting = self._runner.submit(
                count,
                finished=lambda counts: self._say(report, counts, preview=running.preview, share=share),
            )

    def _offer(self, running: LabelRun) -> None:
        """Offer to learn from several images that one segmenter has labelled as they are."""
        better, used = improving(), registry.find(running.choice.strategy)
        found = self._shown.open_images()
        several = found is not None and found.labelled >= _SEVERAL and not running.preview
        # With a translator the segmenter has not seen these images, but translations of them.
        fits = better is not None and used.preparation is None and used.roles == better.roles
        self._view.improve_button.setVisible(several and fits)

    def _improve(self) -> None:
        self._view.improve_button.hide()
        if (strategy := improving()) is not None:
            self._view.choose_strategy(strategy.name)

    def agreed(self, sentence: str, *, now: bool) -> None:
        """Both strategies have labelled the view; `now` if the run is over."""
        self._agreed = sentence
        if self._view.status and now:
            self._view.add_status(sentence)

    def failed(self, failure: Failure, parts: int = 0, share: float = 1.0) -> None:
        """Say that a run was cancelled after some parts, or has failed."""
        if failure.cancelled:
            sentence = stopped_text(parts, share) if parts else failure.sentence
            self._view.set_status("" if self._view.preview_button.isChecked() else sentence)
        else:
            self._view.preview_button.setChecked(False)
            self._view.error.show_error(failure.sentence, failure.details)
            self._view.set_status("")

    def _say(self, report: RunReport, counts: ObjectCounts | None, *, preview: bool, share: float) -> None:
        self._view.set_status(outcome_text(report, counts, preview=preview, share=share), report.notes)
        if self._agreed:
            self._view.add_status(self._agreed)


def improving() -> Strategy | None:
    """Return the strategy that makes a segmenter better on the images that it has labelled; None if there is none."""
    prepared = ((one, one.preparation) for one in registry.offered())
    return next((one for one, how in prepared if how is not None and how.takes_targets), None)


def _about(choice: LabelChoice) -> tuple[str | None, ...]:
    """Return what a result is about: other regions and settings leave it true."""
    return choice.layer, choice.strategy, choice.translator, choice.segmenter
