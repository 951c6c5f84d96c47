"""The form of a strategy's own options, made from what they are."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_pseudolabel.options import options_of

# As wide as the labels beside the other controls.
_LABEL_PX = 66


class OwnOptions(QWidget):
    """One row for each field of a dataclass of options.

    Parameters
    ----------
    options
        See `napari_pseudolabel.options`; every field has a default.
    """

    changed = Signal()

    def __init__(self, options: type[Any]) -> None:
        super().__init__()
        self._options = options
        start = options()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)
        form.setVerticalSpacing(3)
        self.fields: dict[str, ValueWidget] = {}
        for name, kind, option in options_of(options):
            bounds = {} if option.least is None else {"min": option.least}
            field = create_widget(getattr(start, name), annotation=kind, name=name, options=bounds)
            assert isinstance(field, ValueWidget)  # one per value; containers and buttons are others
            field.tooltip = option.sentence
            field.changed.connect(lambda _: self.changed.emit())
            label = QLabel(name.replace("_", " ").capitalize())
            label.setMinimumWidth(_LABEL_PX)
            form.addRow(label, field.native)
            self.fields[name] = field

    def value(self) -> Any:
        """The options as they are now."""
        return self._options(**{name: field.value for name, field in self.fields.items()})
