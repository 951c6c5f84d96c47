"""Widgets of the dock of sessions; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
)

from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.small_widgets import ElidedLabel, PlainLabel, button, row, tip

_LIST_HEIGHT = 220


@dataclass(frozen=True)
class SessionRow:
    """A session in the list: two lines, and all that is known of it."""

    id: str
    title: str
    details: str
    tooltip: str


class ProjectView(DockView):
    """Which workspace is in use, its sessions, and what can be done with them."""

    chosen = Signal()
    browse_pressed = Signal()
    workspace_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.sessions = QListWidget()
        self.sessions.setMinimumHeight(_LIST_HEIGHT)
        self.sessions.setSpacing(2)
        self.sessions.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.sessions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sessions.setToolTip("Labelling sessions of this workspace, the one saved last first")
        self.sessions.currentRowChanged.connect(lambda _: self.chosen.emit())
        self.open_button = self.main_button = button(
            "Open session", "Bring back its layers, corrections and view, and go on saving in it", name="main"
        )
        self.sessions.itemActivated.connect(lambda _: self.open_button.click())
        self.remove_button = button(
            "Remove …", "Delete the chosen session from the disk; you are asked before"
        )
        self.reveal_button = button("Show folder", "Show the folder of the workspace in the file manager")
        self.place(
            self._make_workspace(),
            self.sessions,
            self.open_button,
            *self.messages,
            row(self.remove_button, self.reveal_button, None),
        )

    @property
    def selected(self) -> str | None:
        """Id of the chosen session; None if none is."""
        item = self.sessions.currentItem()
        return None if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def set_workspace(self, name: str, folder: str) -> None:
        """Show which workspace is in use."""
        self._name.setText(name)
        self._folder.setText(folder)

    def set_workspaces(self, folders: Sequence[tuple[str, str]]) -> None:
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
        for session_row in rows:
            item = QListWidgetItem(f"{session_row.title}\n{session_row.details}")
            item.setData(Qt.ItemDataRole.UserRole, session_row.id)
            item.setToolTip(tip(session_row.tooltip))
            self.sessions.addItem(item)
        self.sessions.setCurrentRow(0 if rows else -1)
        if chosen is not None:
            self.select(chosen)
        self.sessions.blockSignals(False)

    def select(self, id: str) -> None:
        """Choose a session; does nothing if it is not in the list."""
        for number in range(self.sessions.count()):
            item = self.sessions.item(number)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == id:
                self.sessions.setCurrentRow(number)

    def _make_workspace(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        self._name, self._folder = PlainLabel(), ElidedLabel()
        self._name.setToolTip("The workspace: the folder of one labelling effort")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self.change_button = button(
            "Change …", "Work in another workspace; what you do here from now on is saved there"
        )
        self.change_button.clicked.connect(self._on_change)
        self.new_button = button("New …", "Make a workspace in a folder of your choice, and work in it")
        grid.addWidget(self._name, 0, 0)
        grid.addWidget(self.change_button, 0, 1)
        grid.addWidget(self.new_button, 0, 2)
        grid.addWidget(self._folder, 1, 0, 1, 3)
        return grid

    def _on_change(self) -> None:
        self._menu.popup(self.change_button.mapToGlobal(self.change_button.rect().bottomLeft()))
