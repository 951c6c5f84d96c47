"""What a window is shown of a large image is what is on the disk, however it was asked for and whatever came in between."""

from __future__ import annotations

import numpy as np
import pytest
from run_reports import run_report

from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides import shown as shown_module
from napari_pseudolabel.slides.shown import Shown
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.strategies import PseudoLabel, Region

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="cell", value=1))
SHAPE = (3, 1300, 1900)


@pytest.fixture
def store(tmp_path):
    placed = Placement.identity(3, "ZYX")
    made = SlideStore.create(
        tmp_path / "slide", SHAPE, placed, classes=CLASSES, kind="labels", identity={}, known={}
    )
    yield made
    made.close()


def window(random, shape):
    spans = [np.sort(random.choice(side + 1, 2, replace=False)).tolist() for side in shape]
    return tuple(slice(*span) for span in spans)


def test_any_window_is_what_is_on_the_disk(store, monkeypatch):
    monkeypatch.setattr(shown_module, "_MOST_BLOCKS", 6)
    levels = [Shown(store, number) for number in range(len(store.values.levels))]
    random = np.random.default_rng(0)
    for _ in range(60):
        plane, where = (int(random.integers(3)),), window(random, SHAPE[1:])
        size = tuple(one.stop - one.start for one in where)
        what = random.integers(3)
        if what == 0:
            region = Region(where[0].start, where[1].start, where[0].stop, where[1].stop)
            labels, sure = random.integers(0, 2, (1, *size)).astype(np.uint8), np.ones((1, *size), np.float32)
            part = PseudoLabel(
                labels, sure, None, None, CLASSES, region, (plane,), run_report(), made_of=(region, 0)
            )
            store.add(part)
        elif what == 1:
            flags = random.integers(0, 2, size).astype(np.uint8)
            store.correct(plane, where, np.ones(size, np.uint8), flags)
        number = int(random.integers(len(levels)))
        key = (*plane, *window(random, levels[number].shape[1:]))
        np.testing.assert_array_equal(levels[number][key], store.shown_at(number, key))


def test_a_window_that_was_read_is_not_read_again(store, monkeypatch):
    level, asked, real = Shown(store, 0), [], store.shown_at

    def shown_at(*where):
        asked.append(where)
        return real(*where)

    monkeypatch.setattr(store, "shown_at", shown_at)
    level[0, 100:700, 50:600]
    level[0, 120:900, 0:1000]
    assert len(asked) == 1
    level[0, 100:200, 1000:1100]
    assert asked[-1] == (0, (0, slice(0, 512), slice(1024, 1536)))


def test_what_is_given_away_can_be_changed_and_odd_questions_are_answered(store):
    level = Shown(store, 0)
    first = level[1, 0:10, 0:10]
    first[...] = 1
    assert (level[1, 0:10, 0:10] == store.rest).all()
    assert level[1, 3, 4] == store.rest
    assert level[1, 1:5, ::2].shape == (4, 950)
    assert level[..., 0:2].shape == (3, 1300, 2)
    assert level[1, 10:10, 0:3].shape == (0, 3)
    assert level[1, -10:, :-1890].shape == (10, 10)
