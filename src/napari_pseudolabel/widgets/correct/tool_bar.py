"""The buttons of the tools: an icon and a word each, in as few rows as the dock is wide."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QToolButton, QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.correct.icons import icon
from napari_pseudolabel.widgets.correct.tool_table import TOOLS, Tool

_ICON_PX = 18
_SPACING_PX = 2
# Around the longest word under an icon; five of them fit a dock of 320 pixels where letters are as large as usual.
_AROUND_PX = 4
_LEAST_PX = 54
_FEWEST = 3


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
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_SPACING_PX)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)
        self._columns = 0
        self.buttons: dict[str, QToolButton] = {}
        for tool in TOOLS:
            button = tool_button(tool)
            button.clicked.connect(lambda _=False, name=tool.name: self.pressed.emit(name))
            self.buttons[tool.name] = button
        # These are under way until the person has drawn, or until the result is there.
        for name in ("split", "smart_fill", "remove_small"):
            self.buttons[name].setCheckable(True)
        self._place(5)

    @override
    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._arrange()

    @override
    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if (
            self.isVisible()
            and event is not None
            and event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange)
        ):
            self._arrange()  # letters may be larger now

    @override
    def minimumSizeHint(self) -> QSize:
        # Not that of the columns there are: in a narrower dock there are fewer.
        return QSize(_FEWEST * self._each_px, super().minimumSizeHint().height())

    @override
    def sizeHint(self) -> QSize:
        return QSize(5 * _LEAST_PX, super().sizeHint().height())

    @property
    def _each_px(self) -> int:
        words = (one.fontMetrics().horizontalAdvance(one.text()) for one in self.buttons.values())
        return max(_LEAST_PX, max(words) + _AROUND_PX) + _SPACING_PX

    def _arrange(self) -> None:
        fitting = max((self.width() + _SPACING_PX) // self._each_px, _FEWEST)
        rows = -(-len(TOOLS) // fitting)
        self._place(-(-len(TOOLS) // rows))

    def _place(self, columns: int) -> None:
        """Put the buttons into rows of so many, in their order."""
        if columns == self._columns:
            return
        self._columns = columns
        for number, button in enumerate(self.buttons.values()):
            self._grid.addWidget(button, *divmod(number, columns))
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def set_ink(self, ink: str) -> None:
        """Colour of the icons, which follows the theme."""
        for name, button in self.buttons.items():
            button.setIcon(icon(name, ink))

    def set_under_way(self, name: str, on: bool) -> None:
        """Whether a tool waits for the person or for its result."""
        self.buttons[name].setChecked(on)


def tool_button(tool: Tool) -> QToolButton:
    """Return a button with the icon, the word and the tooltip of a tool, that leaves the keys to the canvas."""
    button = QToolButton()
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setText(tool.caption)
    button.setObjectName("tool")
    button.setToolTip(tool.tooltip)
    button.setAccessibleName(tool.title)
    button.setIconSize(QSize(_ICON_PX, _ICON_PX))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
