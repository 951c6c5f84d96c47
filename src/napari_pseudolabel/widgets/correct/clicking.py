"""An object from clicks on the canvas: seen before it is in the labels, written as one undo step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.labels.tools import (
    Change,
    ClickField,
    ClickMark,
    line_through,
    outlined,
    well_inside,
    window_around,
)
from napari_pseudolabel.labels.windows import Index, Window, key_of, moved, whole
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.editing import require_no_stroke
from napari_pseudolabel.viewer.records import channel_of
from napari_pseudolabel.widgets.common.canvas_capture import CanvasCapture
from napari_pseudolabel.widgets.common.canvas_clicks import STILL_PX
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.correct.applying import Applying
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.drawn_clicks import DrawnClicks
from napari_pseudolabel.widgets.correct.labels_picker import Spot
from napari_pseudolabel.widgets.correct.model_opinion import ModelOpinion, same_opinion
from napari_pseudolabel.widgets.correct.network_clicks import NetworkClicks
from napari_pseudolabel.widgets.correct.tools import Toolbox

if TYPE_CHECKING:
    from napari.layers import Labels

NAME = "smart_fill"
BEGUN = (
    "Click on an object. Shift+click what does not belong to it, Backspace takes the last click back, "
    "Enter takes the object over, Escape drops it."
)
NO_IMAGE = "The image of these labels is not open, and Smart fill follows its borders; open it."
NOTHING_YET = "Click on an object first."
DROPPED = "The object was dropped; nothing changed."
OTHER_PLANE = "Another plane is shown, so the object of the clicks was dropped."
_LEFT, _RIGHT = 1, 2


@dataclass(frozen=True, eq=False)
class Seen:
    """What clicks are answered from.

    Attributes
    ----------
    values
        (h, w) labels of the window, as they were.
    likely
        (h, w) how likely a run found the class there; None where that is no help.
    picture
        (h, w), or (h, w, C): the image of the window.
    """

    spot: Spot
    window: Window
    value: int
    over: tuple[int, ...]
    values: Array
    likely: NDArray[np.float32] | None
    picture: Array
    field: ClickField

    @property
    def outdated(self) -> bool:
        """Whether the labels changed there since."""
        now = self.spot.labels.data[key_of(self.spot.plane, self.window)]
        return not np.array_equal(now, self.values)


@dataclass(frozen=True, eq=False)
class ProposedObject:
    """An object that is not in the labels yet; the change counts from the corner of the window."""

    seen: Seen
    change: Change


class Clicking(Part):
    """Collects clicks and shows what object they mean, until the person takes it over or drops it.

    Attributes
    ----------
    changed
        Clicks are waited for, or not any more.
    """

    changed = Signal()

    def __init__(
        self, context: CorrectContext, applying: Applying, toolbox: Toolbox, network: NetworkClicks
    ) -> None:
        super().__init__(context)
        self._network = network
        self._applying = applying
        self._toolbox = toolbox
        self._capture = CanvasCapture(context.viewer)
        self._capture.left.connect(self._on_left)
        self._shown = DrawnClicks(context)
        self._marks: list[ClickMark] = []
        self._plane: Index = ()
        self._seen: Seen | None = None
        # Of the object before; a network needs long for another one.
        self._window_before: Window | None = None
        self._proposal: ProposedObject | None = None
        # One computation at a time; what was asked for meanwhile is computed next, and only that.
        self._running = self._again = self._take_later = False
        context.events.chosen.connect(self._refresh)
        context.events.drawn.connect(self._on_drawn)
        context.events.painted.connect(lambda _: self._on_drawn())
        network.chosen.connect(self._refresh)

    @property
    def on(self) -> bool:
        """Whether clicks are waited for."""
        return self._capture.on

    @property
    def proposal(self) -> ProposedObject | None:
        """What is shown; None where nothing is, or something is still being computed."""
        return None if self._running else self._proposal

    def begin(self) -> None:
        """Wait for clicks.

        Raises
        ------
        InputError
            When there is no class, no image, or no plane on the canvas.
        """
        self._toolbox.chosen()
        self._context.layers.plane()
        if self._context.layers.image is None:
            raise InputError(NO_IMAGE)
        keys = {"Enter": self.take, "Escape": self.escape, "Backspace": self.back}
        self._capture.begin(self._context.layers.require(), self._drag, keys)
        self._context.say(BEGUN)
        self.changed.emit()

    def leave(self) -> None:
        """Wait for clicks no more, and drop the object."""
        self._capture.leave()

    # What the person does.

    def mark(self, places: NDArray[np.intp], inside: bool) -> None:
        """Say of places, (N, 2) rows and columns, whether they belong to the object."""
        with self._context.refusing():
            plane, labels = self._context.layers.plane(), self._context.layers.require()
            places = places[((places >= 0) & (places < labels.data.shape[-2:])).all(axis=1)]
            if not len(places):
                return
            if not inside and not self._marks:
                raise InputError(NOTHING_YET)
            self._plane = plane
            marks = [*self._marks, ClickMark(places, inside)]
            window_around(marks, labels.data.shape)
            self._marks = marks
            self._shown.points(labels, plane, marks)
            self._refresh()

    def take(self) -> None:
        """Write the object into the labels; where it is still being computed, as soon as it is there."""
        with self._context.refusing():
            if self._running:
                self._take_later = True
                return
            made, labels = self._proposal, self._context.layers.require()
            if made is None:
                raise InputError(NOTHING_YET)
            require_no_stroke(labels)
            if made.seen.outdated:
                self._refresh()
                self._take_later = True
                return
            change = made.change
            here = Change(moved(change.window, made.seen.window), change.labels, change.sentence)
            self._forget()
            self._applying.apply(NAME, made.seen.spot, here)

    def back(self) -> None:
        """Take the last click back."""
        if len(self._marks) < 2:
            self._forget()
            self._context.say(BEGUN)
            return
        self._marks.pop()
        self._shown.points(self._context.layers.require(), self._plane, self._marks)
        self._refresh()

    def escape(self) -> None:
        """Drop the object; without one, leave the tool."""
        if self._marks:
            self._forget()
            self._context.say(DROPPED)
        else:
            self.leave()
            self._context.say("Clicks do what they did before.")

    def on_plane(self) -> None:
        """Another plane may be shown."""
        if not self._marks:
            return
        try:
            same = self._context.layers.plane() == self._plane
        except PseudolabelError:
            same = False
        if not same:
            self._forget()
            self._context.say(OTHER_PLANE)

    @override
    def follow(self, labels: Labels | None) -> None:
        self.leave()
        self._window_before = None

    @override
    def stop(self) -> None:
        super().stop()
        # What a worker is asked then is never answered.
        self._running = self._again = False

    # What becomes of it.

    def _refresh(self) -> None:
        """Compute the object of the clicks beside the window."""
        if not self._marks:
            return
        if self._running:
            self._again = True
            self._network.remind()
            return
        with self._context.refusing():
            work = self._work()
            self._running = True
            marks = tuple(self._marks)
            self._context.executor.run(work, lambda seen: self._on_seen(marks, seen), self._on_failed)

    def _work(self) -> Callable[[], Seen | str]:
        """Return what looks at the window of the clicks, or says why that cannot be."""
        layers, value = self._context.layers, self._toolbox.chosen()
        labels, image = layers.require(), layers.image
        if image is None:
            raise InputError(NO_IMAGE)
        plane, over, known = self._plane, self._toolbox.over(None, value), self._seen
        window = self._window(labels.data.shape)
        key = key_of(plane, window)
        values, channel = np.array(labels.data[key]), channel_of(labels)
        locked = Corrections.of(labels).confirmed_in(key)
        opinion = ModelOpinion.of(self._context, plane, window)
        corner = np.array([side.start for side in window])
        likely = opinion.likely(self._marks[0].places - corner, value)
        if known is not None and not (
            (known.window, known.value, known.over) == (window, value, over)
            and same_opinion(known.likely, likely)
            and np.array_equal(known.values, values)
            and np.array_equal(known.field.part.locked, locked)
        ):
            known = None
        spot = Spot(labels, plane, (window[0].start, window[1].start))

        def seen() -> Seen:
            part = image.plane(plane, channel, window=window)
            field = ClickField.of(
                values,
                part,
                whole(values.shape),
                value,
                probability=likely,
                locked=locked,
                over=over,
            )
            return Seen(spot, window, value, over, values, likely, part, field)

        def work() -> Seen | str:
            try:
                return seen() if known is None else known
            except PseudolabelError as error:
                return str(error)

        return work

    def _on_seen(self, marks: tuple[ClickMark, ...], seen: Seen | str) -> None:
        """Have the clicks answered by the network that was chosen, or by the image alone."""
        if isinstance(seen, str):
            self._on_made(marks, seen)
            return
        inside = [ClickMark(mark.places - np.array(seen.spot.at), mark.inside) for mark in marks]

        def propose(found: NDArray[np.bool_] | None = None) -> None:
            def work() -> ProposedObject | str:
                try:
                    return ProposedObject(seen, seen.field.propose(inside, found))
                except PseudolabelError as error:
                    return str(error)

            self._context.executor.run(work, lambda made: self._on_made(marks, made), self._on_failed)

        if (model := self._network.model) is not None:
            self._network.ask(model, seen.picture, inside, propose, propose)
        else:
            propose()

    def _window(self, shape: tuple[int, ...]) -> Window:
        """Return the window of the clicks before, as long as all are in it: what is known of it goes on to hold."""
        places = np.concatenate([mark.places for mark in self._marks])
        if self._seen is not None:
            rows, columns = self._seen.window
            low, high = (rows.start, columns.start), (rows.stop, columns.stop)
            if ((places >= low) & (places < high)).all():
                return self._seen.window
        before = self._window_before
        if self._network.model is not None and before is not None and well_inside(places, before, shape):
            return before
        self._window_before = window_around(self._marks, shape)
        return self._window_before

    def _on_made(self, marks: tuple[ClickMark, ...], made: ProposedObject | str) -> None:
        self._running = False
        again, self._again = self._again, False
        if not self._marks:
            self._take_later = False
            return
        if again or tuple(self._marks) != marks:
            self._refresh()
            return
        take, self._take_later = self._take_later, False
        if isinstance(made, str):
            # What cannot be answered is no click; the object is that of the clicks before.
            self._marks.pop()
            if not self._marks:
                self._forget()
            else:
                self._shown.points(self._context.layers.require(), self._plane, self._marks)
            self._context.refuse(made)
            return
        self._seen, self._proposal = made.seen, made
        seen, first = made.seen, self._marks[0].places[0] - np.array(made.seen.spot.at)
        target = outlined(made.change, seen.value, tuple(int(one) for one in first))
        self._shown.outline(seen.spot.labels, seen.spot.plane, target, seen.spot.at)
        pixels = int((made.change.labels != seen.values[made.change.window]).sum())
        self._context.view.set_hint(self._network.trouble)
        self._context.view.set_status(f"{pixels:,} px; Enter takes them over, Escape drops them.")
        if take:
            self.take()

    def _on_failed(self, failure: Failure) -> None:
        self._running = self._again = False
        self._forget()
        self._context.failed(failure)

    def _on_drawn(self) -> None:
        seen = self._seen
        if self._marks and seen is not None and seen.outdated:
            self._refresh()

    def _on_left(self) -> None:
        self._forget()
        self.changed.emit()

    def _forget(self) -> None:
        self._marks, self._seen, self._proposal, self._take_later = [], None, None, False
        self._shown.clear()

    # The mouse.

    def _drag(self, layer: Labels, event: Any) -> Iterator[None]:
        if event.button not in (_LEFT, _RIGHT):
            return
        inside = event.button == _LEFT and "Shift" not in event.modifiers
        begun, path, far = np.array(event.position), [self._place(event)], 0.0
        yield
        while event.type == "mouse_move":
            far = max(far, float(np.abs(np.array(event.position) - begun).max()))
            path.append(self._place(event))
            yield
        if not self.on:
            return  # left with the button down
        if far * self._context.viewer.camera.zoom <= STILL_PX:
            self.mark(np.rint(np.array(path[:1])).astype(np.intp), inside)
        elif event.button == _LEFT:  # the right button zooms
            self.mark(line_through([*path, self._place(event)]), inside)

    def _place(self, event: Any) -> tuple[float, float]:
        return self._context.layers.place(event.position)
