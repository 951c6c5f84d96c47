"""What a spot check does; how it looks is in the card and the form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.spot_check import (
    SPOT_CHECK_KEY,
    BoxQuestion,
    ObjectQuestion,
    SpotCheck,
    SpotCheckOptions,
    SpotChecks,
    digest_of,
    statement,
)
from napari_pseudolabel.labels.spot_check.drawn_sample import draw
from napari_pseudolabel.labels.windows import key_of
from napari_pseudolabel.viewer import Corrections, placement_of
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common import camera, shortcuts
from napari_pseudolabel.widgets.common.canvas_clicks import STILL_PX, CanvasClicks
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.drawn_borders import outline
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.overlay import Mark, World
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.layer_visibility import HIDDEN_KEY, reveal
from napari_pseudolabel.widgets.correct.spot_check import spot_sentences
from napari_pseudolabel.widgets.correct.spot_check.spot_card import BUTTONS
from napari_pseudolabel.widgets.correct.spot_check.spot_scene import SpotScene, scene_of

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 500
_CROSS_PX = 6
_MARKS = ("spot", "spot beside", "spot wrong", "missed")


class SpotCheckController(Part):
    """Asks a person about random objects and random boxes of the labels, and says what follows.

    Answers are kept in the metadata of the layer, and so in the session. They are about the labels as they are: where
    these change, the check is void from then on and the answers stay as history.
    """

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self.card, self.form = context.view.spot_card, context.view.spot_form
        # Of its own: drawing a sample of large labels takes seconds.
        self._executor = SerialExecutor()
        self._labels: Labels | None = None
        self._checks = SpotChecks()
        self._digest = ""
        self._number: int | None = None
        self._scene: SpotScene | None = None
        self._drawing: object | None = None
        self._let_go: list[Callable[[], None]] = []
        self._look_later = Debouncer(self._look, _PAUSE_MS, self)
        answers = {name: partial(self.answer, name) for name in ("right", "wrong", "not sure")}
        self._actions: dict[str, Callable[[], None]] = {**answers, "back": self.back, "pause": self.pause}
        self.card.pressed.connect(lambda name: self._actions[name]())
        self.form.start.clicked.connect(self.start)
        for changed in (context.events.painted, context.events.drawn, context.events.corrected):
            changed.connect(self._on_changed)

    @property
    def settled(self) -> bool:
        """Whether nothing is being computed."""
        return not (self._executor.busy or self._look_later.pending)

    @property
    def check(self) -> SpotCheck | None:
        """The newest check, be it under way, ended or void."""
        return self._checks.newest

    @property
    def question(self) -> ObjectQuestion | BoxQuestion | None:
        """What is asked now; None if nothing is."""
        check = self.check
        return None if check is None or self._number is None else check.questions[self._number]

    # Life.

    @override
    def follow(self, labels: Labels | None) -> None:
        self._leave()
        self._labels, self._checks, self._digest = labels, SpotChecks(), ""
        self._look_later.cancel()
        self._set_drawing(None)
        self.form.start.setEnabled(labels is not None)
        if labels is not None:
            with self._context.refusing():
                self._checks = SpotChecks.of(labels.metadata)
        self._look()

    @override
    def stop(self) -> None:
        super().stop()
        self._executor.shutdown()

    # What the person does.

    def start(self) -> None:
        """Begin a check, or go on with one that was left; while a sample is drawn, leave it."""
        if self._drawing is not None:
            self._set_drawing(None)
            self._context.say(spot_sentences.NOT_DRAWN)
            return
        with self._context.refusing():
            self._context.require_labels()
            labels = self._context.layers.require()
            checks = SpotChecks.of(labels.metadata)
            options: SpotCheckOptions = self.form.options.value()
            classes, values, labelled = classes_of(labels), np.asarray(labels.data), _labelled(labels)
            aspect = placement_of(labels).pixel_aspect
            sample = partial(draw, values, classes, options, labelled=labelled, aspect=aspect)
            self._set_drawing(drawing := object())
            self._context.say(spot_sentences.DRAWING)
            self._executor.run(
                lambda: _begun(checks, sample, values, labelled),
                lambda begun: self._on_begun(drawing, labels, *begun),
                partial(self._on_not_begun, drawing),
            )

    def answer(self, answer: str) -> None:
        """Answer the question that is asked, and go to the next one."""
        question, check = self.question, self.check
        if question is None or check is None or self._number is None:
            return
        if isinstance(question, BoxQuestion) and answer == "wrong":
            self._context.refuse(spot_sentences.BOX_WRONG)
            return
        said = "done" if isinstance(question, BoxQuestion) and answer == "right" else answer
        self._put(question.model_copy(update={"answer": said}))
        later = [at for at, one in enumerate(check.questions) if at > self._number]
        # Whoever went back goes on from there.
        following = later[0] if later else None
        if following is None:
            self._end()
        else:
            self._go(following)

    def back(self) -> None:
        """To the question before."""
        if self._number:
            self._go(self._number - 1)
        else:
            self._context.refuse(spot_sentences.FIRST)

    def pause(self) -> None:
        """Stop for now."""
        self._leave()
        self._context.say(spot_sentences.PAUSED)

    def click(self, position: Sequence[float], shift: bool) -> None:
        """Mark a missed object in the box, or take that back; with Shift the same for a label that is wrong."""
        question, scene, labels = self.question, self._scene, self._labels
        if not isinstance(question, BoxQuestion) or scene is None or labels is None:
            return
        with self._context.refusing():
            if self._context.layers.plane() != question.plane:
                raise InputError(spot_sentences.OTHER_PLANE)
            row, column = self._context.layers.place(position)
            at = round(row), round(column)
            self._put(self._with_wrong(question, scene, at) if shift else self._with_missed(question, at))
            self._draw()
            self._show()

    def _with_missed(self, question: BoxQuestion, at: tuple[int, int]) -> BoxQuestion:
        near = [one for one in question.missed if np.hypot(*np.subtract(one, at)) <= self._reach()]
        if near:
            return question.model_copy(
                update={"missed": tuple(one for one in question.missed if one not in near)}
            )
        if not question.holds(at):
            raise InputError(spot_sentences.OUTSIDE)
        labelled = Corrections.of(self._context.layers.require()).labelled_in(
            key_of(question.plane, (slice(at[0], at[0] + 1), slice(at[1], at[1] + 1)))
        )
        if not labelled.all():
            raise InputError(spot_sentences.NOT_LABELLED)
        return question.model_copy(update={"missed": (*question.missed, at)})

    def _with_wrong(self, question: BoxQuestion, scene: SpotScene, at: tuple[int, int]) -> BoxQuestion:
        number = next((number for number, one in enumerate(scene.asked) if one.holds(at)), None)
        if number is None:
            beside = any(one.holds(at) for one in scene.beside)
            raise InputError(spot_sentences.BESIDE if beside else spot_sentences.NO_LABEL)
        wrong = {*question.wrong} ^ {number}
        return question.model_copy(update={"wrong": tuple(sorted(wrong))})

    def _reach(self) -> float:
        """How many pixels of the labels a hand may be off."""
        labels = self._context.layers.require()
        pixel = float(np.mean(np.abs(np.asarray(labels.scale[-2:], float)))) or 1.0
        return max(1.0, 2 * STILL_PX / (self._context.viewer.camera.zoom * pixel))

    # From question to question.

    def _set_drawing(self, drawing: object | None) -> None:
        """Note which sample is being drawn; None for none."""
        self._drawing = drawing
        self._show()

    def _on_begun(self, drawing: object, labels: Labels, checks: SpotChecks, digest: str) -> None:
        if drawing is not self._drawing or checks.newest is None:
            return
        self._set_drawing(None)
        self._leave()
        self._checks, self._digest = checks, digest
        self._keep()
        view = self._context.view
        view.set_mode("classes")  # numbers of objects would lie over the image
        view.review.hide()
        self.card.show()
        self._context.viewer.layers.selection.active = labels
        labels.mode = "pan_zoom"
        # Nobody can judge what lies under a colour; what is asked about is outlined.
        labels.metadata[HIDDEN_KEY] = True
        labels.visible = False
        keys = [(key, self._actions[name]) for name, _, key, _ in BUTTONS if key]
        self._let_go = [shortcuts.bind(self._context.viewer, key, action) for key, action in keys]
        self._let_go.append(CanvasClicks(self._context.viewer, self.click).stop)
        self._context.say(spot_sentences.BEGUN)
        self._go(checks.newest.following or 0)

    def _on_not_begun(self, drawing: object, failure: Failure) -> None:
        if drawing is self._drawing:
            self._set_drawing(None)
            self._context.failed(failure)

    def _go(self, number: int) -> None:
        check, labels = self.check, self._labels
        if check is None or labels is None:
            return
        self._number, self._scene = number, None
        question, values = check.questions[number], np.asarray(labels.data)
        scheme = scheme_for(check.classes, placement_of(labels).pixel_aspect)
        self._show()
        self._draw()
        self._executor.run(
            lambda: scene_of(values, question, scheme),
            partial(self._on_scene, number),
            self._context.failed,
        )

    def _on_scene(self, number: int, scene: SpotScene) -> None:
        if number != self._number or self._labels is None:
            return
        self._scene = scene
        camera.go_to(self._context.viewer, self._labels, scene.region, self._context.canvas_px())
        self._draw()

    def _end(self) -> None:
        """Nothing is left to be asked, or the person has gone through all of it."""
        check = self.check
        self._leave()
        if check is not None:
            said = statement(check, self._digest).sentence
            self._context.view.spot_fold.set_open(True)
            self._context.say(said or spot_sentences.NOTHING_SAID)

    def _leave(self) -> None:
        """Ask nothing any more."""
        self._number = self._scene = None
        let_go, self._let_go = self._let_go, []
        for release in let_go:
            release()
        self.card.hide()
        self._context.view.review.show()
        if let_go and self._labels is not None:
            reveal(self._labels)
        self._draw()
        self._show()

    def _put(self, question: ObjectQuestion | BoxQuestion) -> None:
        check = self.check
        if check is not None and self._number is not None:
            self._checks = self._checks.with_newest(check.with_question(self._number, question))
            self._keep()

    def _keep(self) -> None:
        if self._labels is not None:
            self._labels.metadata[SPOT_CHECK_KEY] = self._checks.dumped()

    # Whether it still holds.

    def _on_changed(self, *_: object) -> None:
        if self._checks.checks:
            self._look_later()

    def _look(self) -> None:
        """Find out whether the labels are still those that were judged."""
        labels = self._labels
        if labels is None or not self._checks.checks:
            self._show()
            return
        values, labelled = np.asarray(labels.data), _labelled(labels)
        self._executor.run(
            lambda: digest_of(values, labelled), partial(self._on_looked, labels), self._context.failed
        )

    def _on_looked(self, labels: Labels, digest: str) -> None:
        if labels is not self._labels:
            return
        before, self._digest = self._digest, digest
        check = self.check
        if check is not None and check.answered and check.digest == before != digest:
            self._context.refuse(spot_sentences.VOID_NOW)
        if check is not None and self._number is not None and check.digest != digest:
            self._leave()
        self._show()

    # What is shown.

    def _show(self) -> None:
        check, question = self.check, self.question
        holds = check is not None and check.digest == self._digest
        self.form.set_statement(
            statement(check, self._digest).sentence if check is not None and self._digest else ""
        )
        if check is None or not holds:
            self.form.set_under_way(0, 0, drawing=self._drawing is not None)
            return
        self.form.set_under_way(check.answered, len(check.questions), drawing=self._drawing is not None)
        if question is not None and self._number is not None:
            title, text = spot_sentences.asked(check, question)
            self.card.set_question(title, text, box=isinstance(question, BoxQuestion))
            self.card.set_progress(
                spot_sentences.progress(check, self._number), check.answered, len(check.questions)
            )

    def _draw(self) -> None:
        """Outline what is asked about, and mark what the person clicked on."""
        overlay, labels, question, scene = self._context.overlay, self._labels, self.question, self._scene
        if overlay is None:
            return
        marks: dict[str, Mark | None] = dict.fromkeys(_MARKS)
        if labels is not None and question is not None and scene is not None:
            asked, beside = (
                [line for one in group for line in outline(labels, question.plane, one)]
                for group in ((*scene.asked, *scene.inner), scene.beside)
            )
            if isinstance(question, BoxQuestion):
                corners = [(float(y), float(x)) for y, x in camera.outline(labels, scene.region)]
                beside.append([*corners, corners[0]])
                wrong = (scene.asked[at].middle for at in question.wrong)
                marks["spot wrong"] = Mark(tuple(self._strokes(question, wrong, cross=False)))
                marks["missed"] = Mark(tuple(self._strokes(question, question.missed, cross=True)))
            marks["spot"] = Mark(tuple(asked))
            marks["spot beside"] = Mark(tuple(beside), dashed=True)
        for name, mark in marks.items():
            overlay.mark(name, mark)

    def _strokes(
        self, question: BoxQuestion, places: Iterable[tuple[int, int]], *, cross: bool
    ) -> list[World]:
        """Return a plus, or a cross, at every place."""
        labels = self._context.layers.require()
        arm = _CROSS_PX / self._context.viewer.camera.zoom
        shapes = ((0, 1), (1, 0)) if cross else ((1, 1), (1, -1))
        found: list[World] = []
        for place in places:
            y, x = (float(one) for one in labels.data_to_world((*question.plane, *place))[-2:])
            found += [((y - arm * dy, x - arm * dx), (y + arm * dy, x + arm * dx)) for dy, dx in shapes]
        return found


def _labelled(labels: Labels) -> np.ndarray | None:
    """bool, shape of the labels: where they mean anything; None for labels that the person brought along."""
    corrections = Corrections.of(labels)
    return None if corrections.own else corrections.labelled_in((...,))


def _begun(
    checks: SpotChecks,
    drawn: Callable[..., SpotCheck],
    values: np.ndarray,
    labelled: np.ndarray | None,
) -> tuple[SpotChecks, str]:
    """Return the checks with one that can go on, and the digest of the labels."""
    digest, newest = digest_of(values, labelled), checks.newest
    if newest is None or newest.digest != digest or newest.following is None:
        checks = checks.begin(drawn(seed=len(checks.checks)))
    return checks, digest
