"""Noise is a fixed, normal, position-keyed function."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.tiling import PositionNoise
from napari_pseudolabel.tiling.noise import philox

CPU = torch.device("cpu")
FULL = 0xFFFFFFFF
word = st.integers(0, FULL)


def words(*values):
    return tuple(torch.tensor([value]) for value in values)


@pytest.mark.parametrize(  # the known answers that come with Random123, the authors' library
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers(counter, key, expected):
    assert tuple(int(w) for w in philox(words(*counter), key)) == expected


def philox_of_python(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 1 << 32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % (1 << 32), (k1 + 0xBB67AE85) % (1 << 32)
    return c0, c1, c2, c3


@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_wrapping_products_equal_unbounded_ones(counter, key):
    assert tuple(int(w) for w in philox(words(*counter), key)) == philox_of_python(counter, key)


@given(
    st.integers(-300, 300),
    st.integers(-300, 300),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(-37, 37),
    st.integers(-37, 37),
)
def test_a_pixels_noise_does_not_depend_on_the_tile(y, x, height, width, dy, dx):
    noise = PositionNoise(3, 1, CPU)
    tiles = noise.normal(2, 0, torch.tensor([[y, x], [y + dy, x + dx]]), (height, width))
    assert tiles.shape == (2, 1, height, width)
    assert tiles.dtype == torch.float32
    plane = noise.normal(2, 0, torch.tensor([[y - 37, x - 37]]), (height + 74, width + 74))[0, 0]
    torch.testing.assert_close(tiles[0, 0], plane[37:, 37:][:height, :width], rtol=0, atol=0)
    torch.testing.assert_close(tiles[1, 0], plane[37 + dy :, 37 + dx :][:height, :width], rtol=0, atol=0)


def test_bands_of_a_large_plane_join_without_a_trace(monkeypatch):
    noise = PositionNoise(0, 0, CPU)
    origins = torch.tensor([[-5, 3], [7, -2]])
    whole = noise.normal(0, 0, origins, (50, 30))
    monkeypatch.setattr("napari_pseudolabel.tiling.noise._PIXELS_AT_ONCE", 500)
    torch.testing.assert_close(noise.normal(0, 0, origins, (50, 30)), whole, rtol=0, atol=0)


def plane_of(seed=0, sample=0, step=0, stream=0, size=400):
    origin = torch.tensor([[-size // 2, -size // 2]])
    return PositionNoise(seed, sample, CPU).normal(step, stream, origin, (size, size))[0, 0].numpy()


def test_the_noise_is_standard_normal():
    values = plane_of(size=800).ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / values.size)
    assert abs(stats.kurtosis(values)) < 5 * np.sqrt(24 / values.size)


def test_neighbouring_pixels_are_uncorrelated():
    plane = plane_of()
    for dy, dx in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (2, 0)]:
        a = plane[dy:, dx:]
        b = plane[: a.shape[0], : a.shape[1]]
        assert abs((a * b).mean()) < 5 / np.sqrt(a.size), (dy, dx)


@pytest.mark.parametrize("other", [{"seed": 1}, {"sample": 1}, {"step": 1}, {"stream": 1}])
def test_seed_sample_step_and_stream_give_independent_noise(other):
    a, b = plane_of(), plane_of(**other)
    assert abs((a * b).mean()) < 5 / np.sqrt(a.size)


def test_latents_are_fixed_per_step_and_differ_between_steps():
    noise = PositionNoise(5, 0, CPU)
    assert noise.latent(1, 99).shape == (99,)
    torch.testing.assert_close(noise.latent(1, 99), noise.latent(1, 100)[:99], rtol=0, atol=0)
    assert not torch.equal(noise.latent(1, 100), noise.latent(2, 100))
    assert stats.kstest(noise.latent(0, 4000).numpy(), "norm").pvalue > 1e-3


def test_the_noise_stays_the_same_from_version_to_version():
    """A saved seed must give the saved result; these numbers may never change."""
    noise = PositionNoise(42, 1, CPU).normal(3, 1, torch.tensor([[-1, -1]]), (2, 3))[0, 0]
    expected = [[0.2636052, 1.7018307, -0.2089015], [1.2088907, 1.1743, 0.051611]]
    torch.testing.assert_close(noise, torch.tensor(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(InputError, match="4294967295"):
        PositionNoise(seed, 0, CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_bits_of_the_cpu():
    origins = torch.tensor([[-7, 2], [100, 5]])
    cuda = PositionNoise(1, 2, torch.device("cuda", 0)).normal(1, 1, origins, (300, 333))
    torch.testing.assert_close(
        cuda.cpu(), PositionNoise(1, 2, CPU).normal(1, 1, origins, (300, 333)), rtol=0, atol=0
    )
