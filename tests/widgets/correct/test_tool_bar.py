"""Every tool says in a word what it does, in as few rows as the dock is wide."""

from __future__ import annotations

import pytest
from napari.settings import get_settings

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.style import style_sheet
from napari_pseudolabel.widgets.correct.tool_bar import ToolBar
from napari_pseudolabel.widgets.correct.tool_table import TOOLS


@pytest.mark.parametrize(("width", "columns"), [(200, 3), (284, 5), (302, 5), (420, 7), (1000, 14)])
def test_the_rows_follow_the_width(qtbot, width, columns):
    bar = ToolBar()
    qtbot.addWidget(bar)
    bar.setStyleSheet("QToolButton { font-size: 9px; }")  # of the dock
    bar.resize(width, 200)
    bar.show()
    grid = bar.layout()
    places = [grid.getItemPosition(grid.indexOf(button))[:2] for button in bar.buttons.values()]
    assert places == [divmod(number, columns) for number in range(len(TOOLS))]


def test_large_letters_get_fewer_columns_and_do_not_widen_the_dock(qtbot):
    bar = ToolBar()
    qtbot.addWidget(bar)
    bar.setStyleSheet("QToolButton { font-size: 9px; }")
    bar.resize(302, 200)
    bar.show()
    usual = bar.minimumSizeHint().width()
    assert bar._columns == 5
    bar.setStyleSheet("QToolButton { font-size: 14px; }")
    assert bar._columns < 5
    for button in bar.buttons.values():
        assert button.fontMetrics().horizontalAdvance(button.text()) < 302 // bar._columns
    assert usual <= bar.minimumSizeHint().width() < 302


def test_words_under_icons_are_as_large_as_the_person_wants(monkeypatch):
    monkeypatch.setattr(get_settings().appearance, "font_size", 12)
    assert "font-size: 9pt; border-radius" in style_sheet("dark")


def test_words_and_keys(qtbot):
    bar = ToolBar()
    qtbot.addWidget(bar)
    for tool in TOOLS:
        button = bar.buttons[tool.name]
        assert 0 < len(button.text()) <= 10
        assert shortcuts.shown(tool.key) in button.toolTip()
        assert tool.title in button.toolTip()
