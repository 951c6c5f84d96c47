"""What the tools do: each is one undo step on the plane that is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels import tools
from napari_pseudolabel.labels.objects import ObjectMask, component_at, object_at
from napari_pseudolabel.labels.objects.object_mask import object_mask
from napari_pseudolabel.labels.tools import Change
from napari_pseudolabel.labels.windows import around, inside, moved, padded
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.corrections import Window, key_of
from napari_pseudolabel.viewer.editing import locked_plane, require_no_stroke
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.line_drawing import Path
from napari_pseudolabel.widgets.correct.applying import Applying, SlowChange
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext
from napari_pseudolabel.widgets.correct.drawing import Drawing
from napari_pseudolabel.widgets.correct.focus import Aim, ObjectFocus
from napari_pseudolabel.widgets.correct.labels_picker import Spot
from napari_pseudolabel.widgets.correct.layer_visibility import LayerVisibility

Plane = Array
Locked = NDArray[np.bool_] | None

NO_CLASS = "Choose a class in the palette first."
NO_CANDIDATE = f"No candidate is shown; press {shortcuts.shown(shortcuts.NEXT_CANDIDATE)} to see them."
OTHER_ONE = "Now point at the other object and press {} again."
OTHER_SLICE = "Now go to another slice, point at the same object there and press {} again."
SAME_SLICE = "Both are on the same slice; go to another one and point at the same object there."
NO_STACK = "These labels have no slices to interpolate between."
SPLIT = "Drag a line across the object, from one side to the other. Escape cancels."


class Toolbox(QObject):
    """Runs tools on the object in focus, or the one under the cursor."""

    def __init__(
        self,
        context: CorrectContext,
        applying: Applying,
        focus: ObjectFocus,
        drawing: Drawing,
        visibility: LayerVisibility,
    ) -> None:
        super().__init__()
        self._context = context
        self._applying = applying
        self._focus = focus
        self._drawing = drawing
        self._visibility = visibility
        self._tools: dict[str, Callable[[], None]] = {
            "delete": lambda: self._change("delete", self._delete),
            "reassign": lambda: self._change("reassign", self._reassign),
            "fill_holes": lambda: self._change("fill_holes", self._fill_holes),
            "smooth": lambda: self._change("smooth", self._smooth),
            "grow": lambda: self._change("grow", self._grow),
            "shrink": lambda: self._change("shrink", self._shrink),
            "remove_small": self._remove_small,
            "merge": self._merge,
            "split": lambda: self._drawing.begin("split", SPLIT, self.split),
            "paste": self._paste,
            "interpolate": self._interpolate,
        }

    def knows(self, name: str) -> bool:
        """Whether a tool is one of these."""
        return name in self._tools

    def run(self, name: str) -> None:
        """Use a tool; what cannot be done is said to the person."""
        with self._context.refusing():
            if name != "paste":
                self._context.require_labels()
            self._tools[name]()

    def split(self, path: Path) -> None:
        """Cut the object in focus, else the one that a line crosses for longest.

        Raises
        ------
        InputError
            When it does not cross one.
        """
        plane, labels = self._context.layers.plane(), self._context.layers.require()
        held = self._focus.held
        focused = held is not None and held.plane == plane
        aim = self._focus.aim() if focused else self._crossed(Spot(labels, plane, (0, 0)), path)
        values = aim.spot.values
        under = self._under(values, aim.target)
        change = tools.split(values, aim.target, path, locked=_locked(aim.spot, aim.target), under=under)
        self._applying.apply("split", aim.spot, change)
        self._focus.clear()

    # Tools for one object.

    def _change(self, tool: str, make: Callable[[Plane, ObjectMask | None, Locked], Change]) -> None:
        aim = self._focus.aim()
        require_no_stroke(aim.spot.labels)
        locked = _locked(aim.spot, aim.target)
        self._applying.apply(tool, aim.spot, make(aim.spot.values, aim.target, locked))
        if aim.focused and tool == "delete":
            self._focus.clear()

    def _delete(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        return tools.delete(plane, target, locked=locked)

    def _reassign(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        return tools.reassign(plane, target, self.chosen(), locked=locked)

    def _fill_holes(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        return tools.fill_holes(plane, target, locked=locked, over=self.over(target))

    def _smooth(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        radius = self._context.view.options.value().radius_px
        over, under = self.over(target), self._under(plane, target)
        return tools.smooth(
            plane, target, radius, locked=locked, over=over, under=under, aspect=self._context.aspect
        )

    def _grow(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        step = self._context.view.options.value().step_px
        over, aspect = self.over(target), self._context.aspect
        return tools.grow(plane, target, step, locked=locked, over=over, aspect=aspect)

    def _shrink(self, plane: Plane, target: ObjectMask | None, locked: Locked) -> Change:
        step = self._context.view.options.value().step_px
        under, aspect = self._under(plane, target), self._context.aspect
        return tools.shrink(plane, target, step, locked=locked, under=under, aspect=aspect)

    # Tools for more, or for less.

    def _remove_small(self) -> None:
        """Beside the window, because the view may be all of a large image."""
        layers = self._context.layers
        labels, plane, window, value = layers.require(), layers.plane(), layers.window(), self.chosen()
        require_no_stroke(labels)
        part = padded(window, 1, labels.data.shape)
        spot = Spot(labels, plane, (part[0].start, part[1].start))
        corrections = Corrections.of(labels)
        least, outer = self._context.view.options.value().least_px, self._context.nesting.under(value)

        def make(values: Plane) -> Change:
            locked = corrections.confirmed_in(key_of(plane, part))
            found = tools.remove_small(values, value, least, inside(window, part), locked=locked)
            return _refilled(values, value, outer, found) if outer else found

        self._applying.later(SlowChange("remove_small", spot, part, make), "Looking for small objects")

    def _merge(self) -> None:
        held, pointed = self._focus.held, self._focus.pointed()
        if held is None or held.plane != pointed.spot.plane:
            self._first(pointed, OTHER_ONE.format(shortcuts.shown(shortcuts.MERGE)))
            return
        target = self._focus.target_at(held)
        change = tools.merge(
            pointed.spot.values,
            target,
            pointed.target,
            locked=_locked(held, target, pointed.target),
            over=self.over(target),
        )
        self._applying.apply("merge", held, change)
        self._focus.clear()

    def _paste(self) -> None:
        number = self._visibility.shown
        if number is None:
            raise InputError(NO_CANDIDATE)
        spot = self._context.layers.spot()
        candidate = self._visibility.candidates().part(number, spot.plane, _whole(spot.values))
        scheme = self._context.scheme
        wanted = object_at(candidate, spot.at, scheme)
        there = object_at(spot.values, spot.at, scheme)
        same = wanted is not None and there is not None and wanted.value == there.value
        change = tools.paste(
            spot.values,
            candidate,
            spot.at,
            scheme,
            replacing=there if same else None,
            locked=_locked(spot, wanted, there),
            over=self.over(wanted),
        )
        self._applying.apply("paste", spot, change)

    def _interpolate(self) -> None:
        labels, plane = self._context.layers.require(), self._context.layers.plane()
        if not plane:
            raise InputError(NO_STACK)
        held, pointed = self._focus.held, self._focus.pointed()
        if held is None or held.plane[:-1] != plane[:-1]:
            self._first(pointed, OTHER_SLICE.format(shortcuts.shown(shortcuts.INTERPOLATE)))
            return
        if held.plane == plane:
            raise InputError(SAME_SLICE)
        # Of single classes also where objects are shown: inside and outside do not change alike.
        ends = {spot.plane[-1]: component_at(spot.values, spot.at) for spot in (held, pointed.spot)}
        one, other = ends.values()
        if one is None or other is None:
            raise InputError("There is no object under the cursor; move it over the same object.")
        if one.value != other.value:
            raise InputError("The two objects are of different classes; point at the same class.")
        first, last = sorted(ends)
        part = slice(first, last + 1)
        changes = tools.interpolate(
            np.asarray(labels.data[plane[:-1]])[part],
            one.value,
            0,
            last - first,
            targets={z - first: target for z, target in ends.items() if target is not None},
            locked=Corrections.of(labels).confirmed_in((*plane[:-1], part)),
        )
        moved = {z + first: change for z, change in changes.items()}
        slices = f"{len(moved)} slice{'' if len(moved) == 1 else 's'}"
        self._applying.apply(
            "interpolate", pointed.spot, moved, f"Filled {slices} between {first} and {last}."
        )
        self._focus.clear()

    # What they share.

    def chosen(self) -> int:
        """Return the class that is chosen.

        Raises
        ------
        InputError
            If it is the background.
        """
        value = int(self._context.layers.require().selected_label)
        if value == 0:
            raise InputError(NO_CLASS)
        return value

    def over(self, target: ObjectMask | None, value: int | None = None) -> tuple[int, ...]:
        """Classes that an object, or one of a class, may take besides background."""
        labels = self._context.layers.labels
        own = value if target is None else target.value
        if own is None or labels is None:
            return ()
        if self._context.view.options.value().over:
            return tuple(one.value for one in classes_of(labels) if one.value not in (0, own))
        return self._context.nesting.over(own)

    def _under(self, plane: Plane, target: ObjectMask | None) -> int:
        """Return what is left where an object gives way: myelin for an axon that lies in myelin, else background."""
        outer = 0 if target is None else self._context.nesting.under(target.value)
        return outer if outer and target is not None and _lies_in(plane, target, outer) else 0

    def _first(self, pointed: Aim, sentence: str) -> None:
        """Keep the first of the two objects that the tool needs."""
        if self._focus.put(pointed.spot.plane, pointed.spot.at) is None:
            raise InputError("There is no object under the cursor; move it over the first one.")
        self._context.say(sentence)

    def _crossed(self, spot: Spot, path: Path) -> Aim:
        """Return the object on which a line lies for longest."""
        values, scheme = spot.values, self._context.scheme
        places = tools.line_through(path)
        places = places[((places >= 0) & (places < values.shape)).all(axis=1)]
        best: Aim | None = None
        most = 0
        todo = values[tuple(places.T)] != 0
        while todo.any():
            row, column = (int(one) for one in places[int(todo.argmax())])
            at = row, column
            target = object_at(values, at, scheme)
            if target is None:
                break
            inside = np.array([target.holds((int(row), int(column))) for row, column in places])
            todo &= ~inside
            if inside.sum() > most:
                most, best = int(inside.sum()), Aim(Spot(spot.labels, spot.plane, at), target)
        if best is None:
            raise InputError("The line does not cross an object; draw it from one side of one to the other.")
        return best


def _refilled(plane: Plane, value: int, outer: int, change: Change) -> Change:
    """Return a change that removes objects of a class, so that it leaves no holes in what they lay in."""
    labels = change.labels.copy()
    parts, _ = ndi.label(plane[change.window] != labels, np.ones((3, 3)))
    for number, box in enumerate(ndi.find_objects(parts), start=1):
        gone = parts[box] == number
        if _lies_in(plane, object_mask(value, moved(box, change.window), gone), outer):
            labels[box][gone] = outer
    return Change(change.window, labels, change.sentence)


def _locked(spot: Spot, *targets: ObjectMask | None) -> Locked:
    """Return what is confirmed around objects."""
    windows = [target.window for target in targets if target is not None]
    if not windows:
        return None
    window = windows[0]
    for other in windows[1:]:
        window = around(window, other)
    return locked_plane(spot.labels, spot.plane, window)


def _lies_in(plane: Plane, target: ObjectMask, outer: int) -> bool:
    """Whether most of what is around an object is of a class."""
    window = padded(target.window, 1, plane.shape)
    mask = target.within(window)
    ring = ndi.binary_dilation(mask, np.ones((3, 3))) & ~mask
    return bool(np.mean(plane[window][ring] == outer) > 0.5) if ring.any() else False


def _whole(values: Plane) -> Window:
    return slice(0, values.shape[0]), slice(0, values.shape[1])
