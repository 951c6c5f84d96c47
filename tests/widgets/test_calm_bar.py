"""A bar that moves where nobody knows how far something is, and does not keep the window busy."""

from __future__ import annotations

from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.small_widgets import CalmBar


def test_what_is_known_is_shown_and_what_is_not_moves(qtbot):
    bar = CalmBar()
    qtbot.addWidget(bar)
    bar.show_progress(3, 10)
    assert (bar.value(), bar.maximum()) == (3, 10)
    bar.show_progress(0, 1)
    # A range of nothing is Qt's own moving bar, which draws all the time.
    assert bar.maximum() > 1
    assert bar.value() == 0
    qtbot.waitUntil(lambda: bar.value() == 1, timeout=5000)
    bar.show_progress(0, 0)  # said again: it does not begin anew
    assert bar.value() >= 1
    bar.show_progress(9, 10)
    assert (bar.value(), bar.maximum()) == (9, 10)
    assert not bar._timer.isActive()


def test_a_dock_that_rests_moves_nothing(qtbot):
    view = DockView()
    qtbot.addWidget(view)
    view.set_working(True)
    view.set_progress("Starting")
    assert view.progress._timer.isActive()
    view.set_working(False)
    assert not view.progress._timer.isActive()
