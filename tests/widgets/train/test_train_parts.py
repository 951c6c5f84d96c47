"""Pieces of the Train dock by themselves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from train_fakes import CLASSES, score, tuned

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.widgets.common.picture_rows import grey
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.label_readiness import AnnotationCounts
from napari_pseudolabel.widgets.train.model_comparison import Compare, crop_of
from napari_pseudolabel.widgets.train.model_history_controller import HistoryRead, rows_of, start_of
from napari_pseudolabel.widgets.train.plots import Curves


def plane(height=80, width=120, image=None):
    validation = np.zeros((height, width), bool)
    validation[50:70, 90:110] = True
    return AnnotatedPlane(
        name="sem_12",
        key="k",
        image=np.random.default_rng(0).random((height, width)).astype(np.float32) if image is None else image,
        limits=IntensityRange(0.0, 1.0),
        pixel_size_um=0.1,
        labels=np.zeros((height, width), np.uint8),
        touched=np.ones((height, width), bool),
        confidence=None,
        validation=validation,
    )


def test_the_pictures_show_the_validation_pixels():
    region = crop_of(plane(), side=32)
    assert region.shape == (32, 32)
    assert region.y0 <= 50
    assert region.y1 >= 70
    assert region.x0 <= 90
    assert region.x1 >= 110
    assert crop_of(plane()).shape == (80, 120)


def test_both_models_are_asked_at_the_same_place(tiny_segmenter):
    known = plane()
    job = Compare(known, Record("segmentation", ()), str(tiny_segmenter), str(tiny_segmenter))
    found = job.run(Control(), LoadedModels())
    region = crop_of(known)
    assert found.image.shape == found.truth.shape == found.after.shape == region.shape
    np.testing.assert_array_equal(found.before, found.after)
    assert job.checkpoints == (str(tiny_segmenter), str(tiny_segmenter))


def test_without_a_model_before_there_is_no_picture_of_it(tiny_segmenter):
    found = Compare(plane(), Record("segmentation", ()), "", str(tiny_segmenter)).run(
        Control(), LoadedModels()
    )
    assert found.before is None


def test_labels_are_laid_over_the_picture():
    picture = grey(np.full((2, 3), 0.5, np.float32))
    labels = np.array([[0, 1, 2], [0, 0, 0]])
    laid = overlaid(picture, labels, CLASSES)
    np.testing.assert_array_equal(laid[1], picture[1])
    assert len({tuple(pixel) for pixel in laid[0]}) == 3


def test_curves_grow_and_are_forgotten(qtbot):
    curves = Curves("Loss", "how wrong")
    qtbot.addWidget(curves)
    assert curves.isHidden()
    curves.set_before({"dice": 0.4})
    for step in range(10, 60, 10):
        curves.add(step, {"dice": 1 / step, "cross_entropy": float("nan") if step == 20 else 0.5})
    curves.draw()
    assert curves.points("dice") == ([10, 20, 30, 40, 50], [1 / step for step in range(10, 60, 10)])
    assert "cross entropy 0.50" in curves.headline
    assert "dashed" in curves.headline
    curves.clear()
    assert curves.names == ()
    assert curves.isHidden()


def entry(number, parent, *, promoted=True, before=0.7, mean=0.8, days=0):
    return SimpleNamespace(
        id=f"{number:04d}",
        path=Path(f"/w/models/{number}.safetensors"),
        name=f"tem-axons, round {number}",
        parent=parent,
        date=datetime.now(UTC) - timedelta(days=days),
        score=score(0, mean),
        before=None if before is None else score(0, before),
        promoted=promoted,
        note="",
    )


def test_a_training_starts_from_the_descendant_in_use():
    first = entry(1, "sample:tem-axons")
    second = entry(2, str(first.path))
    read = HistoryRead((first, second), str(second.path))
    assert start_of(read, "sample:tem-axons") == str(second.path)
    assert start_of(read, str(first.path)) == str(second.path)
    assert start_of(read, "sample:nuclei") == "sample:nuclei"
    assert start_of(read, None) == str(second.path)
    back = HistoryRead((first, second), None)
    assert start_of(back, "sample:tem-axons") == "sample:tem-axons"
    assert start_of(back, None) == "sample:tem-axons"
    assert start_of(HistoryRead(), None) == ""


def test_models_are_listed_newest_first_with_the_one_in_use():
    first = entry(1, "sample:tem-axons", before=None, days=400)
    second = entry(2, str(first.path), promoted=False, before=0.8001, mean=0.8002)
    rows, current = rows_of(HistoryRead((first, second), str(first.path)), datetime.now(UTC))
    assert current == "0001"
    assert [row.id for row in rows] == ["0002", "0001", None]
    assert rows[0].title.startswith("0.8001→0.8002")
    assert not rows[0].promoted
    assert rows[1].title.startswith("0.80  ")
    assert rows[1].title.endswith("tem-axons, round 1")
    assert rows[2].title == "tem-axons, where it began"


@pytest.mark.parametrize(
    ("before", "best", "promoted", "said"),
    [
        (0.71, 0.78, True, "old 0.71, new 0.78 on 4 validation regions. The new model is used"),
        (0.78, 0.779, False, "old 0.780, new 0.779 on 4 validation regions. The old model stays"),
        (None, 0.6, True, "Dice on the validation pixels was measured."),
    ],
)
def test_old_against_new_number(before, best, promoted, said):
    assert said in train_sentences.outcome(tuned(before, best, promoted), regions=4)


def test_shares_are_said_as_people_do():
    assert train_sentences.percent(0.021) == "2.1 %"
    assert train_sentences.percent(0.5) == "50 %"
    assert train_sentences.percent(0.00001) == "less than 0.1 %"
    known = train_sentences.learns_from(AnnotationCounts(3, 0.021), "sem_12", "tem-axons", 2)
    assert "3 confirmed regions of sem_12, 2.1 % of its pixels" in known
    assert "2 folders are added" in known


def test_aside_keeps_the_order_and_tells_in_the_window(qtbot):
    aside = SerialExecutor()
    heard = []

    def fail():
        raise InputError("There is no room; make some.")

    for number in range(3):
        aside.run(lambda n=number: (n, threading.current_thread().name), heard.append)
    aside.run(fail, heard.append, heard.append)
    assert aside.busy
    qtbot.waitUntil(lambda: not aside.busy, timeout=2000)
    assert [n for n, _ in heard[:3]] == [0, 1, 2]
    assert heard[0][1] != threading.current_thread().name
    assert heard[3].sentence == "There is no room; make some."
    aside.shutdown()


def test_aside_finishes_what_it_began_and_drops_the_answers(qtbot):
    aside = SerialExecutor()
    done, heard = [], []
    for number in range(3):
        aside.run(lambda n=number: done.append(n), heard.append)
    aside.shutdown()
    aside.shutdown()
    qtbot.wait(20)
    assert done == [0, 1, 2]
    assert heard == []


@pytest.mark.parametrize(
    ("step", "best", "contrast", "said"),
    [
        (50, False, 0.1, "Step 50."),
        (1500, True, -0.2, "Step 1,500: the best so far."),
        (50, False, 0.9, "Step 50. Bright stays bright, is that right?"),
        (0, True, 0.0, "This is what the translators make that the training starts from."),
    ],
)
def test_a_preview_says_which_way_round_the_contrast_is(step, best, contrast, said):
    assert train_sentences.previewed(step, best, contrast) == said
