"""Blended tiles are the whole image, in any order and batch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.tiling import BlendWindow, make_grid, run_tiles, seam_ratio

CPU = torch.device("cpu")


def image_of(height, width, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, height, width), dtype=np.float32)


def run(image, function, tile, overlap, *, stride=1, batch=3, **more):
    grid = make_grid(*image.shape[1:], tile, overlap, stride)
    return run_tiles(image, function, grid, BlendWindow.of(grid), batch=batch, device=CPU, **more)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 24), st.integers(0, 12), st.integers(1, 5))
def test_the_identity_gives_the_image_back(height, width, tile, overlap, batch):
    image = image_of(height, width, 2)
    result = run(image, lambda tiles, origins: tiles, tile, min(overlap, tile - 1), batch=batch)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, image, atol=1e-5)


class LocalNetwork(nn.Module):
    """Convolutions, a strided one among them, whose answers depend on at most `reach` pixels around."""

    reach = 8

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(4, 4, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1),
            nn.Conv2d(2, 2, 3, padding=1),
        ).requires_grad_(False)

    def forward(self, x):
        return self.layers(x)


@given(st.integers(16, 45), st.integers(16, 45), st.sampled_from([24, 32, 40]))
@settings(max_examples=25, deadline=None)
def test_tiled_equals_untiled_where_tiles_know_all_that_a_pixel_depends_on(half_height, half_width, tile):
    network = LocalNetwork()
    image = image_of(2 * half_height, 2 * half_width)
    reach = network.reach
    grid = make_grid(*image.shape[1:], tile, 2 * reach, 2)
    # Count each tile only where the zero padding at its own border does not reach.
    inner = (torch.zeros(len(grid.rows.starts), tile), torch.zeros(len(grid.columns.starts), tile))
    for profiles, axis in zip(inner, (grid.rows, grid.columns), strict=True):
        ends = [*((a + tile + b) // 2 for a, b in zip(axis.starts, axis.starts[1:], strict=False))]
        bounds = [axis.first, *ends, axis.first + axis.padded]
        for k, start in enumerate(axis.starts):
            profiles[k, bounds[k] - start : bounds[k + 1] - start] = 1
    tiled = run_tiles(
        image, lambda tiles, origins: network(tiles), grid, BlendWindow(*inner), batch=4, device=CPU
    )
    # Untiled: one tile with wide padding; the phase of the stride must be that of the grid.
    pad_y, pad_x = (reach * 2 + (-axis.first) % 2 for axis in (grid.rows, grid.columns))
    padded = np.pad(image, ((0, 0), (pad_y, pad_y), (pad_x, pad_x)), mode="reflect")
    whole = network(torch.from_numpy(padded)[None])[0].numpy()
    whole = whole[:, pad_y : pad_y + image.shape[1], pad_x : pad_x + image.shape[2]]
    inside = np.s_[:, reach:-reach, reach:-reach]
    np.testing.assert_allclose(tiled[inside], whole[inside], atol=1e-5)


@given(st.permutations(range(15)), st.integers(1, 16))
def test_order_and_batch_do_not_matter(order, batch):
    network = LocalNetwork()
    image = image_of(60, 80)
    assert len(make_grid(60, 80, 24, 6, 2)) == 15

    def function(tiles, origins):
        return network(tiles) + origins[:, :1, None, None]

    expected = run(image, function, 24, 6, stride=2, batch=1)
    shuffled = run(image, function, 24, 6, stride=2, batch=batch, order=order)
    np.testing.assert_allclose(shuffled, expected, atol=1e-4, rtol=1e-5)


def test_origins_are_image_coordinates_of_the_tiles():
    image = np.arange(30 * 40, dtype=np.float32).reshape(1, 30, 40)
    seen = []

    def function(tiles, origins):
        for tile, (y, x) in zip(tiles, origins.tolist(), strict=True):
            top, left = max(-y, 0), max(-x, 0)
            assert tile[0, top, left] == image[0, y + top, x + left]
            seen.append((y, x))
        return tiles

    run(image, function, 16, 8)
    assert len(seen) == len(set(seen))
    assert min(y for y, _ in seen) < 0


def test_it_runs_in_inference_mode_and_accepts_tensors_and_integers():
    def function(tiles, origins):
        assert torch.is_inference_mode_enabled()
        assert tiles.dtype == torch.float32
        return tiles.half()

    image = np.arange(100, dtype=np.uint8).reshape(1, 10, 10)
    np.testing.assert_allclose(run(image, function, 8, 2), image, atol=1e-4)
    np.testing.assert_allclose(run(torch.from_numpy(image), function, 8, 2), image, atol=1e-4)


def test_cancelling_stops_within_one_batch():
    calls = []
    control = Control(cancelled=lambda: len(calls) >= 2)

    def function(tiles, origins):
        calls.append(len(tiles))
        return tiles

    grid = make_grid(64, 64, 16, 4)
    with pytest.raises(Cancelled):
        run_tiles(
            image_of(64, 64),
            function,
            grid,
            BlendWindow.of(grid),
            batch=2,
            device=CPU,
            control_stage=control.stage("Working", len(grid)),
        )
    assert calls == [2, 2]


def test_progress_never_goes_back_and_ends_at_the_total():
    reports = []
    grid = make_grid(50, 70, 16, 4)
    stage = Control(report=reports.append).stage("Working", len(grid))
    run_tiles(
        image_of(50, 70), lambda t, o: t, grid, BlendWindow.of(grid), batch=4, device=CPU, control_stage=stage
    )
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == reports[-1].total == len(grid)


def test_an_image_of_another_shape_is_refused():
    grid = make_grid(20, 20, 16, 4)
    with pytest.raises(InputError, match="shape"):
        run_tiles(image_of(20, 21), lambda t, o: t, grid, BlendWindow.of(grid), batch=1, device=CPU)


def test_the_seam_ratio_sees_pasted_tiles_and_forgives_blended_ones():
    """Tiles with different brightness, pasted without overlap, then blended."""
    image = image_of(256, 256) * 0.1

    def with_own_brightness(tiles, origins):
        return tiles + (origins.sum(1)[:, None, None, None] % 7) / 7

    pasted, blended = make_grid(256, 256, 64, 0), make_grid(256, 256, 64, 24)
    assert seam_ratio(run(image, with_own_brightness, 64, 0)[0], pasted) > 3
    assert seam_ratio(run(image, with_own_brightness, 64, 24)[0], blended) == pytest.approx(1, abs=0.1)


def test_the_seam_ratio_of_noise_is_one_and_of_a_single_tile_unknown():
    noise = np.random.default_rng(0).normal(size=(512, 512))
    assert seam_ratio(noise, make_grid(512, 512, 64, 16)) == pytest.approx(1, abs=0.02)
    assert np.isnan(seam_ratio(noise[:64, :64], make_grid(64, 64, 64, 16)))
