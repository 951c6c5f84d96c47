"""The list of images in the Label dock; what its buttons do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QMenu, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.picture_rows import image_of
from napari_pseudolabel.widgets.common.small_widgets import (
    CalmBar,
    ElidedLabel,
    MessageLabel,
    button,
    column,
    row,
)
from napari_pseudolabel.widgets.pseudo_label.many.many_sentences import EMPTY, ImageRow

THUMBNAIL_PX = 36
_ROWS = 5


class ManyView(QWidget):
    """A list with a picture and two lines for each image, and what can be done with all of them.

    Attributes
    ----------
    opened
        Emitted with the name of an image that the person wants to see.
    taken_off
        Emitted with names that the person wants to be rid of.
    """

    opened = Signal(str)
    taken_off = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.add_folder = button("Add folder …", "Add all images of a folder to the list")
        self.add_open = button("Add open images", "Add the images that are open and were read from files")
        self.label_all = button(
            "Label all",
            "Label every image of the list, one after the other, all of each, as the controls above say. Finished ones are not done "
            "again, and what you changed is never replaced",
        )
        self.pause = button(
            "Pause",
            "Wait after the image that is being labelled, until pressed again",
            checkable=True,
            name="segment",
        )
        self.stop = button(
            "Stop",
            "Stop the image that is being labelled; what is finished stays, and Label all goes on from there",
        )
        self.next = button(
            "Next image",
            "Open the image in which a minute of your time mends most. The one that is open goes back to the list with everything "
            f"you changed ({shortcuts.shown(shortcuts.NEXT_IMAGE)})",
        )
        self._empty = MessageLabel(EMPTY)
        self.list = QListWidget()
        self._items: dict[str, QListWidgetItem] = {}
        self.list.setIconSize(QSize(THUMBNAIL_PX, THUMBNAIL_PX))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._on_menu)
        self.list.itemClicked.connect(lambda item: self.opened.emit(item.data(Qt.ItemDataRole.UserRole)))
        self.bar = CalmBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(14)
        self._stage = ElidedLabel()
        self._hint, self._status = MessageLabel(name="warning"), MessageLabel(name="done")
        for line in (self._hint, self._status):
            line.show_message("")
        column(
            row((self.add_folder, 1), (self.add_open, 1)),
            self._empty,
            row((self.label_all, 1), (self.next, 1)),
            self._hint,
            row((self.bar, 1), self.pause, self.stop),
            self._stage,
            self._status,
            self.list,
            parent=self,
            margins=(8, 0, 0, 4),
        )
        self.set_rows(())
        self.set_working("")

    @property
    def status(self) -> str:
        """What was done last."""
        return self._status.message

    @property
    def hint(self) -> str:
        """Why all images cannot be labelled; empty if they can."""
        return self._hint.message

    @property
    def lines(self) -> dict[str, str]:
        """How the images stand, by name."""
        return {name: item.text().partition("\n")[2] for name, item in self._items.items()}

    @property
    def _row_px(self) -> int:
        """Height of a row: of the picture, or of two lines of large letters."""
        return max(THUMBNAIL_PX, 2 * self.list.fontMetrics().lineSpacing()) + 6

    def set_rows(self, rows: Sequence[ImageRow]) -> None:
        """List images anew; pictures that are there stay."""
        pictures = {name: item.icon() for name, item in self._items.items()}
        self._items = {}
        self.list.clear()
        for one in rows:
            item = QListWidgetItem(pictures.get(one.name, _blank()), "")
            item.setData(Qt.ItemDataRole.UserRole, one.name)
            item.setSizeHint(QSize(100, self._row_px))
            self.list.addItem(item)
            self._items[one.name] = item
            self._fill(item, one)
        self._empty.setVisible(not rows)
        self.list.setVisible(bool(rows))
        self.list.setFixedHeight(self._row_px * min(max(len(rows), 2), _ROWS) + 4)

    def set_row(self, one: ImageRow) -> None:
        """Say how an image stands; nothing happens for one that is not listed."""
        if (item := self._items.get(one.name)) is not None:
            self._fill(item, one)

    def set_picture(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Show (H, W, 3) uint8 beside an image."""
        if (item := self._items.get(name)) is not None:
            pixels, icon = QPixmap.fromImage(image_of(picture)), QIcon()
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # Qt tints what is selected
                icon.addPixmap(pixels, mode)
            item.setIcon(icon)

    def set_runnable(self, hint: str, *, can_label: bool, can_go_on: bool) -> None:
        """Say why all images cannot be labelled, and whether there is a next one."""
        self._hint.show_message(hint)
        self.label_all.setEnabled(can_label)
        self.next.setEnabled(can_go_on)

    def set_working(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Say how far the run is; empty when there is none."""
        for widget in (self.bar, self.pause, self.stop, self._stage):
            widget.setVisible(bool(stage))
        self._stage.setText(stage)
        if stage:
            self.bar.show_progress(done, total)
        else:
            self.bar.rest()
            self.pause.setChecked(False)

    def set_status(self, sentence: str) -> None:
        """Say what was done last."""
        self._status.show_message(sentence)

    def choose(self, name: str) -> None:
        """Select an image without opening it."""
        if (item := self._items.get(name)) is not None:
            self.list.setCurrentItem(item)

    def _fill(self, item: QListWidgetItem, one: ImageRow) -> None:
        item.setText(f"{one.name}\n{one.line}")
        item.setToolTip(one.told)

    def _on_menu(self, where: QPoint) -> None:
        names = [item.data(Qt.ItemDataRole.UserRole) for item in self.list.selectedItems()]
        if not names:
            return
        menu = QMenu(self)
        menu.addAction("Take off the list (labels stay)", lambda: self.taken_off.emit(names))
        menu.exec(self.list.mapToGlobal(where))


def _blank() -> QIcon:
    """Return a picture that keeps the room of one that is still to come."""
    empty = QPixmap(THUMBNAIL_PX, THUMBNAIL_PX)
    empty.fill(Qt.GlobalColor.transparent)
    return QIcon(empty)
