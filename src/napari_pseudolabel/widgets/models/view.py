"""Widgets of the Models dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem
from typing_extensions import override

from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    PlainLabel,
    Segments,
    button,
    row,
    tip,
)
from napari_pseudolabel.widgets.models import model_sentences
from napari_pseudolabel.widgets.models.missing_form import MissingForm
from napari_pseudolabel.widgets.models.model_card import ModelCard
from napari_pseudolabel.widgets.models.models_jobs import ListedModel
from napari_pseudolabel.widgets.pseudo_label.workers import WorkersRow

_LIST_HEIGHT = 260
_ALL_ROOM = 100  # beside the stretch below everything


class ModelsView(DockView):
    """Cards of the models, what is known of one of them, adding, removing, and the memory that they take."""

    chosen = Signal()
    kind_changed = Signal()

    def __init__(self) -> None:
        super().__init__(cancel="Stop; nothing is added")
        self.kinds = Segments(
            (
                ("", "All", "All models"),
                ("segmenter", "Segmenters", "Models that label images"),
                ("translator", "Translators", "Models that turn images of one kind into another"),
            ),
            "",
        )
        self.kinds.changed.connect(lambda *_: self.kind_changed.emit())
        self.cards = QListWidget()
        self.cards.setMinimumHeight(_LIST_HEIGHT)
        self.cards.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cards.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.cards.setToolTip("Models that can be called by name; yours come first")
        self.cards.currentRowChanged.connect(lambda _: self.chosen.emit())
        self._empty = MessageLabel()
        self._told = ""
        self._details = MessageLabel(name="done")
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fold = Collapsible("What is known of it", self._details, "All that the model and its card say")
        self.reveal_button = button("Show folder", "Show the chosen model in the file manager")
        self.remove_button = button("Remove …", "Move the chosen model to the trash; you are asked before")
        self.get_button = button("Get", "Download the chosen model, which a zoo file names, and check it")
        self.get_button.hide()
        self.pack_button = button("Export …", model_sentences.PACKING)
        self.add_button = self.main_button = button(
            "Add from a file …", "Copy a model into your folder of models, so that it has a name", name="main"
        )
        self.add_folder_button = button("From a folder …", "The same for models that are folders")
        self.missing = MissingForm()
        self.workers, memory = WorkersRow(), PlainLabel("Memory")
        memory.setToolTip("That the worker processes take")
        self.place(
            self.kinds,
            (self.cards, _ALL_ROOM),
            self._empty,
            row(self.get_button, self.reveal_button, self.pack_button, self.remove_button, None),
            row((self.add_button, 1), self.add_folder_button),
            self.missing,
            *self.messages,
            self.fold,
            row(memory, (self.workers, 1)),
        )

    @property
    def selected(self) -> str:
        """Name of the chosen model; empty if none is."""
        item = self.cards.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    @property
    def details(self) -> str:
        """What is said about the chosen model."""
        return self._told

    def set_models(self, models: Sequence[ListedModel], chosen: str) -> None:
        """List models, and choose one by its name."""
        self.cards.blockSignals(True)
        self.cards.clear()
        for model in models:
            item, card = QListWidgetItem(), ModelCard(model)
            item.setData(Qt.ItemDataRole.UserRole, model.ref)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{model.title}, {model_sentences.does(model)}")
            item.setToolTip(
                tip(model.problem or f"{model.title}: {model_sentences.does(model)}\n{model.ref}")
            )
            self.cards.addItem(item)
            self.cards.setItemWidget(item, card)
            if model.ref == chosen:
                self.cards.setCurrentItem(item)
        self._fit_cards()
        self.cards.blockSignals(False)
        self._empty.show_message(model_sentences.counted(len(models)))
        self.chosen.emit()

    @override
    def changeEvent(self, event: QEvent | None) -> None:
        """Make room for letters of another size."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_cards()

    def _fit_cards(self) -> None:
        room = ModelCard.room(self.cards.fontMetrics())
        for item in (self.cards.item(number) for number in range(self.cards.count())):
            if item is not None:
                item.setSizeHint(room)

    def show_details(self, text: str) -> None:
        """Show what is known of the chosen model; empty for none."""
        self._told = text
        self._details.setText(text)
        self.fold.setVisible(bool(text))
