"""What the review queue does; how it looks is in the card."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.confidence import mean_dice
from napari_pseudolabel.labels.review import REVIEWED
from napari_pseudolabel.viewer.corrections import key_of
from napari_pseudolabel.viewer.editing import require_no_stroke
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.records import write_quality
from napari_pseudolabel.widgets.common import camera, shortcuts
from napari_pseudolabel.widgets.common.confirmation import confirm, unconfirm
from napari_pseudolabel.widgets.common.dock_controller import Key
from napari_pseudolabel.widgets.common.drawn_borders import outline
from napari_pseudolabel.widgets.common.labelled_share import left_out_text
from napari_pseudolabel.widgets.common.overlay import Mark
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.focus import ObjectFocus
from napari_pseudolabel.widgets.correct.review import review_sentences
from napari_pseudolabel.widgets.correct.review.card import THUMBNAIL_PX, ReviewCard
from napari_pseudolabel.widgets.correct.review.region_scoring import RegionScoring
from napari_pseudolabel.widgets.correct.review.state import Reviewed, ReviewRegion, ReviewState
from napari_pseudolabel.widgets.correct.review.suspects import Suspect, suspects
from napari_pseudolabel.widgets.correct.review.thumbnail import thumbnail

if TYPE_CHECKING:
    from napari.layers import Labels


def _as_told(act: Callable[[ReviewController], None]) -> Callable[[ReviewController], None]:
    """Return what the person does; what cannot be done is said, and the card shows how it stands."""

    @wraps(act)
    def acted(part: ReviewController) -> None:
        with part._context.refusing():
            act(part)
        # A click on a button must not leave it pressed where nothing came of it.
        part._show()

    return acted


class ReviewController(Part):
    """Leads a person through the regions of the labels, the most worthwhile first.

    Parameters
    ----------
    context
        What the parts of the dock work with.
    focus
        Gets the doubtful objects.
    """

    def __init__(self, context: CorrectContext, focus: ObjectFocus) -> None:
        super().__init__(context)
        self._focus = focus
        self.card = ReviewCard()
        context.view.add_review(self.card)
        self._state = ReviewState()
        self.scoring = RegionScoring(context, lambda: self._state)
        # Pictures are small and wanted at once, so they do not wait for what is measured.
        self._executor = SerialExecutor()
        self._current: ReviewRegion | None = None
        self._visited: list[ReviewRegion] = []
        self._ahead: list[ReviewRegion] = []
        self._fixing = False
        self._edits_before = 0
        # Those that were shown; the last one is shown now.
        self._suspects: list[Suspect] = []
        self._actions: dict[str, Callable[[], None]] = {
            "accept": self.accept,
            "fix": self.fix,
            "skip": self.skip,
            "previous": self.previous,
            "suspect": self.next_suspect,
        }
        self.card.pressed.connect(lambda name: self._actions[name]())
        self.card.target_changed.connect(self._on_target)
        self.scoring.changed.connect(self._show)
        self.scoring.changed.connect(self._note_quality)

    @property
    def current(self) -> ReviewRegion | None:
        """The region that is shown, None if none is."""
        return self._current

    @property
    def settled(self) -> bool:
        """Whether nothing is being measured or drawn."""
        return self.scoring.settled and not self._executor.busy

    def keys(self) -> list[Key]:
        """Return the keys of the queue, and what they do."""
        return [
            (shortcuts.REVIEW_ACCEPT, self.accept),
            (shortcuts.REVIEW_FIX, self.fix),
            (shortcuts.REVIEW_SKIP, self.skip),
            (shortcuts.REVIEW_PREVIOUS, self.previous),
            (shortcuts.REVIEW_SUSPECT, self.next_suspect),
        ]

    # Life.

    @override
    def follow(self, labels: Labels | None) -> None:
        self._leave_region()
        self._visited, self._ahead = [], []
        self._state = ReviewState() if labels is None else ReviewState.of(labels)
        self.card.set_target(self._state.target)
        self.scoring.follow(labels)
        self._show()

    @override
    def stop(self) -> None:
        super().stop()
        self.scoring.stop()
        self._executor.shutdown()

    # What the person does.

    @_as_told
    def accept(self) -> None:
        """All labels in the region are right; without a region: begin."""
        self._confirm_region("fix" if self._fixing else "accept")

    @_as_told
    def fix(self) -> None:
        """Stay in the region until it is right; the second time, it is."""
        if self._fixing:
            self._confirm_region("fix")
        else:
            self._begin_fixing()

    def _confirm_region(self, tool: str) -> None:
        region, scene = self._current, self.scoring.scene
        if region is None or scene is None:
            self._context.view.set_hint("")
            self._go_on()
            return
        self._context.require_labels()
        if not self._in_view(region):
            self._go(region)
            raise InputError(review_sentences.RETURNED)
        require_no_stroke(scene.labels)
        scene.corrections.sync_part(region.plane, region.window)
        key = key_of(region.plane, region.window)
        predicted, now = scene.corrections.predicted_in(key), np.asarray(scene.labels.data[key])
        # What was never predicted says nothing about predictions.
        truth = mean_dice(predicted, np.where(scene.corrections.reached_in(key), now, predicted))
        with self.scoring.quietly():
            confirmed = confirm(
                scene.labels,
                self._context.layers.image,
                region.plane,
                region.window,
                workspace=self._context.session.workspace,
                executor=self._context.executor,
                done=lambda: None,
                failed=self._context.failed,
                confidence=scene.confidence,
                tool=tool,
            )
        edits = EffortLog.of(scene.labels).edits()[self._edits_before :]
        score = self.scoring.score(region)
        side = self.scoring.scored.side if self.scoring.scored is not None else 0
        reviewed = Reviewed(
            plane=region.plane,
            box=region.box,
            tool=tool,
            estimate=None if score is None else score.quality,
            truth=truth,
            path_px=0.0 if score is None else score.path_px,
            seconds=sum(edit.seconds for edit in edits),
        )
        self._keep(self._state.accepted(reviewed, side))
        height, width = (part.stop - part.start for part in region.window)
        said = review_sentences.accepted(width, height, fixed=tool == "fix") + left_out_text(
            confirmed.left_out
        )
        self._context.say(said)
        self._go_on(said)

    def _begin_fixing(self) -> None:
        region, scene = self._current, self.scoring.scene
        if region is None or scene is None:
            raise InputError(review_sentences.NOT_STARTED)
        if not self._in_view(region):
            self._go(region)
        if self._is_done(region):
            # Tools leave alone what is confirmed.
            with self.scoring.quietly():
                unconfirm(
                    scene.labels,
                    self._context.layers.image,
                    region.plane,
                    region.window,
                    workspace=self._context.session.workspace,
                    executor=self._context.executor,
                    failed=self._context.failed,
                )
        self._fixing = True
        self._context.viewer.layers.selection.active = scene.labels
        self._show()
        self._context.say(review_sentences.fixing())

    @_as_told
    def skip(self) -> None:
        """Leave the region for later."""
        region = self._current
        if region is None:
            raise InputError(review_sentences.NOT_STARTED)
        if not self._ahead and self._following() is None:
            raise InputError(review_sentences.ONLY_ONE)
        if not self._is_done(region):
            self._keep(self._state.skip(region))
        self._go_on()

    @_as_told
    def previous(self) -> None:
        """Back to the region before."""
        if not self._visited:
            raise InputError(review_sentences.FIRST)
        before = self._visited.pop()
        if self._current is not None:
            self._ahead.append(self._current)
        self._go(before)

    @_as_told
    def next_suspect(self) -> None:
        """To the next doubtful place of the region."""
        region, scene = self._current, self.scoring.scene
        if region is None or scene is None:
            raise InputError(review_sentences.NOT_STARTED)
        if not self._in_view(region):
            self._go(region)
        # Found anew each time, because what was mended is no suspect any more.
        found = suspects(scene, region.plane, region.window, self._context.scheme)
        if not found:
            raise InputError(review_sentences.NO_SUSPECT)
        fresh = [suspect for suspect in found if not any(suspect.meets(other) for other in self._suspects)]
        if not fresh:
            self._suspects = []
        chosen = (fresh or found)[0]
        self._suspects.append(chosen)
        if chosen.at is None:
            self._focus.clear()
        else:
            self._focus.put(region.plane, chosen.at)
        self._context.say(review_sentences.suspect(len(found), focused=chosen.at is not None))
        self._draw()

    # From region to region.

    def _go_on(self, said: str = "") -> None:
        """To the region that the person came back from, or the next of the queue.

        Parameters
        ----------
        said
            About the region that was reviewed just now; empty if none was.
        """
        following = self._ahead.pop() if self._ahead else self._following()
        if self._current is not None:
            self._visited.append(self._current)
        if following is not None:
            self._go(following)
        else:
            self._leave_region()
            self._context.say(f"{said} {REVIEWED}" if said else self._words()[1])
        self.scoring.update()

    def _following(self) -> ReviewRegion | None:
        """Return the next region of the queue, None if no other is left."""
        arranged = self.scoring.order
        queue = () if arranged is None else arranged.queue
        here = None if self._current is None else self._current.place
        later = [review_region.place for review_region in self._state.skipped]
        left = {score.place for score in queue} if later else set()
        # What was skipped comes after everything else, in the order in which it was skipped.
        order = chain(
            (score.place for score in queue if score.place not in later),
            (place for place in later if place in left),
        )
        for plane, box in order:
            region = ReviewRegion(plane=plane, box=box)
            # The queue may be older than what was accepted last.
            if region.place != here and not self._is_done(region):
                return region
        return None

    def _is_done(self, region: ReviewRegion) -> bool:
        """Whether a region was reviewed, and that was not taken back."""
        scene = self.scoring.scene
        if scene is None or all(reviewed.place != region.place for reviewed in self._state.done):
            return False
        return bool(scene.corrections.confirmed_in(key_of(region.plane, region.window)).any())

    def _go(self, region: ReviewRegion) -> None:
        scene = self.scoring.scene
        if scene is None:
            return
        if region != self._current:
            self._focus.clear()
            self._fixing = False
            self._edits_before = len(EffortLog.of(scene.labels).edits())
            self._suspects = []
            self.card.set_picture(None)
        self._current = region
        camera.go_to(self._context.viewer, scene.labels, region, self._context.canvas_px())
        image = self._context.layers.image
        self._executor.run(
            lambda: thumbnail(scene, image, region, THUMBNAIL_PX),
            lambda picture: self._on_drawn(region, picture),
            self._context.failed,
        )
        self._draw()
        self._show()

    def _leave_region(self) -> None:
        self._current = None
        self._fixing = False
        self._suspects = []
        self.card.set_picture(None)
        self._draw()

    def _on_drawn(self, region: ReviewRegion, picture: NDArray[np.uint8] | None) -> None:
        if region == self._current:
            self.card.set_picture(picture)

    def _in_view(self, region: ReviewRegion) -> bool:
        """Whether the person sees the region now.

        Raises
        ------
        InputError
            When the canvas does not show planes of the labels.
        """
        if self._context.layers.plane() != region.plane or self.scoring.scene is None:
            return False
        return camera.in_view(
            self._context.viewer, self.scoring.scene.labels, region, self._context.canvas_px()
        )

    def _on_target(self, target: float) -> None:
        self._keep(self._state.model_copy(update={"target": round(target, 2)}))
        self.scoring.update()

    def _keep(self, state: ReviewState) -> None:
        self._state = state
        if self.scoring.scene is not None:
            state.keep(self.scoring.scene.labels)

    def _note_quality(self) -> None:
        """Note what corrections have taught about the quality, for the provenance of the labels."""
        scene, arranged = self.scoring.scene, self.scoring.order
        if scene is not None and arranged is not None and arranged.forecast.calibrated:
            judged = sum(one.estimate is not None for one in self._state.done)
            write_quality(scene.labels, arranged.forecast.quality, judged)

    # What is shown.

    def _show(self) -> None:
        card, arranged, region = self.card, self.scoring.order, self._current
        ahead = None if arranged is None else arranged.forecast
        card.set_region(*self._words())
        card.set_fixing(self._fixing)
        card.set_under_way(region is not None)
        card.buttons["accept"].setEnabled(region is not None or bool(arranged is not None and arranged.queue))
        card.buttons["previous"].setEnabled(bool(self._visited))
        card.setVisible(self.scoring.scene is not None)
        if ahead is None:
            card.set_progress("", 0, 0)
            card.set_quality("")
            card.set_stop("")
        else:
            card.set_progress(review_sentences.progress(ahead), ahead.reviewed, ahead.regions)
            scene = self.scoring.scene
            quality = review_sentences.quality(
                ahead, self._state.target, judged=scene is not None and scene.judged
            )
            card.set_quality(quality if ahead.regions else "")
            card.set_stop(ahead.stop or "")

    def _words(self) -> tuple[str, str]:
        """Title and text of the card."""
        region, arranged, scene = self._current, self.scoring.order, self.scoring.scene
        if region is not None:
            score = self.scoring.score(region)
            asked = review_sentences.asked(own=scene is not None and scene.corrections.own)
            title = "Reviewed already" if self._is_done(region) else asked
            title = "Correcting this region" if self._fixing else title
            why = "" if score is None else review_sentences.reason(score)
            return review_sentences.title(title, region), f"{why}{self._left_out(region)}"
        if self.scoring.scene is None:
            return "", ""
        if arranged is None:
            return "", self.scoring.problem or review_sentences.MEASURING
        if not arranged.forecast.regions:
            return "", review_sentences.NOTHING
        if not arranged.queue:
            return "", REVIEWED
        return "Review queue", review_sentences.begin(arranged.forecast)

    def _left_out(self, region: ReviewRegion) -> str:
        """How much of a region nobody can be asked about, because it was never predicted; empty for nothing of it."""
        scene = self.scoring.scene
        if scene is None or scene.corrections.own:
            return ""
        there = scene.corrections.labelled_in(key_of(region.plane, region.window))
        return left_out_text(1 - np.count_nonzero(there) / there.size)

    def _draw(self) -> None:
        """Outline the region and the doubtful place on the canvas."""
        overlay, scene, region = self._context.overlay, self.scoring.scene, self._current
        if overlay is None:
            return
        frame = place = None
        if scene is not None and region is not None:
            corners = [(float(y), float(x)) for y, x in camera.outline(scene.labels, region)]
            frame = Mark(((*corners, corners[0]),), dashed=True)
            if self._suspects:
                area = self._suspects[-1].area
                place = Mark(tuple(outline(scene.labels, region.plane, area)), dashed=True)
        overlay.mark("review", frame)
        overlay.mark("suspect", place)
