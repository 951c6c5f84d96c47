"""Memory of what was freed between things that live on goes back to the system, after every part."""

from __future__ import annotations

import sys

import numpy as np
import psutil
import pytest

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, label_plan
from napari_pseudolabel.tiling import TileSettings, give_back


@pytest.mark.skipif(sys.platform != "linux", reason="other allocators give memory back by themselves")
def test_gaps_are_given_back():
    resident = psutil.Process().memory_info
    many = [np.ones(12_000) for _ in range(800)]  # 77 MB, each too small for memory of its own
    few = many[::20]
    del many
    before = resident().rss
    give_back()
    assert before - resident().rss > 40e6
    assert len(few) == 40


def test_every_part_gives_back(tiny_segmenter, monkeypatch):
    calls = []
    monkeypatch.setattr(label_plan, "give_back", lambda: calls.append(1))
    image = from_array(np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32))
    settings = LabelSettings(scale=Scale(1.0), flips=0, tiles=TileSettings(device="cpu"))
    job = LabelJob(image, None, str(tiny_segmenter), settings=settings)
    job.run(Control(), LoadedModels())
    assert calls
