"""Statistics of layers that are too large to be read: bounded, the same every time, with an error that holds."""

from __future__ import annotations

import re

import numpy as np
import pytest
import zarr
from scipy import ndimage

from napari_pseudolabel.imaging import Need, from_array, measure, normalisation, statistics


@pytest.fixture
def small(monkeypatch):
    """What counts as large is small."""
    monkeypatch.setattr(normalisation, "_SAMPLES", 2**14)
    monkeypatch.setattr(statistics, "_EXACT", 2**17)
    monkeypatch.setattr(statistics, "_BAND", 2**13)


class Counting:
    """An array of which one sees how much was read, in pieces of 64 x 64."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.chunks, self.pieces = (64, 64), []

    def __getitem__(self, key):
        spans = [range(*part.indices(size)) for part, size in zip(key, self.shape, strict=True)]
        self.pieces += [
            (y, x)
            for y in range(spans[0][0] // 64, spans[0][-1] // 64 + 1)
            for x in range(spans[1][0] // 64, spans[1][-1] // 64 + 1)
        ]
        return self.values[key]


def uneven(seed, side=768):
    """Tissue on one side, glass on the other, and structure of many sizes."""
    random = np.random.default_rng(seed)
    coarse = ndimage.zoom(random.random((4, 4)), side / 4, order=1)[:side, :side]
    return (200 * coarse + 30 * random.random((side, side))).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_the_stated_errors_hold(small, seed):
    values = uneven(seed)
    image = from_array(Counting(values), "YX", name="slide")
    found = measure(image, (None,), Need(low=5, high=95, moments=True))
    ranks, mean = found.notes
    points = float(re.search(r"within ([\d.]+) percentage points", ranks)[1])
    channel = found.channels[0]
    below = 100 * np.array([(values < channel.limits.low).mean(), (values < channel.limits.high).mean()])
    # Two standard errors; one in twenty may lie beyond them, none far.
    assert abs(below - [5, 95]).max() <= 1.5 * points + 0.1
    share = float(re.search(r"within ([\d.]+)% of the deviation", mean)[1]) / 100
    assert abs(channel.moments.mean - values.mean()) <= 1.5 * share * channel.moments.std
    assert points < 10
    assert share < 0.5


def test_no_more_is_read_than_is_used(small):
    data = Counting(uneven(0, 2048))
    measure(from_array(data, "YX"), (None,), Need("none", moments=True))
    assert len(data.pieces) == len(set(data.pieces)), "no piece is decoded twice"
    assert len(data.pieces) * 64 * 64 <= 2**17


def test_a_sample_is_the_same_every_time_and_in_memory_what_fits_is_exact(small, tmp_path):
    values = uneven(3)
    array = zarr.create_array(str(tmp_path / "a.zarr"), shape=values.shape, dtype="f4", chunks=(64, 64))
    array[:] = values
    need = Need(moments=True)
    one, other = (measure(from_array(array, "YX"), (None,), need) for _ in range(2))
    assert one == other
    part = values[:120, :120]
    exact = measure(from_array(part, "YX"), (None,), need)
    assert exact.channels[0].moments.mean == pytest.approx(part.mean(), rel=1e-6)
    assert exact.notes == ()
