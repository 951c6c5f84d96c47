"""The scale of an image without a size is looked for before Run is pressed, and stands in nobody's way."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from size_case import SIZED, SURE, scripted_search

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.scale_ahead import quick_to_read

UNKNOWN = "unknown: found when you press Run"


@pytest.fixture(autouse=True)
def models(script, monkeypatch):
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: SIZED)


@pytest.fixture(autouse=True)
def search(monkeypatch):
    return scripted_search(monkeypatch)


@pytest.fixture
def row(dock):
    """The row on an image without a size, labelled by a segmenter alone."""
    box = dock.view.strategy
    box.setCurrentIndex(box.findData("segmentation"))
    choose(dock, "sample:one")
    return dock.view.size_row


@pytest.fixture
def looking(row, dock, search, qtbot):
    """The row while a search that nobody asked for is under way."""
    search.gate.clear()
    qtbot.waitUntil(lambda: bool(search.jobs), timeout=10000)
    assert dock.size._ahead.looking
    return row


def choose(dock, ref):
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData(ref))


def until_wished_no_more(dock, qtbot):
    qtbot.waitUntil(lambda: dock.size._ahead._wish is None, timeout=10000)


def run(dock, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def never(dock):
    settings = dock.view.settings
    settings.set_value(replace(settings.value(), find_scale="never"))
    dock.view.changed.emit()


def test_it_is_known_when_run_is_pressed(looking, dock, viewer, search, script, qtbot):
    assert looking.line.startswith("looking for the scale")
    assert not looking.warns
    assert dock.view.run_button.isEnabled()
    assert (dock.busy, dock.doing) == (False, "")
    search.gate.set()
    until_wished_no_more(dock, qtbot)
    assert looking.line == "magnified 0.44 times (found; looks agree 0.95)"
    assert dock.size.mark.diameter_px is None
    assert len(viewer.layers) == 1
    run(dock, qtbot)
    assert script.jobs[-1].found == SURE
    assert len(search.jobs) == 1


def test_a_run_that_is_pressed_meanwhile_looks_itself_and_can_be_cancelled(
    looking, dock, search, script, qtbot
):
    script.gate.clear()
    dock.view.run_button.click()
    assert not dock.size._ahead.looking
    qtbot.waitUntil(lambda: len(script.jobs) == 1, timeout=10000)  # there is but one thread
    assert script.jobs[0].found is None
    dock.cancel()
    script.gate.set()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert dock.size._ahead._wish is None
    assert (looking.line, len(search.jobs)) == (UNKNOWN, 1)


def test_a_preview_ends_it_too(looking, dock, script, qtbot):
    dock.view.preview_button.click()
    assert not dock.size._ahead.looking
    qtbot.waitUntil(lambda: len(script.jobs) == 1 and not dock.busy, timeout=10000)


def test_it_follows_the_choice(looking, dock, search, qtbot):
    choose(dock, "sample:two")
    assert not dock.size._ahead.looking
    assert looking.line == UNKNOWN
    qtbot.waitUntil(lambda: len(search.jobs) == 2, timeout=10000)
    choose(dock, "sample:one")
    search.gate.set()
    qtbot.waitUntil(lambda: dock.view.choice().found == SURE, timeout=10000)
    assert [job.segmenter for job in search.jobs] == ["sample:one", "sample:two", "sample:one"]
    choose(dock, "sample:two")
    assert dock.size._ahead._wish is not None


@pytest.mark.parametrize("tell", ["slide", "never", "other image"])
def test_it_ends_where_nothing_is_to_be_found(looking, dock, viewer, tell):
    if tell == "slide":
        looking.slider.setValue(40)
    elif tell == "never":
        never(dock)
    else:
        viewer.add_image(
            np.eye(50), name="sem_2", scale=(0.1, 0.1), units=("um", "um"), metadata={"modality": "SEM"}
        )
    assert not dock.size._ahead.looking
    assert dock.size._ahead._wish is None
    assert not looking.line.startswith("looking")


def test_the_person_stops_it_and_finds_themselves(looking, dock, search, qtbot):
    looking.find_button.click()
    assert (looking.find_button.text(), looking.line) == ("Find", UNKNOWN)
    dock.view.changed.emit()
    assert dock.size._ahead._wish is None
    search.gate.set()
    looking.find_button.click()
    qtbot.waitUntil(lambda: dock.size._search is None, timeout=10000)
    assert looking.line.startswith("magnified 0.44 times")
    assert len(search.jobs) == 2


def test_a_failure_is_silent_and_not_repeated(looking, dock, search, qtbot):
    search.answer = InputError("The image cannot be read.")
    search.gate.set()
    until_wished_no_more(dock, qtbot)
    assert (dock.view.error.sentence, looking.line) == ("", UNKNOWN)
    dock.view.changed.emit()
    assert dock.size._ahead._wish is None
    assert len(search.jobs) == 1


def test_it_does_not_look_at_what_is_blank(row, dock, viewer, search, qtbot):
    viewer.add_image(np.zeros((40, 50)), name="sem_blank", metadata={"modality": "SEM"})
    assert dock.size._ahead._wish is not None
    until_wished_no_more(dock, qtbot)
    assert search.jobs == []
    assert row.line == UNKNOWN


def test_it_waits_for_a_segmenter_and_says_nothing_of_a_closed_dock(row, dock):
    assert dock.size._ahead._wish is not None
    dock.view.set_models("segmenter", SIZED, None)
    dock.view.changed.emit()
    assert dock.size._ahead._wish is None
    choose(dock, "sample:one")
    assert dock.size._ahead._wish is not None
    assert dock.view.choice().settings.scale == Scale()
    assert dock.shutdown()
    assert dock.size._ahead._wish is None


@pytest.mark.parametrize(
    ("side", "path", "quick"), [(100, None, True), (100, "https://a.org/b.zarr", False), (2**30, None, False)]
)
def test_far_and_huge_images_are_not_read_unasked(side, path, quick):
    image = Image(da.zeros((side, side), chunks=side), "YX", Placement.identity(2), "far", path)
    assert quick_to_read(image) is quick
