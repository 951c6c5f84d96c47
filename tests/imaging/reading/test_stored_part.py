"""Parts of large images that are read where they are needed: the same pixels, and never others in silence."""

from __future__ import annotations

import os
import pickle
import shutil
import time

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_pseudolabel.errors import ElsewhereError, InputError
from napari_pseudolabel.imaging import from_array, read
from napari_pseudolabel.imaging.reading import reading_tiff, stored_part
from napari_pseudolabel.imaging.reading.stored_part import StoredImage

WINDOW = slice(30, 101), slice(5, 97)


@pytest.fixture(autouse=True)
def every_image_is_large(monkeypatch):
    monkeypatch.setattr(stored_part, "_LARGE_BYTES", 0)
    monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)


def values(*shape):
    return np.random.default_rng(0).integers(0, 60000, shape).astype(np.uint16)


def write_zarr(path, *shape, **options):
    array = zarr.create_array(
        str(path), shape=shape, dtype="u2", chunks=(1,) * (len(shape) - 2) + (40, 40), **options
    )
    array[:] = values(*shape)
    return array


def lazily(kind, folder):
    path = folder / "image"
    if kind == "tiff":
        tifffile.imwrite(path, values(150, 130), tile=(64, 64), photometric="minisblack")
        return read(path)
    if kind == "white is zero":
        tifffile.imwrite(path, values(150, 130), tile=(64, 64), photometric="miniswhite")
        return read(path)
    if kind == "channels":
        return from_array(write_zarr(path, 3, 150, 130), "CYX")
    if kind == "dask of a sharded array":
        return from_array(da.from_zarr(write_zarr(path, 150, 130, shards=(80, 80))), "YX")
    write_zarr(path, 150, 130, zarr_format=2)
    return from_array(da.from_zarr(str(path)), "YX") if kind == "dask of a path" else read(path)


KINDS = ("tiff", "white is zero", "channels", "dask of a sharded array", "dask of a path", "zarr")


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_that_would_be_sent(kind, tmp_path, monkeypatch):
    image = lazily(kind, tmp_path)
    channels = (2, "mean") if kind == "channels" else (None,)
    part = pickle.loads(pickle.dumps(StoredImage.of(image).part((), channels, WINDOW)))
    assert len(pickle.dumps(part)) < 3000
    monkeypatch.chdir("/")
    sent = [image.plane((), channel, WINDOW) for channel in channels]
    np.testing.assert_array_equal(part.read(), sent[0] if len(sent) == 1 else np.stack(sent))


@pytest.mark.parametrize("kind", ["tiff", "zarr", "dask of a path"])
@pytest.mark.parametrize("how", ["gone", "written again"])
def test_what_was_changed_is_never_read(kind, how, tmp_path):
    image = lazily(kind, tmp_path)
    stored = StoredImage.of(image)
    part = stored.part((), (None,), WINDOW)
    path = tmp_path / "image"
    if how == "gone":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif kind == "tiff":
        tifffile.imwrite(path, 1 + values(150, 130), tile=(64, 64), photometric="minisblack")
    else:
        zarr.open_array(str(path), mode="r+")[40:41, 40:41] = 7
        piece = path / "1.1"
        later = max(piece.stat().st_mtime_ns, stored.since_ns) + 1  # clocks of disks tick slowly
        os.utime(piece, ns=(later, later))
    with pytest.raises(ElsewhereError):
        part.read()
    with pytest.raises(InputError, match="was changed on the disk after the run had begun; leave it"):
        stored.part((), (None,), WINDOW)


@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_a_clock_that_is_ahead_is_no_change(kind, tmp_path):
    image = lazily(kind, tmp_path)
    path = tmp_path / "image"
    later = time.time_ns() + 10**18
    for file in path.iterdir() if path.is_dir() else [path]:
        os.utime(file, ns=(later, later))
    StoredImage.of(image).part((), (None,), WINDOW).read()


def test_another_file_of_the_same_name_is_not_taken_for_it(tmp_path):
    (tmp_path / "here").mkdir()
    part = StoredImage.of(lazily("tiff", tmp_path / "here")).part((), (None,), WINDOW)
    path = tmp_path / "here" / "image"
    was = path.stat()
    tifffile.imwrite(path, values(150, 130)[::-1], tile=(64, 64), photometric="minisblack")
    os.utime(path, ns=(was.st_mtime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    stored_part._read_again.cache_clear()  # another machine has not opened it yet
    with pytest.raises(ElsewhereError):
        part.read()


def test_what_no_file_holds_is_sent(tmp_path):
    array = da.from_zarr(write_zarr(tmp_path / "image", 150, 130))
    for data in (values(150, 130), array + 1, array[10:], da.from_array(values(150, 130))):
        assert StoredImage.of(from_array(data, "YX")) is None
