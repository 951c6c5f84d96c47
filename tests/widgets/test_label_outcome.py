"""What the dock says at the end of a run, and how differently where labels are probably of no use."""

from __future__ import annotations

from napari_pseudolabel.labels.usability import Usability
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.description import RunReport
from napari_pseudolabel.widgets.pseudo_label.label_jobs import ObjectCounts
from napari_pseudolabel.widgets.pseudo_label.label_sentences import outcome_text

COUNTS = ObjectCounts((), 0.81, doubtful=3, regions=9)


def said(*doubts, preview=False, strategy="segmentation"):
    report = RunReport(strategy, "a", None, (), LabelSettings(), 1.0, usability=Usability(doubts))
    return outcome_text(report, COUNTS, preview=preview)


def test_usual_labels_are_ready_to_be_corrected():
    text = said()
    assert text.startswith("Labels ready.")
    assert "Mean confidence 0.81." in text
    assert "3 of 9 regions" in text
    assert "Paint on the labels" in text


def test_labels_that_are_probably_of_no_use_are_not_offered_for_painting():
    text = said("hardly anything was found")
    assert text.startswith("Labels made, but probably not usable; see below.")
    for part in ("confidence", "worth a look", "Paint"):
        assert part not in text
    assert said("hardly anything was found", preview=True).startswith("Preview of the view.")


def test_regions_to_be_named_are_no_labels_to_be_corrected():
    for name in ("grey-regions", "slic-regions", "attention-regions"):
        text = said(strategy=name)
        assert text.startswith("Regions ready, none of them named yet.")
        assert "Name regions" in text
        for part in ("confidence", "worth a look", "Paint"):
            assert part not in text
