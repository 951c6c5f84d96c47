"""Image files that claim more than they hold get a sentence, at once, wherever they arrive."""

from __future__ import annotations

import contextlib
from pathlib import Path

import hostile_images
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array, intensity_range, read, read_labels
from napari_pseudolabel.imaging.blank_layer import extremes, nothing_in

pytestmark = pytest.mark.timeout(60)


def look(path: Path) -> None:
    """Read a file, and everything that is looked at before a model sees it."""
    image = read(path)
    nothing_in(image)
    intensity_range(image)
    image.plane((0,) * (len(image.shape) - 2))


@pytest.mark.parametrize("make", hostile_images.REFUSED, ids=lambda one: one.__name__)
def test_hostile_files_are_refused(tmp_path, make):
    path = make(tmp_path / "cells.tif")
    with pytest.raises(InputError, match="cells") as caught:
        look(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        read_labels(path)


@pytest.mark.parametrize("make", hostile_images.ANSWERED, ids=lambda one: one.__name__)
def test_odd_files_get_an_answer(tmp_path, make):
    path = make(tmp_path / "cells.tif")
    for open_it in (look, read_labels):
        with contextlib.suppress(InputError):
            open_it(path)


def test_a_sparse_array_is_read_without_a_walk_through_what_is_missing(tmp_path):
    path = tmp_path / "sparse.zarr"
    array = zarr.create_array(
        path, shape=(400_000, 400_000), chunks=(1024, 1024), dtype="uint8", fill_value=3
    )
    array[2048:3072, 1024:2048] = np.tile(np.arange(1024, dtype=np.uint8), (1024, 1))
    image = read(path)
    assert nothing_in(image) is None
    assert extremes(image).high == 255
    limits = intensity_range(image)
    assert (limits.low, limits.high) != (0, 0)
    assert image.plane(window=(slice(2048, 2052), slice(1024, 1026))).tolist() == [[0, 1]] * 4


def test_a_sparse_array_without_anything_in_it(tmp_path):
    path = tmp_path / "sparse.zarr"
    zarr.create_array(path, shape=(400_000, 400_000), chunks=(1024, 1024), dtype="uint8", fill_value=3)
    said = nothing_in(read(path))
    assert said is not None
    assert "the value 3 everywhere" in said


def test_many_planes_are_sampled_without_a_list_of_them():
    image = from_array(np.broadcast_to(np.arange(4, dtype=np.uint8), (300_000, 4, 4)), "ZYX")
    limits = intensity_range(image)
    assert (limits.low, limits.high) == (0, 3)


def test_a_plane_that_no_memory_holds_is_not_read(tmp_path):
    path = tmp_path / "large.zarr"
    zarr.create_array(path, shape=(4_000_000, 4_000_000), chunks=(8192, 8192), dtype="uint8")
    with pytest.raises(InputError, match=r"takes .* TB of memory"):
        read(path).plane()
    with pytest.raises(InputError, match=r"takes .* TB of memory"):
        read_labels(path)


def test_honest_files_of_any_compression_are_read(tmp_path):
    blank = np.zeros((3000, 3000), np.uint8)
    for compression in ("zlib", "lzw", "zstd", None):
        for tile in ((256, 256), None):
            path = tmp_path / f"{compression}{tile is None}.tif"
            tifffile.imwrite(path, blank, compression=compression, tile=tile)
            assert read_labels(path).shape == (3000, 3000)
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(300):
            writer.write(np.zeros((4, 4), np.uint8), contiguous=False)
    assert read(path).shape[-2:] == (4, 4)


@pytest.mark.parametrize("written", ["one by one", "at once"])
@pytest.mark.parametrize("big", [False, True])
def test_a_stack_that_was_cut_is_no_shorter_stack(tmp_path, written, big):
    """Its list of pages leads behind the end, where other programs stop without a word."""
    stack, path = np.ones((5, 32, 33), np.uint8), tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=big) as tif:
        for part in stack if written == "one by one" else [stack]:
            tif.write(part, metadata=None, photometric="minisblack", contiguous=False)
    assert read(path).shape == stack.shape
    path.write_bytes(path.read_bytes()[:-2100])
    with pytest.raises(InputError, match="cut short"):
        read(path)


def test_hidden_colours_are_said(tmp_path):
    """Of a picture that is transparent somewhere, viewers show nothing there."""
    for alpha, told in ((255, False), (0, True)):
        pixels = np.full((4, 5, 4), 9, np.uint8)
        pixels[..., 3] = 255
        pixels[0, :, 3] = alpha
        Pillow.fromarray(pixels).save(tmp_path / "a.png")
        assert any("transparent on 25.0%" in note for note in read(tmp_path / "a.png").notes) == told
