"""How the tools work, and how a part is predicted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel

Method = Literal["random_walker", "watershed"]
_AS_BEFORE = "As before"


@dataclass(frozen=True)
class ToolOptions(Checked):
    """How the tools work."""

    step_px: Annotated[
        int,
        Option(
            "By how many pixels Grow and Shrink move the border at a time; where pixels are not square, by how many of their longer sides",
            title="Grow, Shrink by",
            seen="dock",
            unit="px",
            least=1,
            most=50,
        ),
    ] = 1
    radius_px: Annotated[
        int,
        Option(
            "Smooth removes bumps and dents smaller than this, in pixels; where they are not square, in their longer sides",
            title="Smooth below",
            seen="dock",
            unit="px",
            least=1,
            most=50,
        ),
    ] = 3
    least_px: Annotated[
        int,
        Option(
            "Remove small takes objects with fewer pixels than this, whatever the shape of pixels",
            title="Small is below",
            seen="dock",
            unit="px",
            least=1,
            most=1_000_000,
        ),
    ] = 50
    method: Annotated[
        Method,
        Option(
            "How Smart fill finds the border around a stroke: a random walk follows weak borders too, a watershed the strongest edge",
            title="Smart fill of strokes",
            seen="dock",
            names=(("random_walker", "Weak borders"), ("watershed", "Strong borders, faster")),
        ),
    ] = "random_walker"
    clicks: Annotated[
        str | None,
        Option(
            "What finds an object from clicks: the image alone, or a model of Segment Anything (SAM), which looks at the view once. "
            "Its file belongs into the folder of models, with sam or vit_ in its name; what micro-sam has downloaded is found",
            title="Smart fill of clicks",
            seen="dock",
            listed=True,
        ),
    ] = None
    over: Annotated[
        bool,
        Option(
            "Grow, Smart fill and Paste take only background (an axon also its myelin); checked, they take every class. "
            "What is confirmed is never taken",
            title="Take other classes, too",
            seen="dock",
        ),
    ] = False


@dataclass(frozen=True)
class AgainOptions(Checked):
    """How a part is predicted again; without a segmenter by that of the run before."""

    zoom: Annotated[
        float,
        Option(
            "Magnify the image by this before the models see it, on top of what was used before: more than 1 where small "
            "objects were missed, less than 1 where large ones fell to pieces",
            title="Magnify",
            seen="dock",
            unit="×",
            least=0.1,
            most=10,
            step=0.01,
        ),
    ] = 1.0
    segmenter: Annotated[
        str | None,
        Option(
            "Which segmenter labels the view; as before is that of the last run",
            seen="dock",
            listed=True,
        ),
    ] = None
    new_seed: Annotated[
        bool,
        Option(
            "Use another seed than before, so that the translator draws another image",
            title="Draw other translations",
            term="another seed",
            seen="dock",
        ),
    ] = True


class AgainForm(QWidget):
    """The fields of `AgainOptions`, and the button."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.options = OptionForm(AgainOptions(), indent=8)
        self.set_segmenters(())
        self.button = QPushButton("Predict the view again")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip(
            "What you changed or confirmed stays as it is; the rest of the view is one undo step "
            f"({shortcuts.shown(shortcuts.PREDICT_AGAIN)})"
        )
        self.button.clicked.connect(lambda: self.pressed.emit())
        self._misfit = MessageLabel(name="warning")
        self._misfit.hide()
        layout.addWidget(self.options)
        layout.addWidget(self._misfit)
        layout.addWidget(
            MessageLabel(
                "Replaces all in the view that you have not changed or confirmed; one Undo takes it back."
            )
        )
        layout.addWidget(self.button)

    def set_misfit(self, sentence: str) -> None:
        """Say why the segmenter does not fit, before the button is pressed; empty if it does."""
        self._misfit.show_message(sentence)

    @property
    def misfit(self) -> str:
        """What is said about a segmenter that does not fit."""
        return self._misfit.message

    def set_segmenters(self, entries: Sequence[tuple[str, str]]) -> None:
        """Offer segmenters as (reference, title) pairs."""
        self.options.edits["segmenter"].offer([(None, _AS_BEFORE), *entries])


class ShortcutList(QWidget):
    """All keys of the dock and what they do."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 0, 0, 4)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        shown = [one for one in shortcuts.TABLE if "Correct" in one.dock and one not in shortcuts.CLASSES]
        for row, shortcut in enumerate(shown):
            key = QLabel(shortcuts.shown(shortcut))
            does = MessageLabel(shortcut.name)
            does.setToolTip(shortcut.does)
            key.setToolTip(shortcut.does)
            grid.addWidget(key, row, 0)
            grid.addWidget(does, row, 1)
        keys = QLabel(f"{shortcuts.shown(shortcuts.CLASSES[0])} … {shortcuts.CLASSES[-1][-1]}")
        keys.setToolTip("Choose a class of the palette")
        grid.addWidget(keys, len(shown), 0)
        grid.addWidget(MessageLabel("Choose a class"), len(shown), 1)
