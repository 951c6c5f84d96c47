"""Every tool says in a word what it does, in as few rows as the dock is wide."""

from __future__ import annotations

import pytest

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.tool_bar import ToolBar
from napari_pseudolabel.widgets.correct.tool_table import TOOLS


@pytest.mark.parametrize(("width", "columns"), [(200, 5), (302, 5), (420, 7), (1000, 14)])
def test_the_rows_follow_the_width(qtbot, width, columns):
    bar = ToolBar()
    qtbot.addWidget(bar)
    bar.resize(width, 200)
    bar.show()
    grid = bar.layout()
    places = [grid.getItemPosition(grid.indexOf(button))[:2] for button in bar.buttons.values()]
    assert places == [divmod(number, columns) for number in range(len(TOOLS))]


def test_words_and_keys(qtbot):
    bar = ToolBar()
    qtbot.addWidget(bar)
    for tool in TOOLS:
        button = bar.buttons[tool.name]
        assert 0 < len(button.text()) <= 10
        assert shortcuts.shown(tool.key) in button.toolTip()
        assert tool.title in button.toolTip()
