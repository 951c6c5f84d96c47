"""What the dock says about a run that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pseudolabel.slides.slide_run import SlideRun
from napari_pseudolabel.viewer import PushedLayers
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice
from napari_pseudolabel.widgets.pseudo_label.label_jobs import ObjectCounts
from napari_pseudolabel.widgets.pseudo_label.label_run import LabelRun, count_of, labelled_by
from napari_pseudolabel.widgets.pseudo_label.label_sentences import outcome_text, slide_text, stopped_text
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import RunReport


class RunOutcome:
    """Tells what came out at once, and again when the objects are counted."""

    def __init__(self, view: PseudoLabelView, runner: JobRunner) -> None:
        self._view, self._runner = view, runner
        self._counting: int | None = None
        self._agreed = ""
        self._choice = view.choice()

    def follow(self, choice: LabelChoice, *, busy: bool) -> None:
        """Take away what was said about another choice; what is under way still says how it ends."""
        before, self._choice = self._choice, choice
        if busy or choice == before:
            return
        self._view.error.clear()
        self._view.long_question.hide()
        if _about(choice) != _about(before):
            self.forget()
            self._view.set_status("")

    def forget(self) -> None:
        """Another run begins."""
        self._runner.forget(self._counting)
        self._agreed = ""

    def show(self, running: LabelRun, report: RunReport, pushed: PushedLayers) -> None:
        """Say how a run has ended; a worker counts the objects, which takes longer than a window may stand still."""
        if isinstance(kept := running.job.kept, SlideRun):  # it was counted nowhere: all of it is on the disk
            self._view.set_status(slide_text(report, str(kept.folder)), report.notes)
            return
        share = labelled_by(pushed)
        self._say(report, None, preview=running.preview, share=share)
        if (count := count_of(running.job, pushed)) is not None:
            self._counting = self._runner.submit(
                count,
                finished=lambda counts: self._say(report, counts, preview=running.preview, share=share),
            )

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


def _about(choice: LabelChoice) -> tuple[str | None, ...]:
    """Return what a result is about: other regions and settings leave it true."""
    return choice.layer, choice.strategy, choice.translator, choice.segmenter
