"""A typical object in the view, and one that is drawn across in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from size_case import SIZED

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.size_mark import SizeMark, circle

_BETWEEN_MOVES_MS = 15


class Sheet:
    """Takes marks instead of a canvas."""

    def __init__(self):
        self.marks = {}

    def mark(self, name, mark):
        self.marks = {**self.marks, name: mark} if mark is not None else {}


def spans(line):
    """Height and width in the world, and the middle."""
    corners = np.array(line)
    return np.ptp(corners, axis=0), (corners.min(axis=0) + corners.max(axis=0)) / 2


@pytest.mark.parametrize("shape", [(80, 100), (4, 80, 100), (3, 4, 80, 100)])
def test_the_circle_has_its_diameter_in_pixels_of_the_image(shape):
    viewer = ViewerModel()
    lead = (1.0,) * (len(shape) - 2)
    layer = viewer.add_image(np.zeros(shape), scale=(*lead, 0.5, 0.5), translate=(*(0,) * len(lead), 7, 9))
    viewer.camera.center = (0, 27, 29)
    size, middle = spans(circle(viewer, layer, 20))
    np.testing.assert_allclose(size, 10, atol=0.1)
    np.testing.assert_allclose(middle, (27, 29), atol=0.1)


def test_colours_and_channels_are_no_place():
    viewer = ViewerModel()
    rgb = viewer.add_image(np.zeros((40, 50, 3), np.uint8), rgb=True)
    channels = viewer.add_image(np.zeros((2, 40, 50)), axis_labels=("c", "y", "x"))
    viewer.camera.center = (0, 20, 30)
    for layer in (rgb, channels):
        size, middle = spans(circle(viewer, layer, 12))
        np.testing.assert_allclose(size, 12, atol=0.1)
        np.testing.assert_allclose(middle, (20, 30), atol=0.1)


def test_it_stays_in_the_middle_of_the_view_but_on_the_image_until_it_is_taken_away():
    viewer, sheet = ViewerModel(), Sheet()
    layer = viewer.add_image(np.zeros((80, 100)))
    mark = SizeMark(viewer, lambda: sheet)
    mark.show(layer, 10)
    for centre, seen in (((20, 30), (20, 30)), ((-500, 30), (0, 30))):
        viewer.camera.center = (0, *centre)
        np.testing.assert_allclose(spans(sheet.marks["size"].lines[0])[1], seen, atol=0.1)
    assert sheet.marks["size"].text == "typical object of the model at this scale"
    mark.hide()
    assert sheet.marks == {}
    viewer.camera.center = (0, 1, 1)
    assert sheet.marks == {}


def test_a_line_across_an_object_of_a_real_canvas_tells_its_size(
    make_napari_viewer_proxy, script, tmp_path, monkeypatch, qtbot
):
    monkeypatch.setattr(
        "napari_pseudolabel.widgets.common.recent_choices.user_config_path", lambda *_, **__: tmp_path
    )
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: SIZED)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1366, 768)
    image = viewer.add_image(np.random.default_rng(0).random((80, 90)), name="sem_12")
    _, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Pseudo-label")
    qtbot.waitUntil(lambda: not widget.controller.models.loading, timeout=20000)
    view, size = widget.view, widget.controller.size
    view.strategy.setCurrentIndex(view.strategy.findData("segmentation"))
    box = view.models["segmenter"]
    box.setCurrentIndex(box.findData(SIZED[0].ref))
    view.size_row.draw_button.click()
    sheet = size._sheet()
    assert "across one typical object" in sheet.toast
    canvas, left = sheet.parentWidget(), Qt.MouseButton.LeftButton
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    qtbot.mouseMove(canvas, middle)
    qtbot.mousePress(canvas, left, pos=middle)
    for step in (20, 40):
        qtbot.wait(_BETWEEN_MOVES_MS)
        qtbot.mouseMove(canvas, middle + QPoint(step, 0))
    qtbot.waitUntil(lambda: "line" in sheet.marks, timeout=5000)
    assert len(sheet.marks["line"].lines[0]) == 2
    qtbot.mouseRelease(canvas, left, pos=middle + QPoint(40, 0))
    found = view.choice().settings.scale
    assert found == Scale(object_size_px=found.object_size_px)
    assert found.object_size_px == pytest.approx(40 / viewer.camera.zoom, abs=1)
    assert set(sheet.marks) == {"size"}
    assert [layer.name for layer in viewer.layers] == ["sem_12"]
    assert viewer.layers.selection.active == image
    widget.controller.shutdown()
    assert size.mark.diameter_px is None
    assert size._overlay is None
