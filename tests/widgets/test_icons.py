"""Every tool of the Correct dock has an icon, in the colour of the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QIcon

from napari_pseudolabel.widgets.correct import icons
from napari_pseudolabel.widgets.correct.tool_table import CONFIRM, FOCUS, TOOLS, UNCONFIRM

NAMES = [tool.name for tool in (*TOOLS, FOCUS, CONFIRM, UNCONFIRM)]


def test_no_tool_lacks_an_icon_and_no_icon_a_tool():
    assert {path.stem for path in Path(icons.__file__).parent.glob("*.svg")} == set(NAMES)


@pytest.mark.parametrize("ink", ["#f0f1f2", "#3b3a39"])
@pytest.mark.parametrize("name", NAMES)
def test_lines_have_the_colour_of_the_text_and_fade_with_their_button(qapp, name, ink):
    drawn = icons.icon(name, ink)

    def colours(mode):
        image = drawn.pixmap(QSize(72, 72), mode).toImage()
        return [image.pixelColor(x, y) for x in range(72) for y in range(72)]

    shown, faded = colours(QIcon.Mode.Normal), colours(QIcon.Mode.Disabled)
    assert QColor(ink) in shown
    assert max(one.alphaF() for one in faded) < 0.9  # lines that cross are less faint
    assert any(one.alpha() == 0 for one in shown)
