"""Names from files are text in the docks: no markup, no characters that nobody sees, no bare MemoryError."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.small_widgets import ElidedLabel, ErrorBox, MessageLabel, tip
from napari_pseudolabel.widgets.pseudo_label.label_sentences import tooltip
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelEntry

HOSTILE = "<b>x</b><img src='file:///a'>\u202e\x1b[0m"
SHOWN = "<b>x</b><img src='file:///a'>\\u202e\\x1b[0m"


def test_labels_show_text_as_it_is(qtbot):
    for label in (MessageLabel(HOSTILE), ElidedLabel()):
        qtbot.addWidget(label)
        assert label.textFormat() == Qt.TextFormat.PlainText
        label.setText(HOSTILE)
        assert label.text() == SHOWN
        label.setToolTip(HOSTILE)
        assert "<img" not in label.toolTip()
    assert MessageLabel("one\ntwo").text() == "one\ntwo"
    assert tip("one\ntwo") == "one\ntwo"
    assert tip("<b>\n") == "<qt>&lt;b&gt;<br></qt>"


def test_errors_show_text_as_it_is(qtbot):
    box = ErrorBox()
    qtbot.addWidget(box)
    failure = Failure.of(ValueError(HOSTILE))
    box.show_error(failure.sentence, failure.details)
    assert SHOWN in box.sentence
    assert "\x1b" not in box.sentence


def test_tooltips_of_models_show_text_as_it_is():
    card = Card(
        kind="translator", family="syndiff", name=HOSTILE, description=HOSTILE, source=Modality(name=HOSTILE)
    )
    said = tooltip(ModelEntry(HOSTILE, HOSTILE, card), "Translator")
    assert "<img" not in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_full_memory_is_a_sentence():
    failure = Failure.of(MemoryError())
    assert "not enough memory" in failure.sentence
    assert "unexpected" not in failure.sentence
