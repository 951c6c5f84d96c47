"""Widgets of the Pseudo-label dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.families import folder_titles
from napari_pseudolabel.strategies import LabelSettings, registry
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.parts import (
    Elided,
    ErrorBox,
    Fold,
    Sentence,
    combo,
    fill,
    show_progress,
)
from napari_pseudolabel.widgets.common.style import polish
from napari_pseudolabel.widgets.pseudo_label.choice import ANOTHER, Choice, Kind, ModelEntry, Shown, Where
from napari_pseudolabel.widgets.pseudo_label.picture import Picture
from napari_pseudolabel.widgets.pseudo_label.sentences import how, summary, tooltip
from napari_pseudolabel.widgets.pseudo_label.tutoring.view import TutoringView
from napari_pseudolabel.widgets.pseudo_label.workers import WorkersRow

# One sample in four mirrors tells wrong labels better than two samples, and takes less time (docs/benchmarks.md).
_PROPOSED = LabelSettings(flips=3)
# What strategies ask for that prepare something.
FORMS = (TutoringView,)

_ROLES = {
    "translator": "Turns your image into the modality that the segmenter was trained on.",
    "segmenter": "Turns the translated image into labels.",
}
_UNCHOSEN = {"translator": "none", "segmenter": "none fits"}
_NOT_YET = "looking …"
_NOT_SAID = "not known: choose"
_REGIONS: tuple[tuple[Where, str, str], ...] = (
    ("view", "View", "Label what is in the canvas now"),
    ("shape", "Shape", "Label the rectangle around the selected, or last, shape of a Shapes layer"),
    ("all", "All", "Label the whole layer"),
)
_SHOWN = (
    ("labels", "Labels", "Show or hide the pseudo labels"),
    ("translation", "Translation", "Show or hide the translated image"),
    ("confidence", "Confidence", "Show or hide how sure the models are: 0 (dark) to 1 (bright)"),
)


class PseudoLabelView(QWidget):
    """Controls from top to bottom in the order of the work."""

    changed = Signal()
    preview_toggled = Signal(bool)
    run_pressed = Signal()
    cancel_pressed = Signal()
    browse_pressed = Signal(str, bool)
    show_toggled = Signal(str, bool)
    modality_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._size_of_image = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(6)
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        self._make_form(grid)
        self.forms = {one.strategy: one() for one in FORMS}
        others = [one for one in registry.offered() if one.name not in self.forms]
        self.prepared = [one for one in others if one.preparation is not None]
        self.own = {one.name: OptionForm(one.options()) for one in others if one.options is not None}
        asked: list[TutoringView | OptionForm] = [*self.forms.values(), *self.own.values()]
        for row, form in enumerate(asked, start=10):
            grid.addWidget(form, row, 0, 1, 3)
        for own in self.own.values():
            own.changed.connect(self.changed)
        self._make_region(grid, 10 + len(asked))
        layout.addLayout(grid)
        self.fold = Fold("Advanced", self._make_settings(), "Samples, seed, scale, tiles, channel and device")
        layout.addWidget(self.fold)
        layout.addLayout(self._make_buttons())
        self._make_messages(layout)
        for page in self.forms.values():
            layout.addWidget(page.seen)
        layout.addStretch()
        self._show_strategy()

    # What the controller asks.

    def choice(self) -> Choice:
        """All controls as they are now."""
        own = self.own.get(self.strategy.currentData())
        where = next(w for w, button in self._regions.items() if button.isChecked())
        return Choice(
            layer=self.image.currentData(),
            strategy=self.strategy.currentData(),
            translator=self.models["translator"].currentData(),
            segmenter=self.models["segmenter"].currentData(),
            where=where,
            all_planes=bool(self.planes.currentData()),
            settings=self.settings.value(),
            first_axis_channels=self._first_axis_shown and bool(self.first_axis.currentData()),
            options=own.value() if own is not None else None,
        )

    @property
    def hint(self) -> str:
        """The line under the buttons, empty if there is none."""
        return self._hint.said

    @property
    def status(self) -> str:
        """What is said about the last job."""
        return self._status.text()

    # What the controller says.

    def set_object_size(self, size: float | None) -> None:
        """Begin with the object size that an image brings along; without one, with the pixel size again."""
        if size is None and not self._size_of_image:
            return  # what the person has chosen stays
        self._size_of_image = size is not None
        self.settings.set_value(replace(self.settings.value(), scale=Scale(object_size_px=size)))

    def set_channels(self, channels: Sequence[tuple[object, str]]) -> None:
        """Offer channels as (value, text) pairs; the row is hidden without any."""
        channel = self.settings.edits["channel"]
        channel.offer(channels)
        self.settings.show_row(channel.native, bool(channels))

    def set_first_axis(self, shown: bool) -> None:
        """Show or hide the question what the first axis means."""
        self._first_axis_shown = shown
        self.settings.show_row(self.first_axis, shown)

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer devices as (name, text) pairs; the chosen one stays where it is still there."""
        self.settings.edits["device"].offer(devices)

    def set_images(self, images: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer image layers as (unique id, name) pairs."""
        fill(self.image, images, chosen)

    def set_shown_modality(self, names: Sequence[str], shown: Shown) -> None:
        """Offer what an image may show, and say what is known about this one; amber if nothing is."""
        others = [shown.modality] if shown.modality and shown.modality not in names else []
        entries = [(name, name) for name in (*names, *others) if name != ANOTHER]
        if shown.by_name:
            entries = [(one, f"{one} (by its name)" if one == shown.modality else one) for one, _ in entries]
        fill(self.modality, [*entries, (ANOTHER, ANOTHER)], shown.modality or None)
        self.modality.setEnabled(self.image.currentIndex() >= 0)
        open_question = self.image.currentIndex() >= 0 and not shown.modality
        self._modality_label.setText("Shows ?" if open_question else "Shows")
        self._modality_label.setObjectName("warning" if open_question else "")
        polish(self._modality_label)

    def set_assumed(self, sentence: str) -> None:
        """The line under what the image shows; empty where nothing is assumed."""
        self._assumed.say(sentence)

    @property
    def assumed(self) -> str:
        """What is assumed about what the image shows, empty if nothing is."""
        return self._assumed.text()

    def set_models(self, kind: Kind, entries: Sequence[ModelEntry], chosen: str | None) -> None:
        """Offer models."""
        # Some come with the package, so without any they are still being looked for.
        self.models[kind].setPlaceholderText(_UNCHOSEN[kind] if entries else _NOT_YET)
        fill(self.models[kind], [(entry.ref, entry.title) for entry in entries], chosen)

    def show_model(self, kind: Kind, entry: ModelEntry | None) -> None:
        """Say what is known about the chosen model."""
        self._summaries[kind].setText(summary(entry))
        for widget in (self.models[kind], self._summaries[kind]):
            widget.setToolTip(tooltip(entry, _ROLES[kind]))

    def set_modalities(self, source: str, target: str) -> None:
        """Name the modalities in the picture."""
        self.picture.set_modalities(source, target)

    def set_planes(self, count: int) -> None:
        """Number of planes of the image; with one there is nothing to ask."""
        everything = self.planes.currentData()
        fill(self.planes, [(False, "This plane"), (True, f"All {count} planes")], everything)
        self.planes.setVisible(count > 1)
        self._planes_label.setVisible(count > 1)

    def set_hint(self, sentence: str, *, can_run: bool) -> None:
        """The line under the buttons, and whether they can be pressed."""
        self._hint.say(sentence)
        # The colour of a warning only where something is in the way.
        self._hint.setObjectName("muted" if can_run else "warning")
        polish(self._hint)
        self.run_button.setEnabled(can_run)
        previews = registry.find(self.strategy.currentData()).previews
        self.preview_button.setEnabled(previews and (can_run or self.preview_button.isChecked()))

    def set_main(self, title: str) -> None:
        """What the main button does."""
        if title != self.run_button.text():
            self.run_button.setText(title)

    def set_busy(self, busy: bool) -> None:
        """Show or hide progress and Cancel."""
        self.progress.setVisible(busy)
        self.cancel_button.setVisible(busy)
        self._stage.setVisible(busy)
        if busy:
            self.set_progress("Starting", 0, 0)

    def set_progress(self, stage: str, done: int, total: int) -> None:
        """What is being done and how far it is; a moving bar where that is not known."""
        show_progress(self.progress, done, total)
        self._stage.setText(stage)

    def set_status(self, sentence: str, notes: Sequence[str] = ()) -> None:
        """What came out of the last job, and what the person should know about it."""
        self._status.say(sentence)
        self._notes.setText("\n".join(f"⚠ {note}" for note in notes))
        self._notes.setVisible(bool(notes))

    def add_status(self, sentence: str) -> None:
        """Say one more thing about the last job."""
        self._status.setText(f"{self._status.text()} {sentence}".strip())
        self._status.show()

    def set_shown(self, layers: dict[str, bool]) -> None:
        """Offer to show and hide layers, by role; nothing is offered for an empty dictionary."""
        for role, button in self._shown.items():
            button.blockSignals(True)
            button.setVisible(role in layers)
            button.setChecked(layers.get(role, False))
            button.blockSignals(False)
        self._shown_label.setVisible(bool(layers))

    # How it looks.

    def _make_form(self, grid: QGridLayout) -> None:
        self.image = combo("Image layer to be labelled; proposed is the active one")
        self.strategy = combo(how(registry.offered()))
        for one in registry.offered():
            self.strategy.addItem(one.title, one.name)
        self._explanation = Sentence(registry.offered()[0].sentences)
        self.picture = Picture()
        grid.addWidget(QLabel("Image"), 0, 0)
        grid.addWidget(self.image, 0, 1, 1, 2)
        self.modality = combo(
            "What the image shows, so that the models fit it; remembered with the image. Proposed is what its metadata "
            "or its name say"
        )
        self.modality.setPlaceholderText(_NOT_SAID)
        self.modality.activated.connect(lambda _: self.modality_chosen.emit(self.modality.currentData()))
        self._modality_label = QLabel("Shows")
        self._modality_label.setToolTip(self.modality.toolTip())
        grid.addWidget(self._modality_label, 1, 0)
        grid.addWidget(self.modality, 1, 1, 1, 2)
        self._assumed = Sentence(name="warning")
        self._assumed.hide()
        grid.addWidget(self._assumed, 2, 1, 1, 2)
        grid.addWidget(QLabel("Strategy"), 3, 0)
        grid.addWidget(self.strategy, 3, 1, 1, 2)
        grid.addWidget(self._explanation, 4, 0, 1, 3)
        grid.addWidget(self.picture, 5, 0, 1, 3)
        # What is shown with which strategy.
        self._of_kind: dict[str, list[QWidget]] = {}
        self.models: dict[str, QComboBox] = {}
        self._summaries: dict[str, Elided] = {}
        rows: tuple[tuple[int, Kind], ...] = ((6, "translator"), (8, "segmenter"))
        for row, kind in rows:
            box, line, browse = combo(_ROLES[kind]), Elided(), self._make_browse(kind)
            box.setPlaceholderText(_NOT_YET)
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
            label = QLabel(kind.capitalize())
            self._of_kind[kind] = [label, box, browse, line]
            grid.addWidget(label, row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(browse, row, 2)
            grid.addWidget(line, row + 1, 1, 1, 2)
            self.models[kind], self._summaries[kind] = box, line
        self.image.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.strategy.currentIndexChanged.connect(self._on_strategy)

    def _on_strategy(self) -> None:
        self.preview_button.setChecked(False)
        self._show_strategy()
        self.changed.emit()

    def _show_strategy(self) -> None:
        """Show what the chosen strategy asks for."""
        strategy = registry.find(self.strategy.currentData())
        self._explanation.setText(strategy.sentences)
        self.picture.setVisible(strategy.captions is not None)
        if strategy.captions is not None:
            self.picture.set_captions(strategy.captions, translates=strategy.takes("translator"))
            self.picture.setToolTip(f"{strategy.title} {strategy.does}.")
        for role, widgets in self._of_kind.items():
            for widget in widgets:
                widget.setVisible(strategy.name not in self.forms and role in strategy.roles)
        self.preview_button.setVisible(strategy.previews)
        for name, own in self.own.items():
            own.setVisible(name == strategy.name)
        for name, page in self.forms.items():
            page.setVisible(name == strategy.name)
            page.seen.set_wanted(name == strategy.name)

    def _make_browse(self, kind: Kind) -> QPushButton:
        button = QPushButton("…")
        button.setFixedWidth(30)
        titles = folder_titles(kind)
        if not titles:
            button.setToolTip(f"Browse for the checkpoint file of a {kind}")
            button.clicked.connect(lambda: self.browse_pressed.emit(kind, False))
            return button
        button.setToolTip(
            f"Browse for the checkpoint of a {kind}: a file, or the folder of {' or '.join(titles)}"
        )
        menu = QMenu(button)
        menu.addAction("Checkpoint file …", lambda: self.browse_pressed.emit(kind, False))
        for title in titles:
            name = title.partition(" ")[2]
            menu.addAction(f"{name} folder …", lambda: self.browse_pressed.emit(kind, True))
        button.clicked.connect(lambda: menu.exec(button.mapToGlobal(button.rect().bottomLeft())))
        return button

    def _make_region(self, grid: QGridLayout, first: int) -> None:
        row = QHBoxLayout()
        row.setSpacing(2)
        self._regions: dict[Where, QPushButton] = {}
        self._group = QButtonGroup(self)
        for where, title, hint in _REGIONS:
            button = _segment(title, hint)
            button.setChecked(where == "all")
            button.toggled.connect(lambda on: self.changed.emit() if on else None)
            self._group.addButton(button)
            self._regions[where] = button
            row.addWidget(button, 1)
        grid.addWidget(QLabel("Region"), first, 0)
        grid.addLayout(row, first, 1, 1, 2)
        self.planes = combo("Of a stack or time series: only the plane on the screen, or all of them")
        self.planes.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._planes_label = QLabel("Planes")
        grid.addWidget(self._planes_label, first + 1, 0)
        grid.addWidget(self.planes, first + 1, 1, 1, 2)
        fill(self.planes, [(False, "This plane"), (True, "All planes")], True)
        self.planes.hide()
        self._planes_label.hide()

    def _make_settings(self) -> QWidget:
        self.settings = OptionForm(_PROPOSED, indent=8)
        self.settings.changed.connect(self.changed)
        self.first_axis = combo("Whether the first axis of the layer counts planes or channels")
        fill(self.first_axis, ((False, "Planes"), (True, "Channels")), False)
        self.first_axis.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.settings.add_row("First axis", self.first_axis, before="channel")
        self.workers = WorkersRow()
        self.settings.add_row("Workers", self.workers)
        self.set_first_axis(False)
        self.set_channels(())
        self.set_devices((("auto", "Automatic"),))
        return self.settings

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self.preview_button = QPushButton("Preview")
        self.preview_button.setObjectName("segment")
        self.preview_button.setCheckable(True)
        self.preview_button.setToolTip(
            "Label the middle of the view, as much as takes about two seconds, and again whenever a "
            f"setting changes, until pressed again ({shortcuts.shown(shortcuts.PREVIEW)})"
        )
        self.preview_button.toggled.connect(self.preview_toggled)
        self.run_button = QPushButton("Run")
        self.run_button.setObjectName("main")
        self.run_button.setToolTip(f"Label the region ({shortcuts.shown(shortcuts.RUN)})")
        self.run_button.clicked.connect(lambda: self.run_pressed.emit())
        row.addWidget(self.preview_button, 1)
        row.addWidget(self.run_button, 2)
        return row

    def _make_messages(self, layout: QVBoxLayout) -> None:
        self._hint, self._status, self._notes = (
            Sentence(name="warning"),
            Sentence(name="done"),
            Sentence(name="warning"),
        )
        self._stage = Elided()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(14)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip(
            f"Stop within one batch of tiles or one training step; what was done so far is kept ({shortcuts.shown(shortcuts.CANCEL)})"
        )
        self.cancel_button.clicked.connect(lambda: self.cancel_pressed.emit())
        bar = QHBoxLayout()
        bar.addWidget(self.progress, 1)
        bar.addWidget(self.cancel_button)
        self.error = ErrorBox()
        shown = QHBoxLayout()
        shown.setSpacing(2)
        self._shown_label = QLabel("Show")
        shown.addWidget(self._shown_label)
        self._shown: dict[str, QPushButton] = {}
        for role, title, hint in _SHOWN:
            button = _segment(title, hint)
            button.toggled.connect(lambda on, role=role: self.show_toggled.emit(role, on))
            self._shown[role] = button
            shown.addWidget(button, 1)
        layout.addWidget(self._hint)
        layout.addLayout(bar)
        layout.addWidget(self._stage)
        layout.addWidget(self.error)
        layout.addWidget(self._status)
        layout.addWidget(self._notes)
        layout.addLayout(shown)
        # Otherwise everything below would jump with every job.
        for widget in (self.progress, self.cancel_button, self._stage):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
        self.set_busy(False)
        self.set_status("")
        self.set_shown({})
        self._hint.hide()


def _segment(title: str, hint: str) -> QPushButton:
    button = QPushButton(title)
    button.setObjectName("segment")
    button.setCheckable(True)
    button.setToolTip(hint)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
