"""The object that tools work on: the one in focus, else the one under the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.labels.objects import ObjectMask, object_at
from napari_pseudolabel.viewer.corrections import Index
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.drawn_borders import outline
from napari_pseudolabel.widgets.common.overlay import Mark
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.labels_picker import Spot

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 60
NO_OBJECT = "There is no object under the cursor; move it over one."


@dataclass(frozen=True, eq=False)
class Aim:
    """What a tool works on.

    Attributes
    ----------
    target
        The object; None where there is none.
    focused
        Whether it is in focus, not only under the cursor.
    """

    spot: Spot
    target: ObjectMask | None
    focused: bool = False


class ObjectFocus(Part):
    """Holds on to one object of one plane by a pixel deep inside of it, and draws its outline.

    Attributes
    ----------
    changed
        Another object is in focus, or none.
    """

    changed = Signal()

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._held: Spot | None = None
        self._draw_later = Debouncer(self.draw, _PAUSE_MS, self)
        context.events.drawn.connect(self._on_changed)
        context.events.painted.connect(self._on_changed)

    # What is in focus.

    @property
    def held(self) -> Spot | None:
        """A pixel of the object in focus, None if there is none."""
        return self._held

    def put(self, plane: Index, at: tuple[int, int]) -> ObjectMask | None:
        """Focus the object of the labels at a pixel; None if there is none, which leaves nothing in focus."""
        labels = self._context.layers.labels
        target = None if labels is None else self.target_at(Spot(labels, plane, at))
        self._hold(None if labels is None or target is None else Spot(labels, plane, target.middle))
        return target

    def clear(self) -> None:
        """Tools work on what is under the cursor again."""
        self._hold(None)

    def toggle(self) -> None:
        """Focus the object under the cursor; if it is in focus already, or there is none, nothing is.

        Raises
        ------
        InputError
            When nothing is in focus, and nothing under the cursor.
        """
        held = self._held
        try:
            spot = self._context.layers.spot()
            target = self.target_at(spot)
        except InputError:
            if held is None:
                raise
            target = None
        if target is None:
            if held is None:
                raise InputError(NO_OBJECT)
            self.clear()
            self._context.say("No object is in focus; tools work on what is under the cursor.")
        elif held is not None and held.plane == spot.plane and target.holds(held.at):
            self.clear()
            self._context.say("No object is in focus; tools work on what is under the cursor.")
        else:
            self._hold(Spot(spot.labels, spot.plane, target.middle))
            self._context.say("Tools work on this object now, wherever the cursor is.")

    # What a tool works on.

    def aim(self) -> Aim:
        """Return the object in focus, if it is on the plane that is shown, else the one under the cursor.

        Raises
        ------
        InputError
            When nothing is in focus and the cursor is not over the labels.
        """
        held = self._held
        if held is not None and held.plane == self._context.layers.plane():
            target = self.target_at(held)
            if target is not None:
                return Aim(held, target, focused=True)
            self.clear()
        return self.pointed()

    def pointed(self) -> Aim:
        """Return the object under the cursor.

        Raises
        ------
        InputError
            When the cursor is not over the labels.
        """
        spot = self._context.layers.spot()
        return Aim(spot, self.target_at(spot))

    def target_at(self, spot: Spot) -> ObjectMask | None:
        """Return the object at a pixel, as the person looks at the labels: of a class, or the whole of it."""
        return object_at(spot.values, spot.at, self._context.scheme)

    # How it is shown.

    @override
    def follow(self, labels: Labels | None) -> None:
        self.clear()

    def draw(self) -> None:
        """Draw the outline of the object as it is now."""
        overlay, held = self._context.overlay, self._held
        mark = None
        if held is not None and held.labels is self._context.layers.labels:
            try:
                shown = held.plane == self._context.layers.plane()
            except PseudolabelError:
                shown = False
            target = self.target_at(held) if shown else None
            if target is not None:
                mark = Mark(tuple(outline(held.labels, held.plane, target)))
        if overlay is not None:
            overlay.mark("focus", mark)

    @override
    def stop(self) -> None:
        self._draw_later.cancel()
        super().stop()

    def _hold(self, spot: Spot | None) -> None:
        self._held = spot
        self._context.view.focus.setChecked(spot is not None)
        self.draw()
        self.changed.emit()

    def _on_changed(self, atoms: object = None) -> None:
        if self._held is not None:
            self._draw_later()
