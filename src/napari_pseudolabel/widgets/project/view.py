"""Widgets of the dock of sessions; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.widgets.common.parts import Elided, ErrorBox, PlainLabel, Sentence, tip

_LIST_HEIGHT = 220


@dataclass(frozen=True)
class SessionRow:
    """A session in the list: two lines, and all that is known of it."""

    id: str
    title: str
    details: str
    tooltip: str


class ProjectView(QWidget):
    """Which workspace is in use, its sessions, and what can be done with them."""

    chosen = Signal()
    open_pressed = Signal()
    remove_pressed = Signal()
    reveal_pressed = Signal()
    create_pressed = Signal()
    browse_pressed = Signal()
    workspace_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(6)
        layout.addLayout(self._make_workspace())
        self.sessions = QListWidget()
        self.sessions.setMinimumHeight(_LIST_HEIGHT)
        self.sessions.setSpacing(2)
        self.sessions.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.sessions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sessions.setToolTip("Labelling sessions of this workspace, the one saved last first")
        self.sessions.currentRowChanged.connect(lambda _: self.chosen.emit())
        self.open_button = QPushButton("Open session")
        self.open_button.setObjectName("main")
        self.open_button.setToolTip("Bring back its layers, corrections and view, and go on saving in it")
        self.open_button.clicked.connect(lambda: self.open_pressed.emit())
        self.sessions.itemActivated.connect(lambda _: self.open_button.click())
        self._hint, self._status = Sentence(name="warning"), Sentence(name="done")
        self.error = ErrorBox()
        for widget in (self.sessions, self.open_button, self._hint, self.error, self._status):
            layout.addWidget(widget)
        layout.addLayout(self._make_buttons())
        layout.addStretch()
        self.set_hint("")
        self.set_status("")

    @property
    def selected(self) -> str | None:
        """Id of the chosen session; None if none is."""
        item = self.sessions.currentItem()
        return None if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    @property
    def hint(self) -> str:
        """Why the main button cannot be pressed; empty if it can."""
        return self._hint.text()

    @property
    def status(self) -> str:
        """What was done last."""
        return self._status.text()

    def set_workspace(self, name: str, folder: str) -> None:
        """Show which workspace is in use."""
        self._name.setText(name)
        self._folder.set_full(folder)
        self._folder.setToolTip(folder)

    def set_known(self, folders: Sequence[tuple[str, str]]) -> None:
        """Offer workspaces as (folder, name) pairs."""
        self._menu.clear()
        for folder, name in folders:
            action = QAction(name, self._menu)
            action.setToolTip(tip(folder))
            action.triggered.connect(lambda _=False, folder=folder: self.workspace_chosen.emit(folder))
            self._menu.addAction(action)
        self._menu.addSeparator()
        browse = QAction("Choose folder …", self._menu)
        browse.triggered.connect(lambda _=False: self.browse_pressed.emit())
        self._menu.addAction(browse)

    def set_sessions(self, rows: Sequence[SessionRow], chosen: str | None = None) -> None:
        """Show the sessions and choose one; otherwise the chosen one stays chosen, or else it is the first."""
        chosen = chosen or self.selected
        self.sessions.blockSignals(True)
        self.sessions.clear()
        for row in rows:
            item = QListWidgetItem(f"{row.title}\n{row.details}")
            item.setData(Qt.ItemDataRole.UserRole, row.id)
            item.setToolTip(tip(row.tooltip))
            self.sessions.addItem(item)
        self.sessions.setCurrentRow(0 if rows else -1)
        if chosen is not None:
            self.select(chosen)
        self.sessions.blockSignals(False)

    def select(self, id: str) -> None:
        """Choose a session; does nothing if it is not in the list."""
        for row in range(self.sessions.count()):
            item = self.sessions.item(row)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == id:
                self.sessions.setCurrentRow(row)

    def set_hint(self, sentence: str) -> None:
        """Why the main button cannot be pressed; empty if it can."""
        self._hint.say(sentence)
        self.open_button.setEnabled(not sentence)

    def set_removable(self, removable: bool) -> None:
        """Whether the chosen session can be removed."""
        self.remove_button.setEnabled(removable)

    def set_status(self, sentence: str) -> None:
        """What was done last."""
        self._status.say(sentence)

    def _make_workspace(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        self._name, self._folder = PlainLabel(), Elided()
        self._name.setToolTip("The workspace: the folder of one labelling effort")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self.change_button = QToolButton()
        self.change_button.setText("Change …")
        self.change_button.setToolTip(
            "Work in another workspace; what you do here from now on is saved there"
        )
        self.change_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.change_button.setMenu(self._menu)
        # The dots say already that there is more to come, and the arrow would lie upon them.
        self.change_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.new_button = QPushButton("New …")
        self.new_button.setToolTip("Make a workspace in a folder of your choice, and work in it")
        self.new_button.clicked.connect(lambda: self.create_pressed.emit())
        grid.addWidget(self._name, 0, 0)
        grid.addWidget(self.change_button, 0, 1)
        grid.addWidget(self.new_button, 0, 2)
        grid.addWidget(self._folder, 1, 0, 1, 3)
        return grid

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.remove_button = QPushButton("Remove …")
        self.remove_button.setToolTip("Delete the chosen session from the disk; you are asked before")
        self.remove_button.clicked.connect(lambda: self.remove_pressed.emit())
        self.reveal_button = QPushButton("Show folder")
        self.reveal_button.setToolTip("Show the folder of the workspace in the file manager")
        self.reveal_button.clicked.connect(lambda: self.reveal_pressed.emit())
        row.addWidget(self.remove_button)
        row.addWidget(self.reveal_button)
        row.addStretch()
        return row
