"""Boxes and buttons that are narrower than what they say, and letters that are larger than usual."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QLabel, QStyleOptionButton, QToolTip

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.widgets.common.narrow_boxes import elided
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import button, combo
from napari_pseudolabel.widgets.common.style import style_sheet
from napari_pseudolabel.widgets.correct.palette import Palette
from napari_pseudolabel.widgets.models.models_jobs import ListedModel
from napari_pseudolabel.widgets.models.view import ModelsView
from napari_pseudolabel.widgets.pseudo_label.many.many_sentences import ImageRow
from napari_pseudolabel.widgets.pseudo_label.many.view import ManyView

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


LARGE = "* { font-size: 26px; }"


def test_a_button_without_room_says_so(qtbot):
    made = button("Draw one object", "", name="small")
    made.setStyleSheet(style_sheet("dark"))
    qtbot.addWidget(made)
    drawn = QStyleOptionButton()
    made.resize(60, 24)
    made.initStyleOption(drawn)
    assert drawn.text.endswith("…")
    made.resize(made.sizeHint())
    made.initStyleOption(drawn)
    assert drawn.text == made.text() == "Draw one object"


def test_large_letters_have_room(qtbot):
    palette = Palette()
    qtbot.addWidget(palette)
    palette.set_classes([LabelClass(name="background", value=0), LabelClass(name="axon", value=1)])
    palette.setStyleSheet(LARGE)
    palette.resize(300, 90)
    palette.show()
    (key,) = [one for one in palette.findChildren(QLabel) if one.text().startswith("Ctrl")]
    needed = key.fontMetrics().horizontalAdvance(key.text())
    assert needed > 60
    qtbot.waitUntil(lambda: key.width() >= needed, timeout=5000)
    models = ModelsView()
    qtbot.addWidget(models)
    models.show()
    models.set_models([ListedModel("person:one", Path("one.safetensors"))], "")
    models.setStyleSheet(LARGE)
    needed = 4 * models.cards.fontMetrics().height()
    assert models.cards.item(0).sizeHint().height() >= needed > 70
    many = ManyView()
    qtbot.addWidget(many)
    many.setStyleSheet(LARGE)
    many.show()
    many.set_rows([ImageRow("sem_12", "waiting", "waiting", "")])
    item = many.list.item(0)
    assert many.list.visualItemRect(item).height() >= 2 * many.list.fontMetrics().lineSpacing()
