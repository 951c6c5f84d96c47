"""Widgets of the Pseudo-label dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLayout, QMenu, QPushButton, QWidget

from napari_pseudolabel.models.families import folder_titles
from napari_pseudolabel.models.fitting import ANOTHER
from napari_pseudolabel.strategies import LabelSettings, registry
from napari_pseudolabel.strategies.strategy import Strategy
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.picture_rows import PictureRows
from napari_pseudolabel.widgets.common.small_widgets import (
    LABEL_PX,
    Collapsible,
    ElidedLabel,
    MessageLabel,
    Segments,
    browse_button,
    button,
    combo,
    fill_combo,
    form,
    row,
    segment,
)
from napari_pseudolabel.widgets.common.style import polish
from napari_pseudolabel.widgets.pseudo_label.label_choice import (
    Kind,
    LabelChoice,
    ModelEntry,
    ShownModality,
    Where,
)
from napari_pseudolabel.widgets.pseudo_label.label_sentences import how, summary, tooltip
from napari_pseudolabel.widgets.pseudo_label.long_question import LongQuestion
from napari_pseudolabel.widgets.pseudo_label.many.view import ManyView
from napari_pseudolabel.widgets.pseudo_label.picture import Picture
from napari_pseudolabel.widgets.pseudo_label.size_row import SizeRow
from napari_pseudolabel.widgets.pseudo_label.tutoring.view import TutoringView
from napari_pseudolabel.widgets.pseudo_label.untried_ways import UntriedWays
from napari_pseudolabel.widgets.pseudo_label.way_pictures import WayPictures
from napari_pseudolabel.widgets.pseudo_label.workers import WorkersRow

# What strategies ask for that prepare something.
FORMS = (TutoringView,)

_ROLES = {
    "translator": "Turns your image into the modality that the segmenter was trained on.",
    "segmenter": "Turns the translated image into labels.",
}
_UNCHOSEN = {"translator": "none", "segmenter": "none fits"}
_NOT_YET = "looking …"
_NOT_SAID = "choose what it shows"
_REGIONS: tuple[tuple[Where, str, str], ...] = (
    ("view", "View", "Label what is in the canvas now, on this plane"),
    ("shape", "Shape", "Label the rectangle around the selected, or last, shape of a Shapes layer"),
    ("all", "All", "Label the whole layer"),
)
_SHOWN = (
    ("labels", "Labels", "Show or hide the pseudo labels"),
    ("translation", "Translation", "Show or hide the translated image"),
    ("confidence", "Confidence", "Show or hide how sure the models are: 0 (dark) to 1 (bright)"),
)


class PseudoLabelView(DockView):
    """Controls from top to bottom in the order of the work."""

    changed = Signal()
    preview_toggled = Signal(bool)
    browse_pressed = Signal(str, bool)
    show_toggled = Signal(str, bool)
    modality_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__(
            cancel="Stop within one batch of tiles or one training step; what was done so far is kept "
            f"({shortcuts.shown(shortcuts.CANCEL)})",
            keeps_room=True,  # otherwise everything below would jump with every job
        )
        self._reason = ""
        self._planes = 1
        self._expected = MessageLabel(name="muted")
        self._expected.setToolTip(
            "From what earlier runs with these models took here; rough before the first"
        )
        self.long_question = LongQuestion()
        self.region_button = button(
            "Correct what is in view",
            "Open what is in the canvas at full resolution, in layers of its own that can be painted on; what you change there is "
            "written back to the labels of the whole image as you go",
        )
        self.region_button.hide()
        self.improve_button = button(
            "Improve on these images",
            "Let the segmenter learn from what it is sure of in all open images of this kind, and from what you corrected in them",
        )
        self.improve_button.hide()
        self.forms = {view.strategy: view() for view in FORMS}
        others = [strategy for strategy in registry.offered() if strategy.name not in self.forms]
        self.prepared = [other for other in others if other.preparation is not None]
        self.own = {other.name: OptionForm(other.options()) for other in others if other.options is not None}
        for own in self.own.values():
            own.changed.connect(self.changed)
        self.fold = Collapsible(
            "Advanced",
            self._make_settings(),
            "Averages, mirrors, what is too small, pieces, channel and memory",
        )
        self.made = PictureRows("A part of your image, an image that was made to learn from, and its labels")
        self.many = ManyView()
        self.many_fold = Collapsible(
            "Many images", self.many, "Label a folder of images, correct the worst first, export all of them"
        )
        rows = self._make_form()
        for fold in (self.fold, self.many_fold):
            fold.toggled.connect(lambda _: self._show_about())
        self.place(
            rows,
            self.fold,
            self._make_buttons(),
            self._expected,
            self.long_question,
            *self.messages,
            self._make_shown(),
            self.region_button,
            self.improve_button,
            self.many_fold,
            *(page.seen for page in self.forms.values()),
            self.made,
        )
        self.set_planes(1)
        self._show_strategy()

    # What the controller asks.

    def choice(self) -> LabelChoice:
        """All controls as they are now."""
        own = self.own.get(self.strategy.currentData())
        return LabelChoice(
            layer=self.image.currentData(),
            strategy=self.strategy.currentData(),
            translator=self.models["translator"].currentData(),
            segmenter=self.models["segmenter"].currentData(),
            where=self.regions.value,
            all_planes=bool(self.planes.currentData()),
            settings=self.settings.value(),
            first_axis_channels=self._first_axis_shown and bool(self.first_axis.currentData()),
            options=own.value() if own is not None else None,
            found=self.size_row.found,
        )

    # What the controller says.

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

    def set_shown_modality(self, names: Sequence[str], shown: ShownModality) -> None:
        """Offer what an image may show, and say what is known about this one; amber if nothing is."""
        others = [shown.modality] if shown.modality and shown.modality not in names else []
        entries = [(name, name) for name in (*names, *others) if name != ANOTHER]
        entries.append((ANOTHER, ANOTHER))
        if shown.by:
            entries = [
                (one, f"{one} (by its {shown.by})" if one == shown.modality else one) for one, _ in entries
            ]
        fill_combo(self.modality, entries, shown.modality or None)
        self.modality.setEnabled(self.image.currentIndex() >= 0)
        open_question = self.image.currentIndex() >= 0 and not shown.modality
        self._modality_label.setText("What is it?" if open_question else "Shows")
        self._modality_label.setObjectName("warning" if open_question else "")
        polish(self._modality_label)

    def set_assumed(self, sentence: str) -> None:
        """Set the line under what the image shows; empty where nothing is assumed."""
        self._assumed.show_message(sentence)

    @property
    def assumed(self) -> str:
        """What is assumed about what the image shows, empty if nothing is."""
        return self._assumed.text()

    def offer_objects(self, titles: Sequence[str], chosen: int | None) -> None:
        """Ask what is to be looked for, by number; not where there is one thing only."""
        fill_combo(self.objects, [*enumerate(titles)], chosen)
        self._show_objects()

    def _show_objects(self) -> None:
        chooses = registry.find(self.strategy.currentData()).chooses
        self._form.setRowVisible(self.objects, chooses and self.objects.count() > 1)

    def choose_strategy(self, name: str) -> None:
        """Choose a strategy for the person."""
        self.strategy.setCurrentIndex(self.strategy.findData(name))

    def set_reason(self, sentence: str, *, warns: bool = False) -> None:
        """Say why strategy and models are proposed, in place of what the strategy does; empty for the latter. Amber if it warns."""
        self._reason = sentence
        self._explanation.setObjectName("warning" if warns else "muted")
        polish(self._explanation)
        self._explanation.setText(sentence or registry.find(self.strategy.currentData()).sentences)
        self._show_about()

    def set_models(self, kind: Kind, entries: Sequence[ModelEntry], chosen: str | None) -> None:
        """Offer models."""
        # Some come with the package, so without any they are still being looked for.
        self.models[kind].setPlaceholderText(_UNCHOSEN[kind] if entries else _NOT_YET)
        fill_combo(self.models[kind], [(entry.ref, entry.title) for entry in entries], chosen)
        for number, entry in enumerate(entries):
            self.models[kind].setItemData(number, summary(entry), Qt.ItemDataRole.ToolTipRole)

    def show_model(self, kind: Kind, entry: ModelEntry | None) -> None:
        """Say what is known about the chosen model."""
        self._summaries[kind].setText(summary(entry))
        for widget in (self.models[kind], self._summaries[kind]):
            widget.setToolTip(tooltip(entry, _ROLES[kind]))

    def show_misfits(self, sentences: Mapping[str, str]) -> None:
        """Say under which models that they do not fit, and what to do; nothing under the others."""
        for kind, line in self._misfits.items():
            line.setText(sentences.get(kind, ""))
            self._show_lines(kind)

    @property
    def misfits(self) -> dict[str, str]:
        """What is said under which models now."""
        return {kind: line.message for kind, line in self._misfits.items() if line.message}

    def set_planes(self, count: int) -> None:
        """Set the number of planes of the image; with one there is nothing to ask."""
        self._planes = count
        everything = self.planes.currentData() is not False
        fill_combo(self.planes, [(False, "This plane"), (True, f"All {count} planes")], everything)
        self._show_planes()

    def set_runnable(self, sentence: str, *, can_run: bool, can_preview: bool) -> None:
        """Set the line under the buttons, and whether they can be pressed; a preview is of the view, whatever the region."""
        self.set_hint(sentence, blocks=not can_run)
        self.run_button.setEnabled(can_run)
        previews = registry.find(self.strategy.currentData()).previews
        self.preview_button.setEnabled(previews and (can_preview or self.preview_button.isChecked()))

    @property
    def expected(self) -> str:
        """How long a run will take; empty if that is not said."""
        return self._expected.message

    def set_expected(self, sentence: str) -> None:
        """Say how long a run will take."""
        self._expected.show_message(sentence)

    def set_busy(self, busy: bool) -> None:
        """Show or hide progress and Cancel."""
        self.set_working(busy)
        if busy:
            self.set_progress("Starting")

    def add_status(self, sentence: str) -> None:
        """Say one more thing about the last job."""
        self._status.show_message(f"{self._status.text()} {sentence}".strip())

    def set_shown(self, layers: dict[str, bool]) -> None:
        """Offer to show and hide layers, by role; nothing is offered for an empty dictionary."""
        for role, q_push_button in self._shown.items():
            q_push_button.blockSignals(True)
            q_push_button.setVisible(role in layers)
            q_push_button.setChecked(layers.get(role, False))
            q_push_button.blockSignals(False)
        self._shown_label.setVisible(bool(layers))

    # How it looks.

    def _make_form(self) -> QFormLayout:
        self.image = LayerBox("Image layer to be labelled; proposed is the active one")
        self.strategy = combo(how(registry.listed()))
        how_label = QLabel("How")
        how_label.setToolTip(self.strategy.toolTip())
        for strategy in registry.listed():
            self.strategy.addItem(strategy.title, strategy.name)
        self._explanation = MessageLabel(registry.offered()[0].sentences)
        self.picture = Picture()
        self.ways = WayPictures()
        self.ways.changed.connect(self._show_about)
        self.untried = UntriedWays()
        self.objects = combo(
            "What shall be found: of the models that know these classes all are tried. Asked where what the image shows does not decide it"
        )
        self.objects.setPlaceholderText("choose")
        self.objects.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.modality = combo(
            "What is this image? Asked once, so that the models fit: remembered with the image, and for the other images of "
            "its folder. What the metadata or the name of an image say goes first. Papers call it the modality"
        )
        self.modality.setPlaceholderText(_NOT_SAID)
        self.modality.activated.connect(lambda _: self.modality_chosen.emit(self.modality.currentData()))
        self._modality_label = QLabel("Shows")
        self._modality_label.setToolTip(self.modality.toolTip())
        self._assumed = MessageLabel(name="warning")
        self._assumed.hide()
        self.size_row = SizeRow()
        self.models: dict[str, QComboBox] = {}
        self._summaries: dict[str, ElidedLabel] = {}
        self._misfits: dict[str, MessageLabel] = {}
        # What is shown with which strategy.
        self._choosers: dict[str, QLayout] = {}
        models: list[tuple[str, QWidget | QLayout] | tuple[QWidget]] = []
        kinds: tuple[Kind, ...] = ("translator", "segmenter")
        for kind in kinds:
            box, line = combo(_ROLES[kind]), ElidedLabel()
            box.setPlaceholderText(_NOT_YET)
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
            self.models[kind], self._summaries[kind] = box, line
            self._choosers[kind] = field = row((box, 1), self._make_browse(kind))
            misfit = self._misfits[kind] = MessageLabel(name="warning")
            models += [(kind.capitalize(), field), (line,), (misfit,)]
        self.regions = Segments(_REGIONS, "view")
        self.regions.changed.connect(self._on_region)
        self.planes = combo("Of a stack or time series: only the plane on the screen, or all of them")
        for chosen in (self.planes, self.image):
            chosen.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.strategy.currentIndexChanged.connect(self._on_strategy)
        self._form = form(
            ("Image", self.image),
            (self._modality_label, self.modality),
            ("", self._assumed),
            (self.size_row.title, self.size_row),
            (row(how_label, (self.strategy, 1)),),
            (self._explanation,),
            (self.picture,),
            (self.ways,),
            (self.untried,),
            ("Look for", self.objects),
            *models,
            *((page,) for page in (*self.forms.values(), *self.own.values())),
            ("Region", self.regions),
            ("Planes", self.planes),
            label_px=LABEL_PX,
        )
        return self._form

    def _show_planes(self) -> None:
        """Ask for planes where there are several; what is in view is on the plane on the screen."""
        self._form.setRowVisible(self.planes, self._planes > 1 and self.regions.value != "view")

    def _on_region(self) -> None:
        self._show_planes()
        self.changed.emit()

    def _on_strategy(self) -> None:
        self.preview_button.setChecked(False)
        self._show_strategy()
        self.changed.emit()

    def _show_strategy(self) -> None:
        """Show what the chosen strategy asks for."""
        strategy = registry.find(self.strategy.currentData())
        self._explanation.setText(self._reason or strategy.sentences)
        self._explanation.setToolTip(strategy.sentences)
        self._show_about()
        if strategy.captions is not None:
            self.picture.set_captions(strategy.captions, translates=strategy.translates)
            self.picture.setToolTip(f"{strategy.word} {strategy.does}.")
        for role, field in self._choosers.items():
            self._form.setRowVisible(field, strategy.name not in self.forms and role in strategy.roles)
            self._show_lines(role)
        self._show_objects()
        self.preview_button.setVisible(strategy.previews)
        self._show_settings(strategy)
        for name, own in self.own.items():
            own.setVisible(name == strategy.name)
        for name, page in self.forms.items():
            page.setVisible(name == strategy.name)
            page.seen.set_wanted(name == strategy.name)
        self.made.clear()

    def _show_settings(self, strategy: Strategy) -> None:
        """Show no row that would change nothing."""
        fixed = {one.key for one in strategy.fixed}
        for name, edit in self.settings.edits.items():
            if name != "channel":  # shown where there are several
                self.settings.show_row(edit.native, name not in fixed)
        self.settings.show_row(self.settings.answers["scale"], not strategy.whole)

    def _show_about(self) -> None:
        """Show what the strategy does, in words and as a picture, but not while its settings need the room."""
        free = not self.fold.isExpanded() and not self.many_fold.isExpanded()
        room = free and not self.ways.count
        self._form.setRowVisible(self._explanation, room or (free and bool(self._reason)))
        captions = registry.find(self.strategy.currentData()).captions
        self._form.setRowVisible(self.picture, room and captions is not None)

    def _show_lines(self, kind: str) -> None:
        """Show what is known about a model, or in its place why it does not fit; nothing where none is asked for."""
        strategy, misfit = registry.find(self.strategy.currentData()), self._misfits[kind]
        asked = strategy.name not in self.forms and kind in strategy.roles
        self._form.setRowVisible(self._summaries[kind], asked and not misfit.text())
        self._form.setRowVisible(misfit, asked and bool(misfit.text()))

    def _make_browse(self, kind: Kind) -> QPushButton:
        titles = folder_titles(kind)
        if not titles:
            browse = browse_button(f"Browse for the checkpoint file of a {kind}")
            browse.clicked.connect(lambda: self.browse_pressed.emit(kind, False))
            return browse
        browse = browse_button(
            f"Browse for the checkpoint of a {kind}: a file, or the folder of {' or '.join(titles)}"
        )
        menu = QMenu(browse)
        menu.addAction("Checkpoint file …", lambda: self.browse_pressed.emit(kind, False))
        for title in titles:
            name = title.partition(" ")[2]
            menu.addAction(f"{name} folder …", lambda: self.browse_pressed.emit(kind, True))
        browse.clicked.connect(lambda: menu.exec(browse.mapToGlobal(browse.rect().bottomLeft())))
        return browse

    def _make_settings(self) -> QWidget:
        self.settings = OptionForm(LabelSettings(), indent=8)
        self.settings.changed.connect(self.changed)
        self.first_axis = combo("Whether the first axis of the layer counts planes or channels")
        fill_combo(self.first_axis, ((False, "Planes"), (True, "Channels")), False)
        self.first_axis.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.settings.add_row("First axis", self.first_axis, before="channel")
        self.workers = WorkersRow()
        self.settings.add_row("Memory", self.workers)
        self.set_first_axis(False)
        self.set_channels(())
        self.set_devices((("auto", "Automatic"),))
        return self.settings

    def _make_buttons(self) -> QHBoxLayout:
        self.preview_button = button(
            "Preview",
            "Label the middle of the view, as much as takes about two seconds, and again whenever a "
            f"setting changes, until pressed again ({shortcuts.shown(shortcuts.PREVIEW)})",
            name="segment",
            checkable=True,
        )
        self.preview_button.toggled.connect(self.preview_toggled)
        self.run_button = button(
            "Run",
            "Label the region. Labels of a run before are replaced, as one undo step; what you changed or "
            f"confirmed stays ({shortcuts.shown(shortcuts.RUN)})",
            name="main",
        )
        return row((self.preview_button, 1), (self.run_button, 2))

    def _make_shown(self) -> QHBoxLayout:
        self._shown_label = QLabel("Show")
        self._shown = {role: segment(title, hint) for role, title, hint in _SHOWN}
        for role, q_push_button in self._shown.items():
            q_push_button.toggled.connect(lambda on, role=role: self.show_toggled.emit(role, on))
        self.set_shown({})
        return row(self._shown_label, *((one, 1) for one in self._shown.values()), spacing=2)
