"""The palette and the labels: which classes there are, which one is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.labels.classes import LARGEST_VALUE, nameless, with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer.records import classes_of, write_classes
from napari_pseudolabel.viewer.result_layers import show_classes
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

_BACKGROUND = LabelClass(name="background", value=0)
# Labels with more values than this hold objects, not classes.
_MOST = 12


class ClassList(Part):
    """Keeps the palette, the colours of the layer, and what is noted about its classes, alike."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._labels: Labels | None = None
        self._palette = context.view.palette_
        self._palette.chosen.connect(self.choose)
        self._palette.renamed.connect(lambda value, name: self._edit(value, name=name))
        self._palette.recoloured.connect(lambda value, colour: self._edit(value, color=colour))
        self._palette.add.clicked.connect(self.add)
        context.events.chosen.connect(self._on_chosen)
        context.events.recoloured.connect(self._show)  # a run may have brought other classes

    @override
    def follow(self, labels: Labels | None) -> None:
        self._labels = labels
        if labels is not None and not classes_of(labels):
            self._find(labels)
        self._show()

    def actions(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """Return a key and what it does, for every class that has one."""
        return [
            (key, lambda number=number: self.choose_at(number))  # type: ignore[misc]
            for number, key in enumerate(shortcuts.CLASSES)
        ]

    def choose(self, value: int) -> None:
        """Paint a class from now on."""
        if self._labels is not None:
            self._labels.selected_label = value
            self._on_chosen()

    def choose_at(self, number: int) -> None:
        """Paint a class by its place in the palette, from 0 on."""
        classes = self._palette.classes
        if number >= len(classes):
            self._context.refuse(f"There is no class {number + 1} in the palette.")
            return
        self.choose(classes[number].value)
        self._context.say(f"Class: {classes[number].name}.")

    def add(self) -> None:
        """Add a class with the next free value, and let the person name it."""
        if self._labels is None:
            return
        classes = _known(self._labels)
        taken = {label_class.value for label_class in classes}
        largest = min(LARGEST_VALUE, int(np.iinfo(self._labels.data.dtype).max))
        value = next((free for free in range(1, largest) if free not in taken), None)
        if value is None:
            self._context.refuse("There is no value left for another class.")
            return
        self._write(self._labels, (*classes, *nameless((value,))))
        self.choose(value)
        self._palette.begin_naming(value)

    def _edit(self, value: int, **changes: str) -> None:
        if self._labels is None:
            return
        classes = _known(self._labels)
        name = changes.get("name")
        if name is not None and any(one.name == name and one.value != value for one in classes):
            self._context.refuse(f"There is a class “{name}” already; give this one another name.")
            self._show(anew=True)
            return
        self._write(
            self._labels,
            [one.model_copy(update=changes) if one.value == value else one for one in classes],
        )

    def _write(self, labels: Labels, classes: Sequence[LabelClass]) -> None:
        coloured = with_colours(classes)
        write_classes(labels, coloured)
        show_classes(labels, coloured)
        self._show()

    def _find(self, labels: Labels) -> None:
        """Of labels that nobody has named classes for: what values there are."""
        corner = labels.data.reshape(-1, *labels.data.shape[-2:])[0]

        def values() -> list[int]:
            return [int(value) for value in np.unique(corner) if value != 0][: _MOST + 1]

        self._context.executor.run(values, lambda found: self._on_found(labels, found), self._context.failed)

    def _on_found(self, labels: Labels, found: list[int]) -> None:
        if labels is not self._labels or classes_of(labels) or not 0 < len(found) <= _MOST:
            return
        if max(found) > LARGEST_VALUE:
            return
        # The colours that the person sees stay.
        coloured = (_BACKGROUND, *(_seen(labels, label_class) for label_class in nameless(found)))
        write_classes(labels, coloured)
        self._show()

    def _on_chosen(self) -> None:
        if self._labels is not None:
            self._palette.set_chosen(int(self._labels.selected_label))

    def _show(self, *, anew: bool = False) -> None:
        if anew:
            self._palette.set_classes(())
        self._palette.set_classes(
            () if self._labels is None or not classes_of(self._labels) else _known(self._labels)
        )
        self._palette.add.setEnabled(self._labels is not None)
        self._on_chosen()


def _known(labels: Labels) -> tuple[LabelClass, ...]:
    """Return the classes as they are, with their colours, background first."""
    classes = classes_of(labels)
    background = [label_class for label_class in classes if label_class.value == 0] or [_BACKGROUND]
    return with_colours((*background, *(label_class for label_class in classes if label_class.value != 0)))


def _seen(labels: Labels, one: LabelClass) -> LabelClass:
    """Return a class in the colour that the layer has for it."""
    red, green, blue = (round(255 * float(part)) for part in labels.get_color(one.value)[:3])
    return one.model_copy(update={"color": f"#{red:02x}{green:02x}{blue:02x}"})
