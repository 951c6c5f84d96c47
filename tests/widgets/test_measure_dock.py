"""The Measure dock."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.viewer.known_size import KnownSize, note_size
from napari_pseudolabel.viewer.records import write_classes
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.measures import freshness
from napari_pseudolabel.widgets.measures.controller import NO_LABELS, NO_SIZE, MeasureController
from napari_pseudolabel.widgets.measures.view import MeasureView

RADII = (8, 6, 4)


@pytest.fixture
def labels(viewer):
    """Three axons of other sizes in sheaths of 4 pixels."""
    y, x = np.mgrid[:40, :120]
    plane = np.zeros((40, 120), np.uint8)
    for number, radius in enumerate(RADII):
        far = np.hypot(y - 20, x - 20 - 40 * number)
        plane = np.where(far <= radius, 2, np.where(far <= radius + 4, 1, plane)).astype(np.uint8)
    return Labels(plane, name="nerve", scale=(0.5, 0.5), units=("um", "um"))


@pytest.fixture
def dock(qtbot, viewer, session, monkeypatch):
    monkeypatch.setattr(freshness, "_PAUSE_MS", 10)
    view, canvas = MeasureView(), QWidget()
    qtbot.addWidget(view)
    qtbot.addWidget(canvas)
    controller = MeasureController(
        viewer, view, runner=JobRunner(session), make_overlay=lambda: Overlay(viewer, canvas)
    )
    controller.start()
    controller.place()
    yield controller
    assert controller.shutdown()


def measured(dock, qtbot):
    dock.view.measure_button.click()
    qtbot.waitUntil(lambda: dock.settled and dock.selection.measures is not None, timeout=20000)
    return dock.selection.measures


def test_plots_table_and_canvas_show_one_selection_and_changed_labels_are_said(
    dock, viewer, labels, qtbot, tmp_path
):
    assert dock.view.hint == NO_LABELS
    viewer.add_layer(labels)
    write_classes(labels, AXON_CLASSES)
    viewer.layers.selection.active = labels
    dock.activated(labels)
    assert (dock.view.kind, dock.view.hint) == ("fibres", "")
    found = measured(dock, qtbot)
    assert found.rows["gratio"] == pytest.approx([8 / 12, 6 / 10, 4 / 8], rel=0.05)
    assert "Axons 3; labelled area 1,200 µm²" in dock.view.totals
    # A box in the histogram of the g-ratio, and one in the scatter plot.
    dock.view.histogram.brushed.emit(0.55, 0.8, 0, 1)
    assert dock.selection.chosen.tolist() == [True, True, False]
    coloured = dock.highlights.overlay.tinted.colours > 0
    np.testing.assert_array_equal(coloured, (labels.data > 0) & (np.arange(120) < 80))
    assert dock.view.rows.rowCount() == 2
    assert dock.view._selected.text() == "2 of 3 fibres selected"
    dock.view.scatter.brushed.emit(0, 5, 0, 1)
    assert dock.selection.chosen.tolist() == [False, False, True]
    # A click on another object shows all, and marks its line.
    dock._on_click(labels.data_to_world((20, 60)), False)
    assert (dock.selection.marked, dock.selection.chosen) == (1, None)
    assert dock.highlights.overlay.marks["measured"].text == "2: g-ratio 0.597"
    assert dock.highlights.overlay.tinted is None
    assert [index.row() for index in dock.view.table.selectionModel().selectedRows()] == [1]
    dock.view.table.sortByColumn(2, dock.view.table.horizontalHeader().sortIndicatorOrder())
    dock._on_click(labels.data_to_world((0, 0)), False)
    assert dock.selection.marked is None
    # While somebody paints, clicks mark nothing.
    labels.mode = "paint"
    dock._on_click(labels.data_to_world((20, 60)), False)
    assert dock.selection.marked is None
    labels.mode = "pan_zoom"
    labels.paint((20, 20), 0)
    qtbot.waitUntil(lambda: dock.view.stale, timeout=20000)
    labels.undo()
    qtbot.waitUntil(lambda: not dock.view.stale, timeout=20000)
    labels.scale = (1, 1)
    qtbot.waitUntil(lambda: dock.view.stale, timeout=20000)
    measured(dock, qtbot)
    qtbot.waitUntil(lambda: not dock.view.stale, timeout=20000)
    dock.view.as_layer.click()
    numbered = viewer.layers["nerve: measured"]
    assert numbered.features["gratio"].tolist() == dock.selection.measures.rows["gratio"].tolist()
    assert numbered.features["index"].tolist() == np.unique(numbered.data)[1:].tolist()
    viewer.layers.remove(labels)
    assert dock.selection.measures is None


def test_fibres_wait_for_a_pixel_size_which_can_be_told(dock, viewer, labels, qtbot):
    plain = viewer.add_labels(labels.data, name="plain")
    write_classes(plain, AXON_CLASSES)
    dock.activated(plain)
    assert (dock.view.kind, dock.view.hint) == ("objects", "")
    assert not dock.view.pixel_size.isHidden()
    found = measured(dock, qtbot)
    assert "lengths and areas are in pixels" in dock.view.notes
    assert found.rows["area"].tolist() == [
        np.count_nonzero(labels.data[:, 40 * n : 40 * n + 40]) for n in range(3)
    ]
    dock.view.kinds.choose("fibres")
    assert dock.view.hint == NO_SIZE
    dock.view.pixel_size.setValue(0.5)
    assert dock.view.hint == ""
    dock.selection.measures = None
    assert measured(dock, qtbot).rows["axon_diam"][0] == pytest.approx(8, rel=0.05)
    # Of another image another size: the one that its person told in the Label dock, else none.
    other = viewer.add_labels(labels.data[:, :90], name="other")
    write_classes(other, AXON_CLASSES)
    image = viewer.add_image(np.zeros((40, 90)), name="nerve 2")
    note_size(image, KnownSize(Scale(pixel_size_um=0.25), "set"))
    dock.activated(other)
    assert dock.view.pixel_size.value() == 0.25
    dock.activated(plain)
    assert dock.view.pixel_size.value() == 0.5
