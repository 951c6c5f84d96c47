"""Fields for settings, as all docks use them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSizePolicy, QSpinBox, QWidget

from napari_pseudolabel.widgets.common.parts import combo, fill


def advanced_form(content: QWidget) -> QFormLayout:
    """The layout of a fold with settings."""
    form = QFormLayout(content)
    form.setContentsMargins(8, 0, 0, 4)
    form.setVerticalSpacing(4)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def number(low: int, high: int, value: int, tooltip: str, special: str = "") -> QSpinBox:
    """A field for a whole number; `special` is shown instead of the lowest."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tooltip)
    box.setSpecialValueText(special)
    box.setKeyboardTracking(False)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


class _Small(QDoubleSpinBox):
    """Shows 0.001 as it is and not as 0.001000."""

    def textFromValue(self, value: float) -> str:
        return f"{value:g}"


def decimal(low: float, high: float, value: float, tooltip: str) -> QDoubleSpinBox:
    """A field for a small number."""
    box = _Small()
    box.setDecimals(7)
    box.setRange(low, high)
    box.setSingleStep(value / 2)
    box.setValue(value)
    box.setToolTip(tooltip)
    box.setKeyboardTracking(False)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def device_box() -> QComboBox:
    """Where the training runs."""
    box = combo("Where the training runs")
    box.addItem("Automatic", "auto")
    return box


def refill(box: QComboBox, entries: Sequence[tuple[object, str]]) -> None:
    """Replace the entries of a list; the value chosen stays chosen where it still exists."""
    chosen, values = box.currentData(), [value for value, _ in entries]
    fill(box, entries, chosen if chosen in values else values[0] if values else None)
