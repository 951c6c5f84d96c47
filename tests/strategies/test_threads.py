"""A worker takes more or fewer threads while it works; nobody can tell from the labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import SEGMENTERS, TRANSLATORS

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import TileSettings


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_threads_change_no_label(tmp_path, threads):
    y, x = np.mgrid[:40, :52]
    noise = np.random.default_rng(0).normal(0, 15, y.shape)
    image = from_array(
        np.clip(120 + 90 * np.sin(x / 9) * np.cos(y / 7) + noise, 1, 255).astype(np.uint8), "YX"
    )
    settings = LabelSettings(flips=1, scale=Scale(factor=1.0), tiles=TileSettings(device="cpu"))
    job = LabelJob(
        image,
        str(TRANSLATORS["syndiff"](tmp_path)),
        str(SEGMENTERS["monai-unet"](tmp_path)),
        settings=settings,
    )
    turn = iter(range(10**6))
    found = []
    for counts in ((1,), (1, 2)):

        def between_batches(counts=counts):
            threads(counts[next(turn) % len(counts)])
            return False

        found.append(job.run(Control(cancelled=between_batches), LoadedModels()))
    one, *others = found
    assert len(np.unique(one.labels)) > 1
    for other in others:
        np.testing.assert_allclose(other.confidence, one.confidence, atol=1e-4)
        # Where two classes are equal up to rounding either may be chosen.
        assert (other.labels != one.labels).mean() <= 1e-3
