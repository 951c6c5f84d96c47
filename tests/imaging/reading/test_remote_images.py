"""Images behind an address: the same pixels as from a folder, and never black ones because a server is in trouble."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import fsspec
import numpy as np
import pytest
import zarr
from zarr.storage import FsspecStore
from zarr_server import serving

from napari_pseudolabel.errors import ElsewhereError, InputError
from napari_pseudolabel.imaging import from_array, read, remote_store
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.imaging.reading import stored_part
from napari_pseudolabel.imaging.reading.stored_part import StoredImage

WINDOW = slice(30, 101), slice(5, 97)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(remote_store, "_PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(stored_part, "_LARGE_BYTES", 0)


@pytest.fixture
def served(tmp_path):
    """A folder, its address, and what its server does wrong."""
    with serving(tmp_path) as (url, faults):
        yield tmp_path, url, faults


def values():
    return np.random.default_rng(0).integers(1, 60000, (100, 90)).astype(np.uint16)


def write(folder: Path, version=3, **more):
    """Write an OME-Zarr image of 0.5 µm and two levels."""
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    levels = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [0.5 * 2**n] * 2}]}
        for n in (0, 1)
    ]
    group = zarr.open_group(str(folder), mode="w", zarr_format=version)
    told = [{"axes": axes, "datasets": levels, "version": "0.4"}]
    group.attrs.update({"multiscales": told} if version == 2 else {"ome": {"multiscales": told}})
    for number in (0, 1):
        content = values()[:: number + 1, :: number + 1]
        array = group.create_array(str(number), shape=content.shape, chunks=(40, 40), dtype="u2", **more)
        array[:] = content
    return group


@pytest.mark.parametrize(
    "kind", [{"version": 2}, {"version": 3}, {"shards": (80, 80)}], ids=["0.4", "0.5", "sharded"]
)
def test_pixels_and_size_are_those_of_the_folder(kind, served):
    folder, url, faults = served
    write(folder / "a.ome.zarr", **kind)
    here, there = read(folder / "a.ome.zarr"), read(f"{url}/a.ome.zarr/")
    assert not any("/c/" in asked for asked in faults.asked)  # nothing but descriptions was read
    np.testing.assert_array_equal(there.plane(), values())
    assert (there.placement, there.axes, there.name) == (here.placement, here.axes, here.name)
    assert there.path == f"{url}/a.ome.zarr"
    # As it becomes in the shell, and of another level.
    assert read(Path(f"{url}/a.ome.zarr"), level=1).shape == (50, 45)


@pytest.mark.parametrize("fault", [500, 403, 429, "cut", "html"])
@pytest.mark.parametrize("piece", [r"zarr\.json$", "/0/c/1/1$"])
def test_trouble_is_no_missing_piece(fault, piece, served):
    folder, url, faults = served
    write(folder / "a.zarr")
    faults[piece] = fault
    with pytest.raises(InputError) as error:
        read(f"{url}/a.zarr").plane()
    words = {
        500: "has trouble (500 Internal Server Error); try again later",
        403: "refuses access (403 Forbidden); check",
        429: "has trouble (429 Too Many Requests); try again later",
        "cut": "broke off in the middle; try again later",
        "html": "a web page" if "json" in piece else "cannot be read; the file may be damaged",
    }
    assert words[fault] in str(error.value)
    asked = [one for one in faults.asked if one.endswith("/zarr.json" if "json" in piece else "/0/c/1/1")]
    assert len(asked) <= 2 * 3  # few times, and for a moment's trouble at all


@pytest.mark.parametrize("fault", [500, 503, "cut"])
def test_a_moment_of_trouble_passes(fault, served):
    folder, url, faults = served
    write(folder / "a.zarr")
    faults[r"zarr\.json$"], faults["/0/c/1/1$"] = [fault], [fault, fault]
    np.testing.assert_array_equal(read(f"{url}/a.zarr").plane(), values())


def test_what_is_missing_is_empty_only_while_the_store_is_there(served):
    folder, url, _ = served
    write(folder / "a.zarr")
    (folder / "a.zarr" / "0" / "c" / "1" / "1").unlink()
    image = read(f"{url}/a.zarr")
    expected = values()
    expected[40:80, 40:80] = 0
    np.testing.assert_array_equal(image.plane(), expected)
    (folder / "a.zarr").rename(folder / "b.zarr")
    with pytest.raises(InputError, match=r"a\.zarr is not there any more; nothing was taken for empty"):
        image.plane()


def test_a_store_that_hides_what_is_missing_is_read(served):
    folder, url, faults = served
    write(folder / "a.zarr", version=2)
    faults[r"zarr\.json$|\.zmetadata|/a.zarr/.zarray|/0/.zgroup"] = 403
    np.testing.assert_array_equal(read(f"{url}/a.zarr").plane(), values())


def test_a_server_that_sends_no_parts_is_refused_for_shards(served):
    folder, url, faults = served
    write(folder / "a.zarr", shards=(80, 80))
    faults.parts = False
    with pytest.raises(InputError, match="of which its server does not send parts; download the image"):
        read(f"{url}/a.zarr").plane()


def test_what_cannot_be_read_is_said_in_a_sentence(served, monkeypatch):
    folder, url, _ = served
    zarr.open_group(str(folder / "group.zarr"), mode="w").create_array("x", shape=(4, 4), dtype="u1")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for address, words in {
        f"{url}/none.zarr": "There is no Zarr array or group at http",
        f"{url}/a.tif": "Of addresses only Zarr is read, and http.*/a.tif is a file; download it",
        f"{url}/group.zarr": "cannot be listed; give the address of one array",
        f"{url}/a.zarr?key=1": "leave that part out",
        "http://127.0.0.1:9/a.zarr": "cannot be reached; check the address, and that this computer is online",
        "https://me:secret@host/a.zarr": "^The address of host holds a name or password; leave it out",
        "s3://bucket/a.zarr": "needs the package s3fs; install it: pip install s3fs$",
        "ftp://host/a.zarr": "begin with ftp:// are not read",
    }.items():
        with pytest.raises(InputError, match=words):
            read(address)


def test_series_that_nobody_lists_are_found_by_their_numbers(served):
    folder, url, _ = served
    root = zarr.open_group(str(folder / "a.zarr"), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for number in range(2):
        write(folder / "a.zarr" / str(number), version=2)
    with pytest.raises(InputError, match="holds 2 images"):
        read(f"{url}/a.zarr")
    assert read(f"{url}/a.zarr", position=1).shape == (100, 90)


def layer(kind, folder, url):
    write(folder / "a.zarr")
    if kind == "image":
        return read(f"{url}/a.zarr")
    if kind == "dask of an address":
        return from_array(da.from_zarr(f"{url}/a.zarr/0"), "YX")
    return from_array(zarr.open_array(FsspecStore.from_url(f"{url}/a.zarr"), path="0", mode="r"), "YX")


@pytest.mark.parametrize("kind", ["image", "dask of an address", "zarr of fsspec"])
def test_workers_read_their_parts_from_the_address(kind, served):
    folder, url, faults = served
    image = layer(kind, folder, url)
    part = pickle.loads(pickle.dumps(StoredImage.of(image).part((), (None,), WINDOW)))
    assert part.image.path == f"{url}/a.zarr/0"
    assert len(pickle.dumps(part)) < 3000
    faults.asked.clear()
    np.testing.assert_array_equal(part.read(), values()[WINDOW])
    assert not any("/c/2/" in asked and "GET" in asked for asked in faults.asked[-4:])


HOW = ("gone", "another piece", "described anew", "not to be reached", "a piece in trouble")


@pytest.mark.parametrize("how", HOW)
def test_what_was_changed_there_is_never_read(how, served, monkeypatch):
    folder, url, faults = served
    # Our clock, not that of the server.
    ahead = SimpleNamespace(time_ns=lambda: time.time_ns() + 3600 * 10**9)
    monkeypatch.setattr(stored_part, "time", ahead)
    image = layer("image", folder, url)
    stored = StoredImage.of(image)
    part = stored.part((), (None,), WINDOW)
    if how == "gone":
        shutil.rmtree(folder / "a.zarr")
    elif how == "another piece":
        piece = folder / "a.zarr" / "0" / "c" / "1" / "1"
        shutil.copy(piece.with_name("0"), piece)
        later = time.time() + 5
        os.utime(piece, (later, later))
    elif how == "described anew":
        text = (folder / "a.zarr" / "0" / "zarr.json").read_text()
        (folder / "a.zarr" / "0" / "zarr.json").write_text(text + "\n")
    else:
        faults["." if how == "not to be reached" else "/0/c/1/1$"] = 500
    with pytest.raises(ElsewhereError):
        part.read()
    words = "has trouble" if faults else "was changed where it is stored after the run"
    with pytest.raises(InputError, match=words):
        stored.part((), (None,), WINDOW)


def test_a_layer_whose_server_is_in_trouble_is_said_and_not_black(served):
    folder, url, faults = served
    image = layer("dask of an address", folder, url)
    faults["/0/c/1/1$"] = 503
    with pytest.raises(
        InputError, match=r"its server has trouble \(503 Service Unavailable\); try again later"
    ):
        image.plane()


def test_what_only_this_process_holds_is_sent():
    fsspec.filesystem("memory").store.clear()
    store = FsspecStore.from_url("memory://held/a.zarr")
    zarr.create_array(store, shape=(100, 90), chunks=(40, 40), dtype="u2")[:] = values()
    image = read("memory://held/a.zarr")
    part = StoredImage.of(image).part((), (None,), WINDOW)
    np.testing.assert_array_equal(part.read(), values()[WINDOW])
    fsspec.filesystem("memory").store.clear()  # as in any other process
    with pytest.raises(ElsewhereError):
        part.read()


def test_addresses_and_paths_are_told_apart():
    for text in ("https://host/a//b.zarr", "s3://bucket/a.zarr/", Path("HTTPS://host/a.zarr")):
        assert address_of(text) is not None
    assert address_of("s3://bucket/a.zarr/") == "s3://bucket/a.zarr"
    assert address_of(Path("https://host/a.zarr")) == "https://host/a.zarr"
    for text in ("a.zarr", "/a/b.zarr", "C:/a/b.zarr", r"C:\a\b.zarr", "a:b", Path("a") / "http:" / "b"):
        assert address_of(text) is None
