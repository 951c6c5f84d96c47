"""A folder of Zarr whose files are looked at before zarr sees them, and which of its chunks are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import FsspecStore, LocalStore

from napari_pseudolabel.budget import BUDGET, check_regular, read_json
from napari_pseudolabel.errors import FileError
from napari_pseudolabel.imaging.addresses import address_in, is_read, protocols

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_LARGEST_CHUNK_FILE = 2**34
_NUMBERS = re.compile(r"(?:^|/)(?:c[/.])?(\d+(?:[/.]\d+)*)$")


class CheckedStore(LocalStore):
    """A `LocalStore` that refuses pipes and devices, and metadata beyond the budget."""

    async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        """Read a file of the folder, if it is one.

        Raises
        ------
        FileError
            If it is no regular file, or beyond the budget.
        """
        self._check(key)
        return await super().get(key, *arguments, **options)

    def get_sync(self, key: str, **options: Any) -> Any:
        """As `get`."""
        self._check(key)
        return super().get_sync(key, **options)

    def _check(self, key: str) -> None:
        path = Path(self.root) / key
        try:
            if path.is_dir():
                return
            if path.name in METADATA:
                read_json(path)
            else:
                check_regular(path, _LARGEST_CHUNK_FILE)
        except (FileNotFoundError, NotADirectoryError):
            return  # zarr knows what that means
        except FileError as error:
            raise FileError(f"{error} It is in {self.root.name}.") from None


def open_checked(path: Path) -> zarr.Array | zarr.Group:
    """Open a folder of Zarr for reading."""
    return zarr.open(CheckedStore(path, read_only=True), mode="r")


def stored_chunks(array: zarr.Array) -> list[tuple[int, ...]] | None:
    """Positions of the chunks (of a sharded array: shards) that are there, if most are not.

    Returns
    -------
    list or None
        In order. None if half of them or more are there, or nobody knows.
    """
    root = getattr(array.store, "root", None)
    if root is None or not array.ndim:
        return None
    folder = Path(root) / array.path
    sides = array.shards or array.chunks
    grid = tuple(-(-size // side) for size, side in zip(array.shape, sides, strict=True))
    most = min(prod(grid) // 2, BUDGET.items)
    found = []
    for name in islice(_names(folder), most + 1):
        numbers = _NUMBERS.search(name)
        place = tuple(int(word) for word in re.split(r"[/.]", numbers[1])) if numbers else ()
        if len(place) == len(grid) and all(one < size for one, size in zip(place, grid, strict=True)):
            found.append(place)
    return sorted(found) if len(found) < most else None


def pieces(array: object, key: Sequence[int | slice]) -> Iterator[str]:
    """Files, or addresses, in which a selection of an array of Zarr lies, whether they are there or not, in order; none for other arrays.

    Parameters
    ----------
    key
        Indices and slices without steps, one per axis.
    """
    place = place_behind(array)
    if place is None or not isinstance(array, zarr.Array):
        return
    spans = []
    for one, size, side in zip(key, array.shape, array.shards or array.chunks, strict=True):
        start, stop, _ = one.indices(size) if isinstance(one, slice) else (one, one + 1, 1)
        spans.append(range(start // side, -(-stop // side)))
    for number in product(*spans):
        yield f"{place}/{array.metadata.encode_chunk_key(number)}"


def place_behind(data: object) -> str | None:
    """Folder or address of the array of Zarr that data are, or that a dask array is made of and nothing else; None for all others."""
    if not isinstance(data, zarr.Array):
        layers = getattr(getattr(data, "dask", None), "layers", {})
        originals = [layer for name, layer in layers.items() if name.startswith("original-")]
        # One layer with what is read, and one that reads it.
        data = next(iter(originals[0].values())) if len(layers) == 2 and originals else None
    if not isinstance(data, zarr.Array):
        return None
    store = data.store
    if isinstance(store, LocalStore):
        return os.path.abspath(Path(store.root) / data.path)
    if not isinstance(store, FsspecStore):
        return None
    address = address_in(store)
    # What dask makes of a path.
    if protocols(store)[0] in ("file", "local"):
        return os.path.abspath(Path(store.path) / data.path)
    return f"{address}/{data.path}".rstrip("/") if is_read(address) else None


def _names(folder: Path) -> Iterator[str]:
    """Paths of all files in a folder and below it, relative to it, with slashes."""
    for parent, _, files in os.walk(folder):
        inside = os.path.relpath(parent, folder).replace(os.sep, "/")
        for name in files:
            yield name if inside == "." else f"{inside}/{name}"
