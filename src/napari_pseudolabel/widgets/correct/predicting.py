"""Labelling the view once more: with other settings, or without the translator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.fitting import misfit
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer import Candidates, Stream, how_made
from napari_pseudolabel.viewer.corrections import Corrections, Index, Window
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.widgets.common.confirmation import all_confirmed
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.removals import Removals
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.layer_visibility import LayerVisibility
from napari_pseudolabel.widgets.correct.tool_options import AgainOptions
from napari_pseudolabel.widgets.pseudo_label.label_jobs import FindModels
from napari_pseudolabel.widgets.pseudo_label.label_sentences import gone_text, progress_text

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer

    from napari_pseudolabel.strategies import LabelJob, PseudoLabel
    from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry

NO_IMAGE = "The image of these labels is not open; open it to label a part of it again."
NO_MODELS = (
    "It is not known which models made these labels; label the image in the Pseudo-label dock first, "
    "or choose a segmenter under Predict again."
)
ZOOM = "The segmenter that you chose may have another grid than the one before; leave Magnify at 1 with it."
SOURCE_ONLY = "without translator"
_AGAIN, _ALONE = "predict_again", "source_only"


@dataclass(eq=False)
class _Running:
    """The job under way.

    Attributes
    ----------
    before
        Labels of the window as they were.
    stream
        Shows what arrives; None until the first part, and for candidates.
    gone
        Why the job is being stopped, where a layer was removed; empty otherwise.
    """

    number: int
    tool: str
    labels: Labels
    source: ImageLayer
    image: Image
    plane: Index
    window: Window
    before: Array
    stream: Stream | None = None
    gone: str = ""


class Predicting(Part):
    """Runs jobs on the view; one after the other.

    Attributes
    ----------
    changed
        A job has begun or ended.
    """

    changed = Signal()

    def __init__(self, context: CorrectContext, visibility: LayerVisibility) -> None:
        super().__init__(context)
        self._visibility = visibility
        self._running: _Running | None = None
        self._removals = Removals(context.viewer, self._on_removed)
        self._asked = False
        self._models: tuple[ModelEntry, ...] = ()
        context.view.again.options.changed.connect(self._warn)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._running is not None

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return f"Labelling a part of {self._running.image.name} again" if self._running is not None else ""

    def knows(self, name: str) -> bool:
        """Whether a tool is one of these."""
        return name in (_AGAIN, _ALONE)

    def run(self, name: str) -> None:
        """Label the view again, or segment it without translating it first."""
        if self._running is not None:
            self._context.refuse("A part is being labelled already; wait for it, or cancel it.")
            return
        with self._context.refusing():
            self._submit(name)

    def cancel(self) -> None:
        """Stop the job under way."""
        if self._running is not None:
            self._context.view.set_busy("Stopping after this batch of tiles")
            self._context.runner.cancel(self._running.number)

    def find_models(self) -> None:
        """List the segmenters, once."""
        if not self._asked:
            self._asked = True
            self._context.runner.submit(
                FindModels(), "local", finished=self._on_found, failed=self._on_not_found
            )

    def stop(self) -> None:
        """Stop: the dock is closed; what has arrived is one undo step."""
        running, self._running = self._running, None
        self._removals.forget()
        if running is not None:
            self._context.runner.forget(running.number)
            if running.stream is not None:
                running.stream.finish()

    @override
    def follow(self, labels: Labels | None) -> None:
        self._warn()

    def _warn(self) -> None:
        """Say at the choice, and not only when it is run, that a segmenter does not fit."""
        labels, chosen = self._context.layers.labels, self._context.view.again.options.value().segmenter
        entry = next((one for one in self._models if chosen and one.ref == chosen), None)
        told = misfit_of(entry, self._models, labels, self._context.layers.image) if entry and labels else ""
        self._context.view.again.set_misfit(told)

    def _submit(self, name: str) -> None:
        layers = self._context.layers
        labels, plane, window = layers.require(), layers.plane(), layers.window()
        source, image = layers.source, layers.image
        if source is None or image is None:
            raise InputError(NO_IMAGE)
        job = _job(name, labels, image, plane, window, self._context.view.again.options.value())
        # What was confirmed since the run before counts for this one.
        job = replace(
            job,
            confidence=None,
            confirmed=all_confirmed(self._context.viewer, self._context.session.workspace),
        )
        self._visibility.end()  # so that what arrives is seen
        number = self._context.runner.submit(
            job,
            progressed=self._on_progress,
            parted=self._on_part,
            finished=self._on_finished,
            failed=self._on_failed,
        )
        before = np.array(labels.data[(*plane, *window)])
        self._running = _Running(number, name, labels, source, image, plane, window, before)
        self._removals.watch(source, labels)
        self._context.view.error.clear()
        self._context.view.set_status("")
        self._context.view.set_hint("")
        self._context.view.set_busy("Starting the worker", can_cancel=True)
        self.changed.emit()

    # What the job tells.

    def _on_progress(self, progress: Progress) -> None:
        text = progress_text(progress)
        self._context.view.set_busy(text, progress.done, progress.total, can_cancel=True)

    def _on_part(self, part: PseudoLabel) -> None:
        running = self._running
        if running is None or part.labels is None or running.gone:
            return
        if running.labels not in self._context.viewer.layers:
            return
        if running.tool == _ALONE:
            candidates = Candidates.made_for(running.labels)
            candidates.add(part.planes, part.region.window, part.labels[:, None], (SOURCE_ONLY,))
            return
        if running.stream is None:
            running.stream = Stream(self._context.viewer, running.source, running.image, running.labels)
        running.stream.add(part)

    def _on_found(self, found: Sequence[ModelEntry]) -> None:
        self._models = tuple(found)
        segmenters = [(one.ref, one.title) for one in found if one.kind == "segmenter"]
        self._context.view.again.set_segmenters(segmenters)

    def _on_not_found(self, failure: Failure) -> None:
        self._asked = False

    def _on_finished(self, result: Any) -> None:
        running = self._running
        if running is None:
            return
        self._leave()
        if running.gone:
            self._context.refuse(running.gone)
            return
        EffortLog.of(running.labels).note(running.tool, running.plane, running.window)
        if running.labels not in self._context.viewer.layers:
            self._context.refuse("The labels were removed meanwhile, so the prediction was dropped.")
        elif running.tool == _ALONE:
            self._visibility.show(Candidates.made_for(running.labels).names.index(SOURCE_ONLY))
            self._context.say("This is the view segmented without the translator; paste objects from it.")
        else:
            if running.stream is not None:
                running.stream.finish(result)
            self._context.say(_outcome(running))

    def _on_failed(self, failure: Failure) -> None:
        running = self._running
        if running is None:
            return
        self._leave()
        if running.stream is not None:
            running.stream.finish()
        if running.gone:
            self._context.refuse(running.gone)
        elif failure.cancelled:
            self._context.say("Cancelled; what had arrived is one undo step.")
        else:
            self._context.failed(failure)

    def _on_removed(self, layer: Layer) -> None:
        if self._running is not None:
            self._running.gone = gone_text(layer.name, labels=layer is unwrapped(self._running.labels))
            self._context.runner.cancel(self._running.number)
            self._context.view.set_busy("Stopping after this batch of tiles")

    def _leave(self) -> None:
        self._running = None
        self._removals.forget()
        self._context.view.set_busy("")
        self.changed.emit()


def misfit_of(
    segmenter: ModelEntry, models: Sequence[ModelEntry], labels: Labels, image: Image | None
) -> str:
    """Return why a segmenter does not fit the translation, or the image, that made labels; empty as far as is known."""
    try:
        made = how_made(labels)
    except InputError:
        return ""  # said when it is run
    translator = made.translator if made is not None else None
    before = [
        one.link for one in models if translator and one.kind == "translator" and one.title == translator.name
    ]
    if translator is not None and not before:
        return ""  # nobody knows here what it makes
    modality = (image.modality if image is not None else "") or (made.modality if made is not None else "")
    return misfit((*before[:1], segmenter.link), modality, image.name if image is not None else "") or ""


def _job(
    name: str, labels: Labels, image: Image, plane: Index, window: Window, options: AgainOptions
) -> LabelJob:
    """Return what labels a view like the run before it, but for what the person asks for."""
    from napari_pseudolabel.imaging.scale import Scale
    from napari_pseudolabel.strategies import Record, Region
    from napari_pseudolabel.strategies.again import Extent, again, without_translator

    made = how_made(labels, plane, window)
    if made is None:
        if options.segmenter is None:
            raise InputError(NO_MODELS)
        made = Record("segmentation", ())
    scale = made.settings.scale
    if options.zoom != 1.0:
        if options.segmenter is not None and made.translator is None:
            raise InputError(ZOOM)
        scale = Scale(factor=made.factor * options.zoom)
    seed = (made.settings.seed + (1 if options.new_seed else 0)) % 2**32
    how: dict[str, Any] = {
        "where": Extent(Region(window[0].start, window[1].start, window[0].stop, window[1].stop), (plane,)),
        "segmenter": options.segmenter,
        "settings": replace(made.settings, scale=scale, seed=seed),
    }
    return (without_translator if name == _ALONE else again)(made, image, **how)


def _outcome(running: _Running) -> str:
    """Return what became of a prediction."""
    now = np.asarray(running.labels.data[(*running.plane, *running.window)])
    changed = int(np.count_nonzero(now != running.before))
    kept = Corrections.of(running.labels).touched_in((*running.plane, *running.window)).any()
    if not changed:
        return "The view was labelled again, and nothing changed."
    mine = " What you changed or confirmed stayed as it was." if kept else ""
    return f"The view was labelled again: {100 * changed / now.size:.1f} % of it changed.{mine}"
