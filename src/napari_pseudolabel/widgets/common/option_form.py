"""The form of a dataclass of options, made from what it declares."""

from __future__ import annotations

import pathlib
import textwrap
from collections.abc import Iterable, Sequence
from math import log10
from typing import Any, cast, get_args, get_origin

from magicgui.widgets import ComboBox, FileEdit, create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QWidget,
)
from typing_extensions import override

from napari_pseudolabel.options import Option, OptionField, changed, options_of
from napari_pseudolabel.widgets.common.narrow_boxes import make_narrow
from napari_pseudolabel.widgets.common.small_widgets import combo, tab_through

# Where nothing is declared.
_LARGEST = 2**31 - 1
_DECIMALS = 3
# Several texts are one line.
_BETWEEN_TEXTS = ";"
# As wide as the labels beside other controls of a dock.
_LABEL_PX = 66
# Longer titles take two lines, so that the fields beside them keep their width in a narrow dock.
_TITLE_LETTERS = 17
_VALUE_PX = 84
_BROWSE_PX = 28

Path = tuple[str, ...]


class OptionEdit:
    """One option as a widget.

    Parameters
    ----------
    field
        The option.
    start
        Its value.
    """

    def __init__(self, field: OptionField, start: object) -> None:
        self.field = field
        self._factor = 100 if field.option.unit == "%" else 1
        self._number = field.value_kind in (int, float)
        kind, options = field.value_kind, self._bounds() if self._number else {}
        # A number that can be None is None one step below its smallest.
        self._none = options.get("min") if field.optional and field.within is None else None
        self._texts = get_origin(kind) is list
        if self._texts:
            kind = str
        elif kind is pathlib.Path:
            # The only paths that docks ask for are folders.
            options = {"widget_type": "FileEdit", "mode": "d", "nullable": field.optional}
        if field.option.listed or self._titles():
            kind, options = (
                None,
                {"choices": self._titles() or [(str(start), start)], "widget_type": "ComboBox"},
            )
        if field.option.widget:
            options["widget_type"] = field.option.widget
        self._widget = cast(
            ValueWidget[Any], create_widget(annotation=kind, name=field.name, options=options)
        )
        self.changed = self._widget.changed
        if isinstance(self.native, QComboBox):
            self.native.currentIndexChanged.connect(self._on_entry)
        self._widget.tooltip = field.option.tooltip
        if isinstance(self.native, QComboBox):
            make_narrow(self.native, field.option.tooltip)
        self._polish()
        for part in self.native.findChildren(QWidget):  # buttons and numbers beside sliders are controls, too
            part.setToolTip(part.toolTip() or field.option.tooltip)
        self._set: tuple[object, Any] = (object(), None)
        self.value = start

    @property
    def native(self) -> QWidget:
        """The Qt widget."""
        return self._widget.native

    @property
    def value(self) -> Any:
        """What it says."""
        found = self._widget.value
        shown, exact = self._set
        if found == shown:
            return exact  # which may have more digits than are shown
        if self._texts:
            return [one.strip() for one in found.split(_BETWEEN_TEXTS) if one.strip()] or None
        if not self._number:
            return found
        if found == self._none:
            return None
        if self._factor != 1:
            # As it is shown, where a slider has more digits.
            found = round(found) / self._factor
        return round(found) if self.field.value_kind is int else found

    @value.setter
    def value(self, value: Any) -> None:
        shown = f"{_BETWEEN_TEXTS} ".join(value or ()) if self._texts else value
        if self._number and value is not None:
            shown = value * self._factor
        elif self._number:
            shown = self._widget.value if self._none is None else self._none
        if not isinstance(self._widget, ComboBox) or shown in self._widget.choices:
            self._widget.value = shown
            self._set = (self._widget.value, value)

    def offer(self, entries: Sequence[tuple[object, str]]) -> None:
        """Offer values of a listed option as (value, title) pairs; the chosen one stays where it is still there."""
        assert isinstance(self._widget, ComboBox)
        chosen, values = self._widget.value, [value for value, _ in entries]
        with self._widget.changed.blocked():
            self._widget.choices = [(title, value) for value, title in entries]
            if entries:
                self._widget.value = chosen if chosen in values else values[0]

    def _on_entry(self) -> None:
        if self._widget.value is None:  # magicgui tells of every choice but this
            self.changed.emit(None)

    def _bounds(self) -> dict[str, Any]:
        option = self.field.option
        last = self._last
        low = option.least if option.least is not None else (option.above or 0) + last
        high = option.most if option.most is not None else min(option.below or _LARGEST, _LARGEST)
        if self.field.optional and self.field.within is None:
            low -= last
        bounds = {"min": low * self._factor, "max": high * self._factor}
        return {**bounds, "step": self._click * self._factor, "widget_type": "FloatSpinBox"}

    @property
    def _last(self) -> float:
        """What the last digit counts."""
        if self.field.value_kind is int:
            return 1
        return self.field.option.step or (0.01 if self._factor != 1 else 10**-_DECIMALS)

    @property
    def _click(self) -> float:
        return (self.field.option.step or 1) if self.field.value_kind is int else self._last

    def _titles(self) -> list[tuple[str, Any]]:
        told = dict(self.field.option.names)
        values = told or dict.fromkeys(one for one in get_args(self.field.value_kind) if isinstance(one, str))
        return [(told.get(value) or str(value).replace("_", " ").capitalize(), value) for value in values]

    def _polish(self) -> None:
        native, option = self.native, self.field.option
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # A slider has one beside it.
        box = native if isinstance(native, QDoubleSpinBox) else native.findChild(QDoubleSpinBox)
        if box is not None:
            box.setKeyboardTracking(False)
            whole = self.field.value_kind is int or self._factor != 1
            box.setDecimals(0 if whole else len(f"{self._last:.10f}".rstrip("0").partition(".")[2]))
            # A step such as 0.05 is one to click by; others only say how many digits count.
            if not whole and log10(self._last).is_integer():
                box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
            box.setSpecialValueText(option.special)
            box.setSuffix(f" {option.unit}" if option.unit else "")
        if isinstance(native, QCheckBox):
            native.setText(self.field.title)
        if isinstance(self._widget, FileEdit):
            self._widget.choose_btn.text = "…"
            self._widget.choose_btn.native.setMaximumWidth(_BROWSE_PX)


class AnswersEdit(QWidget):
    """One question with several answers: which, and its value."""

    changed = Signal()

    def __init__(self, question: Option, answers: Iterable[OptionField], start: object) -> None:
        super().__init__()
        self.which = combo(question.tooltip)
        self.which.addItem(question.special, None)
        self.edits: dict[Path, OptionEdit] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.which, 1)
        for answer in answers:
            edit = self.edits[answer.path] = OptionEdit(answer, answer.option.typical)
            edit.native.setMinimumWidth(_VALUE_PX)
            edit.changed.connect(lambda _: self.changed.emit())
            self.which.addItem(answer.title, answer.path)
            layout.addWidget(edit.native, 1)
        self.which.currentIndexChanged.connect(self._on_which)
        self.set_values({path: edit.field.of(start) for path, edit in self.edits.items()})

    def values(self) -> dict[Path, Any]:
        """Return the value of every answer, None for all but one."""
        chosen = self.which.currentData()
        return {path: edit.value if path == chosen else None for path, edit in self.edits.items()}

    def set_values(self, values: dict[Path, Any]) -> None:
        """Show the first answer that is set."""
        chosen = next((path for path, value in values.items() if value is not None), None)
        with QSignalBlocker(self):
            if chosen is not None:
                self.edits[chosen].value = values[chosen]
            self.which.setCurrentIndex(self.which.findData(chosen))
            self._on_which()

    def _on_which(self) -> None:
        chosen = self.which.currentData()
        for path, edit in self.edits.items():
            edit.native.setVisible(path == chosen)
        self.changed.emit()


class OptionForm(QWidget):
    """One row for each option that a dock offers.

    Rows are made when the form is first seen, or one of them is asked for: a dock holds a dozen forms, of which most stay hidden.

    Parameters
    ----------
    start
        A dataclass of options with the values to begin with.
    without
        Names of fields that have no row here.
    group
        Only the options of this group; all by default.
    indent
        Left of the rows, in pixels.
    """

    changed = Signal()

    def __init__(
        self, start: object, *, without: Iterable[str] = (), group: str = "", indent: int = 0
    ) -> None:
        super().__init__()
        self._start = start
        self._fields = [
            option
            for option in options_of(type(start), frozenset(without))
            if option.seen_in("dock") and group in ("", (option.within or option.option).group)
        ]
        self._edits: dict[str, OptionEdit] = {}
        self._answers: dict[str, AnswersEdit] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(indent, 0, 0, 4 if indent else 0)
        self._form.setHorizontalSpacing(6)
        self._form.setVerticalSpacing(4)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)

    @property
    def edits(self) -> dict[str, OptionEdit]:
        """Rows of single options, by name."""
        self._make_rows()
        return self._edits

    @property
    def answers(self) -> dict[str, AnswersEdit]:
        """Rows of options of which one is chosen, by what holds them."""
        self._make_rows()
        return self._answers

    def value(self, start: object = None) -> Any:
        """Return the options, or others of their class, with what the rows say."""
        if self._fields and start is None:  # no rows yet, so nobody has changed one
            return self._start
        values = {edit.field.path: edit.value for edit in self.edits.values()}
        for answer in self.answers.values():
            values |= answer.values()
        return changed(start or self._start, values)

    def set_value(self, options: object) -> None:
        """Show other values, without telling anybody."""
        self._start = options
        if self._fields:
            return
        with QSignalBlocker(self):
            for edit in self.edits.values():
                edit.value = edit.field.of(options)
            for answer in self.answers.values():
                answer.set_values({path: edit.field.of(options) for path, edit in answer.edits.items()})

    def add_row(self, title: str, widget: QWidget, before: str = "") -> None:
        """Add a row that is no option, above that of an option or at the end."""
        self._make_rows()
        at = self._form.getWidgetPosition(self.edits[before].native)[0] if before else self._form.rowCount()
        self._form.insertRow(at, self._label(title), widget)

    def show_row(self, widget: QWidget, shown: bool) -> None:
        """Show or hide a row by its widget."""
        self._form.setRowVisible(widget, shown)

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        self._make_rows()
        super().showEvent(event)

    def _make_rows(self) -> None:
        if not self._fields:
            return
        fields, self._fields = self._fields, []
        for one in fields:
            if one.within is None:
                self._add(one)
            elif one.path[-2] not in self._answers:
                self._add_answers(one)
        tab_through(self, self)

    def _add(self, one: OptionField) -> None:
        edit = self._edits[one.name] = OptionEdit(one, one.of(self._start))
        edit.changed.connect(lambda _: self.changed.emit())
        if isinstance(edit.native, QCheckBox):
            self._form.addRow(edit.native)
        else:
            self._form.addRow(self._label(one.title, one.option.tooltip), edit.native)

    def _add_answers(self, one: OptionField) -> None:
        assert one.within is not None
        holder = one.path[-2]
        fields = [other for other in options_of(type(self._start)) if other.path[:-1] == one.path[:-1]]
        answers = self._answers[holder] = AnswersEdit(one.within, fields, self._start)
        answers.changed.connect(self.changed)
        self._form.addRow(self._label(one.within.title or holder.capitalize(), one.within.tooltip), answers)

    @staticmethod
    def _label(title: str, tooltip: str = "") -> QLabel:
        label = QLabel("\n".join(textwrap.wrap(title, _TITLE_LETTERS)))
        label.setMinimumWidth(_LABEL_PX)
        label.setToolTip(tooltip)
        return label
