"""The buttons of the tools, in two rows."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QToolButton, QWidget

from napari_pseudolabel.widgets.correct.icons import icon
from napari_pseudolabel.widgets.correct.tool_table import TOOLS, Tool

_ROWS = 2
_ICON_PX = 20


class ToolBar(QWidget):
    """One button per tool.

    Attributes
    ----------
    pressed
        With the name of a tool.
    """

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        columns = -(-len(TOOLS) // _ROWS)
        self.buttons: dict[str, QToolButton] = {}
        for number, tool in enumerate(TOOLS):
            button = tool_button(tool)
            button.clicked.connect(lambda _=False, name=tool.name: self.pressed.emit(name))
            self.buttons[tool.name] = button
            grid.addWidget(button, *divmod(number, columns))
        # These are under way until the person has drawn, or until the result is there.
        for name in ("split", "smart_fill", "remove_small"):
            self.buttons[name].setCheckable(True)

    def set_ink(self, ink: str) -> None:
        """Colour of the icons, which follows the theme."""
        for name, button in self.buttons.items():
            button.setIcon(icon(name, ink))

    def set_under_way(self, name: str, on: bool) -> None:
        """Whether a tool waits for the person or for its result."""
        self.buttons[name].setChecked(on)


def tool_button(tool: Tool) -> QToolButton:
    """Return a button with the icon and the tooltip of a tool, that leaves the keys to the canvas."""
    button = QToolButton()
    button.setObjectName("tool")
    button.setToolTip(tool.tooltip)
    button.setAccessibleName(tool.title)
    button.setIconSize(QSize(_ICON_PX, _ICON_PX))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
