"""Fields for settings, as all docks use them."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox, QSizePolicy


class _Small(QDoubleSpinBox):
    """Shows 0.001 as it is and not as 0.001000."""

    def textFromValue(self, value: float) -> str:
        return f"{value:g}"


def decimal(low: float, high: float, value: float, tooltip: str) -> QDoubleSpinBox:
    """Return a field for a small number."""
    box = _Small()
    box.setDecimals(7)
    box.setRange(low, high)
    box.setSingleStep(value / 2)
    box.setValue(value)
    box.setToolTip(tooltip)
    box.setKeyboardTracking(False)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
