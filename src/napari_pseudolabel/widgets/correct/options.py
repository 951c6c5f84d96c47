"""How the tools work, and how a part is predicted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.fields import advanced_form, decimal, number
from napari_pseudolabel.widgets.common.parts import Sentence, combo, fill

Method = Literal["random_walker", "watershed"]
_METHODS: tuple[tuple[Method, str], ...] = (
    ("random_walker", "Weak borders"),
    ("watershed", "Strong borders, faster"),
)
_AS_BEFORE = "As before"


@dataclass(frozen=True)
class ToolOptions:
    """How the tools work.

    Attributes
    ----------
    step_px
        By how much an object grows or shrinks.
    radius_px
        Bumps smaller than this are smoothed away.
    least_px
        Smaller objects are removed.
    method
        How a scribble becomes an object.
    over
        Whether growing, filling and pasting may take other classes, too.
    """

    step_px: int = 1
    radius_px: int = 3
    least_px: int = 50
    method: Method = "random_walker"
    over: bool = False


@dataclass(frozen=True)
class AgainOptions:
    """How a part is predicted again.

    Attributes
    ----------
    zoom
        On top of the magnification of the run before: above 1 the models see larger objects.
    new_seed
        Draw other translations than before.
    segmenter
        Reference of a model; None for the one of the run before.
    """

    zoom: float = 1.0
    new_seed: bool = True
    segmenter: str | None = None


_PROPOSED = ToolOptions()


class OptionsForm(QWidget):
    """The fields of `ToolOptions`."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 0, 0, 4)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.step = number(
            1, 50, _PROPOSED.step_px, "By how many pixels Grow and Shrink move the border at a time"
        )
        self.radius = number(
            1, 50, _PROPOSED.radius_px, "Smooth removes bumps and dents smaller than this, in pixels"
        )
        self.least = number(
            1, 1_000_000, _PROPOSED.least_px, "Remove small takes objects with fewer pixels than this"
        )
        for box in (self.step, self.radius, self.least):
            box.setSuffix(" px")
        self.method = combo(
            "How Smart fill finds the border: a random walk follows weak borders too, "
            "a watershed follows the strongest edge"
        )
        fill(self.method, _METHODS, _PROPOSED.method)
        self.over = QCheckBox("Take other classes, too")
        self.over.setToolTip(
            "Grow, Smart fill and Paste take only background (an axon also its myelin); "
            "checked, they take every class. What is confirmed is never taken"
        )
        for row, (title, field) in enumerate(
            (
                ("Grow, Shrink by", self.step),
                ("Smooth below", self.radius),
                ("Small is below", self.least),
                ("Smart fill", self.method),
            )
        ):
            label = QLabel(title)
            label.setToolTip(field.toolTip())
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(self.over, 4, 0, 1, 2)

    def options(self) -> ToolOptions:
        """All fields as they are now."""
        return ToolOptions(
            self.step.value(),
            self.radius.value(),
            self.least.value(),
            self.method.currentData(),
            self.over.isChecked(),
        )


class AgainForm(QWidget):
    """The fields of `AgainOptions`, and the button."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        fields = QWidget()
        form = advanced_form(fields)
        self.zoom = decimal(
            0.1,
            10.0,
            1.0,
            "Magnify the image by this before the models see it, on top of what was used before: "
            "more than 1 where small objects were missed, less than 1 where large ones fell to pieces",
        )
        self.zoom.setDecimals(2)
        self.zoom.setSingleStep(0.1)
        self.zoom.setPrefix("× ")
        self.new_seed = QCheckBox("Draw other translations")
        self.new_seed.setChecked(True)
        self.new_seed.setToolTip("Use another seed than before, so that the translator draws another image")
        self.segmenter = combo("Which segmenter labels the view; as before is that of the last run")
        self.set_segmenters(())
        form.addRow("Magnify", self.zoom)
        form.addRow("Segmenter", self.segmenter)
        form.addRow(self.new_seed)
        self.button = QPushButton("Predict the view again")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip(
            "What you changed or confirmed stays as it is; the rest of the view is one undo step "
            f"({shortcuts.shown(shortcuts.PREDICT_AGAIN)})"
        )
        self.button.clicked.connect(lambda: self.pressed.emit())
        layout.addWidget(fields)
        layout.addWidget(self.button)

    def options(self) -> AgainOptions:
        """All fields as they are now."""
        return AgainOptions(self.zoom.value(), self.new_seed.isChecked(), self.segmenter.currentData())

    def set_segmenters(self, entries: Sequence[tuple[str, str]]) -> None:
        """Offer segmenters as (reference, title) pairs."""
        chosen = self.segmenter.currentData()
        fill(self.segmenter, [(None, _AS_BEFORE), *entries], chosen)


class ShortcutList(QWidget):
    """All keys of the dock and what they do."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 0, 0, 4)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        shown = [one for one in shortcuts.TABLE if "Correct" in one.dock and one.key not in shortcuts.CLASSES]
        for row, one in enumerate(shown):
            key = QLabel(shortcuts.shown(one.key))
            does = Sentence(one.name)
            does.setToolTip(one.does)
            key.setToolTip(one.does)
            grid.addWidget(key, row, 0)
            grid.addWidget(does, row, 1)
        keys = QLabel(f"{shortcuts.shown(shortcuts.CLASSES[0])} … {shortcuts.CLASSES[-1][-1]}")
        keys.setToolTip("Choose a class of the palette")
        grid.addWidget(keys, len(shown), 0)
        grid.addWidget(Sentence("Choose a class"), len(shown), 1)
