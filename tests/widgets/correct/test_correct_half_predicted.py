"""An image of which a part was never predicted: nobody is asked about it, and nothing of it is taken for right."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from review_case import SHAPE, make_dock, result, settle, truth
from train_fakes import ScriptedRunner, pseudo_label

from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.labels.review import REVIEWED
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Corrections, Stream, annotated_planes
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.widgets.common import labelled_share
from napari_pseudolabel.widgets.common.confirmation import NOTHING
from napari_pseudolabel.widgets.common.overlay import Hatched, Overlay

HEIGHT, WIDTH = SHAPE
# A run of a view that is not aligned with any region.
SEEN = Region(20, 30, 150, 170)
PART = (slice(SEEN.y0, SEEN.y1), slice(SEEN.x0, SEEN.x1))


def run(viewer, source, region, labels=None):
    labels = truth() if labels is None else labels
    part = (slice(region.y0, region.y1), slice(region.x0, region.x1))
    stream = Stream(viewer, source)
    stream.add(pseudo_label(region, labels[part]))
    return stream.finish().labels


@pytest.fixture
def case(qtbot, session):
    """The viewer, its image, the labels of a run of a part, the dock, the queue."""
    viewer = ViewerModel()
    noise = np.random.default_rng(0).normal(0, 4, SHAPE)
    source = viewer.add_image(truth() * 60.0 + noise, name="sem_12", metadata={"modality": "SEM"})
    labels = run(viewer, source, SEEN)
    viewer.layers.selection.active = labels
    dock, review = make_dock(qtbot, viewer, session, ScriptedRunner())
    settle(dock, review, qtbot)
    yield viewer, source, labels, dock, review
    assert dock.shutdown()


def test_accepting_everything_confirms_exactly_what_was_predicted(case, qtbot, session):
    viewer, _, labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    boxes = []
    while review.current is not None:
        boxes.append(review.current.box)
        review.accept()
        settle(dock, review, qtbot)
    assert len(boxes) == len(set(boxes)) >= 2
    for y0, x0, y1, x1 in boxes:
        assert SEEN.y0 <= y0 < y1 <= SEEN.y1
        assert SEEN.x0 <= x0 < x1 <= SEEN.x1
        assert min(y1 - y0, x1 - x0) > 30, "a sliver is no region"
    expected = np.zeros(SHAPE, bool)
    expected[PART] = True
    np.testing.assert_array_equal(Corrections.of(labels).confirmed, expected)
    (plane,) = annotated_planes(viewer, labels, session.workspace.split)
    np.testing.assert_array_equal(plane.touched, expected)
    assert review.card.progress == f"{len(boxes)} of {len(boxes)} regions"


def test_what_is_predicted_later_is_asked_about_later(case, qtbot):
    viewer, source, _, dock, review = case
    dock.confirming.confirm()
    settle(dock, review, qtbot)
    assert not review.scoring.order.queue
    run(viewer, source, Region(0, 0, *SHAPE))
    settle(dock, review, qtbot)
    assert review.scoring.order.forecast.regions == 9
    assert len(review.scoring.order.queue) == 9


def test_a_region_with_a_notch_says_what_stays_out(qtbot, session):
    viewer = ViewerModel()
    source = viewer.add_image(truth() * 60.0, name="sem_12")
    run(viewer, source, Region(0, 0, 96, 50))
    labels = run(viewer, source, Region(0, 50, 48, 100))
    viewer.layers.selection.active = labels
    dock, review = make_dock(qtbot, viewer, session, ScriptedRunner())
    settle(dock, review, qtbot)
    review.accept()
    settle(dock, review, qtbot)
    assert review.current.box == (0, 0, 96, 100)
    # What a person paints is theirs, but says nothing about how good predictions are.
    labels.data_setitem((np.array([90, 91]), np.array([90, 90])), 1)
    review.accept()
    said = "Accepted 100 x 96 px. 25 % of it was never predicted and stays out."
    assert dock.view.status == f"{said} {REVIEWED}"
    assert review._state.done[0].truth == 1.0
    confirmed = Corrections.of(labels).confirmed
    assert np.count_nonzero(confirmed[48:96, 50:100]) == 2
    assert np.count_nonzero(confirmed) == 96 * 50 + 48 * 50 + 2
    assert dock.shutdown()


def test_confirming_the_view_asks_about_the_rest(case, qtbot, session):
    _, source, labels, dock, review = case
    dock.confirming.confirm()
    settle(dock, review, qtbot)
    corrections = Corrections.of(labels)
    assert corrections.share_confirmed() == pytest.approx(130 * 140 / labels.data.size)
    assert "79 % of it was never predicted and stays out." in dock.view.status
    assert not dock.view.rest.isHidden()
    assert dock.view.share == "21.1 % confirmed; 21 % of the image is labelled"
    # The share that validates lies in what was confirmed, not somewhere in the view.
    kept = session.workspace.split.validation(plane_key(image_of(source)), SHAPE)
    assert np.count_nonzero(kept) == 65 * 70
    assert kept[PART].sum() == kept.sum()
    dock.view.rest.click()
    settle(dock, review, qtbot)
    assert corrections.confirmed.all()
    assert dock.view.rest.isHidden()
    assert dock.view.share == "100.0 % confirmed"
    dock.confirming.take_back()
    assert corrections.labelled.mean() == pytest.approx(130 * 140 / labels.data.size)


def test_the_offer_ends_where_something_else_happens(case, qtbot):
    viewer, source, labels, dock, _ = case
    dock.confirming.confirm()
    run(viewer, source, Region(0, 0, *SHAPE))
    before = Corrections.of(labels).confirmed
    dock.view.rest.click()
    assert "Labels have come there meanwhile" in dock.view.hint
    np.testing.assert_array_equal(Corrections.of(labels).confirmed, before)
    dock.confirming.confirm()
    assert dock.view.rest.isHidden()
    assert Corrections.of(labels).confirmed.all()


def test_a_view_without_any_label_cannot_be_confirmed(case, monkeypatch):
    _, _, labels, dock, _ = case
    monkeypatch.setattr(dock.layers, "window", lambda: (slice(200, 280), slice(200, 280)))
    dock.confirming.confirm()
    assert dock.view.hint == NOTHING
    assert dock.view.rest.isHidden()
    assert Corrections.of(labels).share_confirmed() == 0


def test_the_hatching_covers_what_is_not_labelled(case, qtbot, monkeypatch):
    viewer, source, labels, dock, _ = case
    hatched = []

    class Sheet:
        def hatch(self, one):
            hatched.append(one)

        def mark(self, *_): ...

        def say(self, *_, **__): ...

        def end(self): ...

    dock.context.overlay = Sheet()
    dock.gaps.refresh()
    expected = np.ones(SHAPE, bool)
    expected[PART] = False
    np.testing.assert_array_equal(hatched[-1].mask, expected)
    assert hatched[-1].corners == ((-0.5, -0.5), (-0.5, WIDTH - 0.5), (HEIGHT - 0.5, -0.5))
    assert not dock.view.gaps.isHidden()
    labels.data_setitem((np.array([0]), np.array([0])), 1)
    qtbot.waitUntil(lambda: not hatched[-1].mask[0, 0], timeout=5000)
    labels.undo()
    qtbot.waitUntil(lambda: bool(hatched[-1].mask[0, 0]), timeout=5000)
    dock.view.gaps.setChecked(False)
    assert hatched[-1] is None
    dock.view.gaps.setChecked(True)
    labels.visible = False
    qtbot.waitUntil(lambda: hatched[-1] is None, timeout=5000)
    labels.visible = True
    run(viewer, source, Region(0, 0, *SHAPE))
    qtbot.waitUntil(lambda: dock.view.gaps.isHidden(), timeout=5000)
    labels.undo()
    labels.undo()
    qtbot.waitUntil(lambda: hatched[-1] is not None and hatched[-1].mask.all(), timeout=5000)


def test_an_empty_queue_after_the_undo_of_the_only_run(case, qtbot):
    _, _, labels, dock, review = case
    labels.undo()
    settle(dock, review, qtbot)
    dock.confirming.confirm()
    assert dock.view.hint == NOTHING
    assert review.scoring.order is None or not review.scoring.order.queue


def test_stale_candidates_put_no_region_into_the_queue(qtbot, session):
    viewer = ViewerModel()
    source = viewer.add_image(truth() * 60.0, name="sem_12")
    stream = Stream(viewer, source)
    stream.add(result(truth()))
    labels = stream.finish().labels
    labels.undo()
    run(viewer, source, Region(0, 0, 96, 100))
    viewer.layers.selection.active = labels
    dock, review = make_dock(qtbot, viewer, session, ScriptedRunner())
    settle(dock, review, qtbot)
    assert [one.box for one in review.scoring.order.queue] == [(0, 0, 96, 100)]
    assert dock.shutdown()


@pytest.mark.parametrize(
    ("share", "words"), [(0.06, "6 %"), (0.004, "Less than 1 %"), (0.997, "99 %"), (0.0, "0 %")]
)
def test_shares_are_never_rounded_to_nothing_or_all(share, words):
    assert labelled_share.labelled_text(share) == f"{words} of the image is labelled."
    assert labelled_share.labelled_text(1.0) == ""


def test_the_hatching_lies_where_the_image_lies(qtbot):
    from qtpy.QtWidgets import QWidget

    canvas = QWidget()
    canvas.resize(200, 100)
    qtbot.addWidget(canvas)
    viewer = ViewerModel()
    # Ten pixels of the canvas per unit of the world; the middle of the canvas is (5, 10).
    viewer.camera.zoom, viewer.camera.center = 10.0, (5.0, 10.0)
    sheet = Overlay(viewer, canvas)
    bare = canvas.grab().toImage()
    mask = np.zeros((2, 4), bool)
    mask[0, 1] = mask[1, 3] = True
    # Pixels of 2 by 4 units, from (3, 1) on.
    sheet.hatch(Hatched(mask, ((3.0, 1.0), (3.0, 17.0), (7.0, 1.0))))
    picture = canvas.grab().toImage()

    def inked(top, left, bottom, right):
        places = [(x, y) for y in range(top, bottom) for x in range(left, right)]
        return np.array([picture.pixel(*one) != bare.pixel(*one) for one in places])

    assert inked(31, 51, 49, 89).all()
    assert inked(51, 131, 69, 169).all()
    for outside in (
        (31, 11, 49, 49),
        (31, 91, 49, 169),
        (51, 11, 69, 129),
        (0, 0, 29, 200),
        (71, 0, 100, 200),
    ):
        assert not inked(*outside).any()
    sheet.hatch(None)
    picture = canvas.grab().toImage()
    assert not inked(0, 0, 100, 200).any()
    sheet.end()
