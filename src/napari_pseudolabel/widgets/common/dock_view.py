"""What the view of every dock has: the lines that say how it stands, and how far the work is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget

from napari_pseudolabel.widgets.common.small_widgets import (
    CalmBar,
    ElidedLabel,
    ErrorBox,
    Item,
    MessageLabel,
    button,
    column,
    row,
)
from napari_pseudolabel.widgets.common.style import polish

_BAR_PX = 14
_SPACING = 5


class DockView(QWidget):
    """Base of the views; a subclass makes its widgets and shows them and `messages` by `place`.

    Parameters
    ----------
    cancel
        Tooltip of the button that cancels.
    keeps_room
        Nothing below the progress moves when it comes and goes.

    Attributes
    ----------
    messages
        From top to bottom: why the main button cannot be pressed, progress and Cancel, what is being done, an error,
        what was done last, and what to know about it.
    """

    main_button: QPushButton | None = None
    """Cannot be pressed while there is a hint."""

    def __init__(self, *, cancel: str = "", keeps_room: bool = False) -> None:
        super().__init__()
        self._hint, self._status, self._notes = (
            MessageLabel(name=literal) for literal in ("warning", "done", "warning")
        )
        self._stage = ElidedLabel()
        self.progress = CalmBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(_BAR_PX)
        self.cancel_button = button("Cancel", cancel, focus=Qt.FocusPolicy.TabFocus)
        self.error = ErrorBox()
        self.messages: tuple[Item, ...] = (
            self._hint,
            row((self.progress, 1), self.cancel_button),
            self._stage,
            self.error,
            self._status,
            self._notes,
        )
        for widget in (self.progress, self.cancel_button, self._stage):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(keeps_room)
            widget.setSizePolicy(policy)
        self.set_working(False)
        for line in (self._hint, self._status, self._notes):
            line.show_message("")

    def set_ink(self, ink: str) -> None:
        """Take the colour of the text, which follows the theme; a view that draws in it says how."""

    def place(self, *items: Item) -> None:
        """Show everything, from top to bottom."""
        column(*items, None, parent=self, spacing=_SPACING, margins=(8, 4, 8, 4))

    @property
    def hint(self) -> str:
        """Why the main button cannot be pressed and what to do; empty if it can."""
        return self._hint.message

    @property
    def status(self) -> str:
        """What was done last."""
        return self._status.message

    @property
    def notes(self) -> str:
        """What to know about what was done last."""
        return self._notes.message

    @property
    def stage(self) -> str:
        """What is being done; empty if nothing."""
        return self._stage.message

    def set_hint(self, sentence: str, *, blocks: bool = True) -> None:
        """Say why the main button cannot be pressed and what to do; where it can, in another colour."""
        self._hint.show_message(sentence)
        name = "warning" if blocks else "muted"
        if name != self._hint.objectName():
            self._hint.setObjectName(name)
            polish(self._hint)
        if self.main_button is not None:
            self.main_button.setEnabled(not (sentence and blocks))

    def set_working(self, on: bool, *, cancel: bool = True) -> None:
        """Show or hide what is being done; the bar and Cancel only where it can be cancelled."""
        self._stage.setVisible(on)
        for widget in (self.progress, self.cancel_button):
            widget.setVisible(on and cancel)
        if not on:
            self.progress.rest()

    def set_progress(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Say what is being done and how far it is; a moving bar where that is not known."""
        self.progress.show_progress(done, total)
        self._stage.setText(stage)

    def set_status(self, sentence: str, notes: Sequence[str] = ()) -> None:
        """Say what was done last, and what to know about it."""
        self._status.show_message(sentence)
        self._notes.show_message("\n".join(f"⚠ {note}" for note in notes))
