"""Strategies that learn from the image itself: its pixels decide what is prepared, nobody is asked for a size."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.strategies import registry
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.unlabelled.unlabelled_task import UnlabelledTask

NAMES = [one.name for one in registry.offered() if one.preparation and one.preparation.sees_images]


def choose(dock, name):
    dock.view.strategy.setCurrentIndex(dock.view.strategy.findData(name))


def test_there_are_some():
    assert NAMES == ["rendered", "cycled"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learned_from_is_the_image_that_is_chosen(dock, viewer, qtbot, name):
    choose(dock, name)
    part = dock.preparing[name]
    first, again = (part.maker(0, "cpu")() for _ in range(2))
    assert isinstance(first, UnlabelledTask)
    assert (first.folder, first.modality, first.names) == (again.folder, "SEM", ("sem_12",))
    assert first.folder.name.startswith(f"{name}-")
    assert (first.places[0].min(), first.places[0].max()) == (0, 1)
    viewer.layers["sem_12"].data = 1 - viewer.layers["sem_12"].data
    assert part.maker(0, "cpu")().folder != first.folder
    qtbot.waitUntil(lambda: part.settled, timeout=10000)


@pytest.mark.parametrize("name", [one.name for one in registry.offered() if one.size_by])
def test_nobody_is_asked_for_a_size_that_is_measured(dock, name):
    choose(dock, name)
    measured = name in ("otsu", *NAMES)
    row = dock.view.size_row
    assert row.line.startswith("measured in" if measured else "not needed")
    # What learns from drawn fields has a size that a drawn object tells.
    assert row.draw_button.isEnabled() == (name in NAMES)
    if name not in NAMES:
        assert f"Nothing has to be drawn: the size is {row.line}" in row.draw_button.toolTip()


def test_what_is_made_to_learn_from_is_shown_until_another_strategy_is_chosen(dock, qtbot):
    dock.view.show()
    choose(dock, "rendered")
    part = dock.preparing["rendered"]
    grey = np.zeros((20, 20), np.uint8)
    pair = SyntheticPair("rendered", grey, grey, grey)
    part.on_event(part.maker(0, "cpu")(), pair)
    assert dock.view.made.count == 3
    choose(dock, "otsu")
    assert dock.view.made.count == 0
    qtbot.waitUntil(lambda: part.settled, timeout=10000)
