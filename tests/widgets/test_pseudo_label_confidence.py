"""What the Pseudo-label dock asks for to get a confidence, and what it says about it."""

from __future__ import annotations

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.objects import Counted
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.widgets.pseudo_label.label_jobs import CountObjects

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="axon", value=1))


def run(dock, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def test_one_sample_in_four_mirrors_unless_the_person_says_otherwise(dock, script, qtbot):
    run(dock, qtbot)
    dock.view.settings.edits["flips"].native.setValue(0)
    run(dock, qtbot)
    assert [(job.settings.samples, job.settings.flips) for job in script.jobs] == [(1, 3), (1, 0)]


def test_specks_are_left_out_unless_the_person_says_otherwise(dock, script, qtbot):
    run(dock, qtbot)
    dock.view.settings.edits["smallest_object"].native.setValue(0)
    assert dock.view.settings.edits["smallest_object"].native.text() == "keep all"
    run(dock, qtbot)
    assert [job.settings.smallest_object for job in script.jobs] == [0.05, 0]


def test_the_status_tells_how_many_regions_are_worth_a_look(dock, qtbot):
    run(dock, qtbot)
    qtbot.waitUntil(lambda: "worth a look" in dock.view._status.text(), timeout=10000)
    assert "1 of 1 region is worth a look in the dock Correct" in dock.view._status.text()


def test_only_regions_with_objects_count():
    labels = np.zeros((3, 200, 300), np.uint8)
    labels[:2, :90, :90] = 1
    confidence = np.ones(labels.shape, np.float32)
    confidence[0] = 0.6
    found = CountObjects(labels, confidence, CLASSES).run(Control(), None)
    assert [(one.name, one.number) for one in found.counts] == [("axon", 2)]
    assert (found.doubtful, found.regions) == (1, 2)
    # Nothing is known about labels without confidence.
    assert CountObjects(labels[1:], None, CLASSES).run(Control(), None).regions == 1


def test_nuclei_that_touch_are_counted_each():
    y, x = np.mgrid[:60, :90]
    discs = [(y - 30) ** 2 + (x - middle) ** 2 < 15**2 for middle in (30, 56)]
    labels = (discs[0] | discs[1]).astype(np.uint8)[None]
    for name, count in (("nucleus", 2), ("axon", 1)):
        classes = (CLASSES[0], LabelClass(name=name, value=1))
        (found,) = CountObjects(labels, None, classes).run(Control(), None).counts
        assert (found.name, found.number) == (name, count)


def test_myelin_is_counted_with_its_axons():
    labels = np.zeros((1, 40, 80), np.uint8)
    for x in (20, 60):
        labels[0, 10:30, x - 10 : x + 10] = 2
    labels[0, 15:25, 15:25] = 1
    classes = (*CLASSES, LabelClass(name="myelin", value=2))
    (found,) = CountObjects(labels, None, classes).run(Control(), None).counts
    assert found == Counted("axon", 1, "myelin", groups=2, bare=0, hollow=1)
