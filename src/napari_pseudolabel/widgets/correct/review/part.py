"""What the review queue does; how it looks is in the card."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.confidence import mean_dice
from napari_pseudolabel.viewer.corrections import key_of
from napari_pseudolabel.viewer.editing import require_no_stroke
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.confirming import confirm, unconfirm
from napari_pseudolabel.widgets.common.dock_controller import Key
from napari_pseudolabel.widgets.common.labelled import left_out
from napari_pseudolabel.widgets.correct.desk import Desk, Part
from napari_pseudolabel.widgets.correct.focus import Focus, outline
from napari_pseudolabel.widgets.correct.overlay import Mark
from napari_pseudolabel.widgets.correct.review import camera, sentences
from napari_pseudolabel.widgets.correct.review.card import THUMBNAIL_PX, ReviewCard
from napari_pseudolabel.widgets.correct.review.state import Region, Reviewed, ReviewState
from napari_pseudolabel.widgets.correct.review.suspects import Suspect, suspects
from napari_pseudolabel.widgets.correct.review.thumbnail import thumbnail
from napari_pseudolabel.widgets.correct.review.watching import Watching

if TYPE_CHECKING:
    from napari.layers import Labels


def _as_told(act: Callable[[ReviewPart], None]) -> Callable[[ReviewPart], None]:
    """What the person does; what cannot be done is said, and the card shows how it stands."""

    @wraps(act)
    def acted(part: ReviewPart) -> None:
        with part._desk.refusing():
            act(part)
        # A click on a button must not leave it pressed where nothing came of it.
        part._show()

    return acted


class ReviewPart(Part):
    """Leads a person through the regions of the labels, the most worthwhile first.

    Parameters
    ----------
    desk
        What the parts of the dock work with.
    focus
        Gets the doubtful objects.
    """

    def __init__(self, desk: Desk, focus: Focus) -> None:
        super().__init__(desk)
        self._focus = focus
        self.card = ReviewCard()
        desk.view.review_layout.addWidget(self.card)
        self._state = ReviewState()
        self.watching = Watching(desk, lambda: self._state)
        # Pictures are small and wanted at once, so they do not wait for what is measured.
        self._aside = Aside()
        self._current: Region | None = None
        self._visited: list[Region] = []
        self._ahead: list[Region] = []
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
        self.watching.changed.connect(self._show)

    @property
    def current(self) -> Region | None:
        """The region that is shown, None if none is."""
        return self._current

    @property
    def settled(self) -> bool:
        """Whether nothing is being measured or drawn."""
        return self.watching.settled and not self._aside.busy

    def keys(self) -> list[Key]:
        """The keys of the queue, and what they do."""
        return [
            (shortcuts.REVIEW_ACCEPT, self.accept),
            (shortcuts.REVIEW_FIX, self.fix),
            (shortcuts.REVIEW_SKIP, self.skip),
            (shortcuts.REVIEW_PREVIOUS, self.previous),
            (shortcuts.REVIEW_SUSPECT, self.next_suspect),
        ]

    # Life.

    def follow(self, labels: Labels | None) -> None:
        self._leave_region()
        self._visited, self._ahead = [], []
        self._state = ReviewState() if labels is None else ReviewState.of(labels)
        self.card.set_target(self._state.target)
        self.watching.follow(labels)
        self._show()

    def stop(self) -> None:
        super().stop()
        self.watching.stop()
        self._aside.shutdown()

    # What the person does.

    @_as_told
    def accept(self) -> None:
        """All labels in the region are right; without a region: begin."""
        self._judge("fix" if self._fixing else "accept")

    @_as_told
    def fix(self) -> None:
        """Stay in the region until it is right; the second time, it is."""
        if self._fixing:
            self._judge("fix")
        else:
            self._begin_fixing()

    def _judge(self, tool: str) -> None:
        region, scene = self._current, self.watching.scene
        if region is None or scene is None:
            self._desk.view.set_hint("")
            self._go_on()
            return
        self._desk.require_labels()
        if not self._in_view(region):
            self._go(region)
            raise InputError(sentences.RETURNED)
        require_no_stroke(scene.labels)
        scene.corrections.sync_part(region.plane, region.window)
        key = key_of(region.plane, region.window)
        predicted, now = scene.corrections.predicted_in(key), np.asarray(scene.labels.data[key])
        # What was never predicted says nothing about predictions.
        truth = mean_dice(predicted, np.where(scene.corrections.reached_in(key), now, predicted))
        with self.watching.quietly():
            confirmed = confirm(
                scene.labels,
                self._desk.layers.image,
                region.plane,
                region.window,
                workspace=self._desk.session.workspace,
                aside=self._desk.aside,
                done=lambda: None,
                failed=self._desk.failed,
                tool=tool,
            )
        edits = EffortLog.of(scene.labels).edits()[self._edits_before :]
        score = self.watching.score(region)
        side = self.watching.measured.side if self.watching.measured is not None else 0
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
        said = sentences.accepted(width, height, fixed=tool == "fix") + left_out(confirmed.left_out)
        self._desk.say(said)
        self._go_on(said)

    def _begin_fixing(self) -> None:
        region, scene = self._current, self.watching.scene
        if region is None or scene is None:
            raise InputError(sentences.NOT_STARTED)
        if not self._in_view(region):
            self._go(region)
        if self._is_done(region):
            # Tools leave alone what is confirmed.
            with self.watching.quietly():
                unconfirm(scene.labels, region.plane, region.window)
        self._fixing = True
        self._desk.viewer.layers.selection.active = scene.labels
        self._show()
        self._desk.say(sentences.fixing())

    @_as_told
    def skip(self) -> None:
        """Leave the region for later."""
        region = self._current
        if region is None:
            raise InputError(sentences.NOT_STARTED)
        if not self._ahead and self._following() is None:
            raise InputError(sentences.ONLY_ONE)
        if not self._is_done(region):
            self._keep(self._state.skip(region))
        self._go_on()

    @_as_told
    def previous(self) -> None:
        """Back to the region before."""
        if not self._visited:
            raise InputError(sentences.FIRST)
        before = self._visited.pop()
        if self._current is not None:
            self._ahead.append(self._current)
        self._go(before)

    @_as_told
    def next_suspect(self) -> None:
        """To the next doubtful place of the region."""
        region, scene = self._current, self.watching.scene
        if region is None or scene is None:
            raise InputError(sentences.NOT_STARTED)
        if not self._in_view(region):
            self._go(region)
        # Found anew each time, because what was mended is no suspect any more.
        found = suspects(scene, region.plane, region.window, self._desk.scheme)
        if not found:
            raise InputError(sentences.NO_SUSPECT)
        fresh = [one for one in found if not any(one.meets(other) for other in self._suspects)]
        if not fresh:
            self._suspects = []
        chosen = (fresh or found)[0]
        self._suspects.append(chosen)
        if chosen.at is None:
            self._focus.clear()
        else:
            self._focus.put(region.plane, chosen.at)
        self._desk.say(sentences.suspect(len(found), focused=chosen.at is not None))
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
            self._desk.say(f"{said} {sentences.ALL_DONE}" if said else self._words()[1])
        self.watching.look()

    def _following(self) -> Region | None:
        """The next region of the queue, None if no other is left."""
        arranged = self.watching.arranged
        queue = () if arranged is None else arranged.queue
        here = None if self._current is None else self._current.place
        later = [one.place for one in self._state.skipped]
        left = {one.place for one in queue} if later else set()
        # What was skipped comes after everything else, in the order in which it was skipped.
        order = chain(
            (one.place for one in queue if one.place not in later),
            (place for place in later if place in left),
        )
        for plane, box in order:
            region = Region(plane=plane, box=box)
            # The queue may be older than what was accepted last.
            if region.place != here and not self._is_done(region):
                return region
        return None

    def _is_done(self, region: Region) -> bool:
        """Whether a region was reviewed, and that was not taken back."""
        scene = self.watching.scene
        if scene is None or all(one.place != region.place for one in self._state.done):
            return False
        return bool(scene.corrections.confirmed_in(key_of(region.plane, region.window)).any())

    def _go(self, region: Region) -> None:
        scene = self.watching.scene
        if scene is None:
            return
        if region != self._current:
            self._focus.clear()
            self._fixing = False
            self._edits_before = len(EffortLog.of(scene.labels).edits())
            self._suspects = []
            self.card.set_picture(None)
        self._current = region
        camera.go_to(self._desk.viewer, scene.labels, region, self._desk.canvas_px())
        image = self._desk.layers.image
        self._aside.run(
            lambda: thumbnail(scene, image, region, THUMBNAIL_PX),
            lambda picture: self._on_drawn(region, picture),
            self._desk.failed,
        )
        self._draw()
        self._show()

    def _leave_region(self) -> None:
        self._current = None
        self._fixing = False
        self._suspects = []
        self.card.set_picture(None)
        self._draw()

    def _on_drawn(self, region: Region, picture: NDArray[np.uint8] | None) -> None:
        if region == self._current:
            self.card.set_picture(picture)

    def _in_view(self, region: Region) -> bool:
        """Whether the person sees the region now.

        Raises
        ------
        InputError
            When the canvas does not show planes of the labels.
        """
        if self._desk.layers.plane() != region.plane or self.watching.scene is None:
            return False
        return camera.in_view(self._desk.viewer, self.watching.scene.labels, region, self._desk.canvas_px())

    def _on_target(self, target: float) -> None:
        self._keep(self._state.model_copy(update={"target": round(target, 2)}))
        self.watching.look()

    def _keep(self, state: ReviewState) -> None:
        self._state = state
        if self.watching.scene is not None:
            state.keep(self.watching.scene.labels)

    # What is shown.

    def _show(self) -> None:
        card, arranged, region = self.card, self.watching.arranged, self._current
        ahead = None if arranged is None else arranged.outlook
        card.set_region(*self._words())
        card.set_fixing(self._fixing)
        card.set_under_way(region is not None)
        card.buttons["accept"].setEnabled(region is not None or bool(arranged is not None and arranged.queue))
        card.buttons["previous"].setEnabled(bool(self._visited))
        card.setVisible(self.watching.scene is not None)
        if ahead is None:
            card.set_progress("", 0, 0)
            card.set_quality("")
            card.set_stop("")
        else:
            card.set_progress(sentences.progress(ahead), ahead.reviewed, ahead.regions)
            scene = self.watching.scene
            quality = sentences.quality(ahead, self._state.target, judged=scene is not None and scene.judged)
            card.set_quality(quality if ahead.regions else "")
            card.set_stop(ahead.stop or "")

    def _words(self) -> tuple[str, str]:
        """Title and text of the card."""
        region, arranged = self._current, self.watching.arranged
        if region is not None:
            score = self.watching.score(region)
            title = "Reviewed already" if self._is_done(region) else "Is this right?"
            title = "Correcting this region" if self._fixing else title
            return sentences.title(title, region), "" if score is None else sentences.reason(score)
        if self.watching.scene is None:
            return "", ""
        if arranged is None:
            return "", self.watching.problem or sentences.MEASURING
        if not arranged.outlook.regions:
            return "", sentences.NOTHING
        if not arranged.queue:
            return "", sentences.ALL_DONE
        return "Review queue", sentences.begin(arranged.outlook)

    def _draw(self) -> None:
        """Outline the region and the doubtful place on the canvas."""
        overlay, scene, region = self._desk.overlay, self.watching.scene, self._current
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
