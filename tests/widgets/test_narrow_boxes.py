"""Boxes that are narrower than what is chosen in them."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.widgets.common.narrow_boxes import elided
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import combo

LONG = "Translate what was never seen (experimental)"


def test_what_is_cut_ends_in_an_ellipsis_and_stands_in_the_tooltip(qtbot):
    box = combo("How labels are made")
    qtbot.addWidget(box)
    box.addItems(["Short", LONG])
    box.resize(120, 24)
    box.setCurrentText(LONG)
    assert LONG.startswith(elided(box).removesuffix("…"))
    assert elided(box).endswith("…")
    told = []

    def ask():
        QApplication.sendEvent(
            box, QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(3, 3), box.mapToGlobal(QPoint(3, 3)))
        )
        return QToolTip.text()

    box.show()
    told = ask()
    assert LONG in told
    assert "How labels are made" in told
    box.setCurrentText("Short")
    assert elided(box) == "Short"
    box.resize(600, 24)
    box.setCurrentText(LONG)
    assert elided(box) == LONG


def test_lists_are_as_wide_as_their_entries(qtbot):
    box = combo("")
    qtbot.addWidget(box)
    box.addItems(["Short", LONG])
    box.resize(120, 24)
    box.show()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    assert box.view().width() >= box.fontMetrics().horizontalAdvance(LONG)
    box.hidePopup()


def test_boxes_of_options_too(qtbot):
    form = OptionForm(OtsuOptions())
    qtbot.addWidget(form)
    box = form.edits["contrast"].native
    box.resize(70, 24)
    assert elided(box).endswith("…")
