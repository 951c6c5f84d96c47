"""Parts of a large image that whoever sees its file reads himself, instead of being sent the pixels."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import ElsewhereError, InputError
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.imaging.image import Channel, Image, Window
from napari_pseudolabel.imaging.plane_key import sum_of
from napari_pseudolabel.imaging.reading.image_files import read
from napari_pseudolabel.imaging.reading.read_request import ReadRequest

# Smaller images are in memory, or cost next to nothing to be sent.
_LARGE_BYTES = 2**28
_PROBED_PX = 256


@dataclass(frozen=True)
class StoredPart:
    """A part of a plane of an image, to be read where the same file is seen.

    Attributes
    ----------
    channels
        One gives (H, W), several (C, H, W).
    box
        First and last row, first and last column, half open.
    state
        Of the files in which it lies.
    """

    image: StoredImage
    plane: tuple[int, ...]
    channels: tuple[Channel | None, ...]
    box: tuple[int, int, int, int]
    state: str

    def read(self) -> NDArray[np.float32]:
        """Read it, as `Image.plane` does.

        Raises
        ------
        ElsewhereError
            If there is no such file here, or it is not the same, or it is being changed.
        InputError
            If it cannot be read.
        """
        with _as_seen_from_here():
            image = _opened(self.image)
            self._compare(image)
        pixels = _read(image, self.plane, self.channels, self.box)
        with _as_seen_from_here():
            self._compare(image)
        return pixels

    def _compare(self, image: Image) -> None:
        if _look(self.image.files, _pieces(image, self))[0] != self.state:
            raise ElsewhereError(self.image.changed)


@dataclass(frozen=True)
class StoredImage:
    """An image that can be read again from its file, here and wherever the same file is seen.

    Attributes
    ----------
    name
        As the person knows it.
    path, request
        How it is read; the path may be an address.
    axes, shape
        Of the data that are found there.
    files, state
        What must be as it was for that; pieces of Zarr are looked at where they are read.
    since_ns
        When it was found to be so: what was written into pieces later is something else.
    plane, box, probed
        A small part, as of `StoredPart`, and a sum over its pixels.
    """

    name: str
    path: str
    request: ReadRequest
    axes: str
    shape: tuple[int, ...]
    files: tuple[str, ...]
    state: str
    since_ns: int
    plane: tuple[int, ...]
    box: tuple[int, int, int, int]
    probed: int

    @classmethod
    def of(cls, image: Image) -> StoredImage | None:
        """Describe an image; None where pixels are few, in memory or computed, or no file gives the same ones."""
        size = math.prod(image.data.shape) * np.dtype(image.data.dtype).itemsize
        if isinstance(image.data, np.ndarray) or size < _LARGE_BYTES:
            return None
        since = time.time_ns()
        found = _source(image)
        if found is None:
            return None
        path, request, files = found
        try:
            state = _look(files)[0]
            since = _time_there(path) or since
        except InputError:  # a layer may know a password that nobody told us
            return None
        height, width = image.shape[-2:]
        y, x = height // 2, width // 2
        box = y, min(y + _PROBED_PX, height), x, min(x + _PROBED_PX, width)
        plane = next(iter(image.planes()))
        stored = cls(
            image.name,
            path,
            request,
            image.axes,
            tuple(image.data.shape),
            files,
            state,
            since,
            plane,
            box,
            sum_of(_read(image, plane, (None,), box)),
        )
        with suppress(ElsewhereError), _as_seen_from_here():
            _opened(stored)
            return stored
        return None

    def part(self, plane: tuple[int, ...], channels: Sequence[Channel | None], window: Window) -> StoredPart:
        """Describe a part of a plane, as it is on the disk at this moment; parameters as of `StoredPart` and `Image.plane`.

        Raises
        ------
        InputError
            If the image was changed since it was described.
        """
        (y0, y1), (x0, x1) = ((one.start, one.stop) for one in window)
        part = StoredPart(self, plane, tuple(channels), (y0, y1, x0, x1), "")
        try:
            image = _opened(self)
        except ElsewhereError as error:
            raise InputError(self.changed) from error
        state, newest = _look(self.files, _pieces(image, part))
        if newest > self.since_ns:
            raise InputError(self.changed)
        return replace(part, state=state)

    @property
    def changed(self) -> str:
        """What a person is told where it is not what it was."""
        where = "on the disk" if address_of(self.path) is None else "where it is stored"
        return f"{self.name} was changed {where} after the run had begun; leave it as it is, and start again."


def _source(image: Image) -> tuple[str, ReadRequest, tuple[str, ...]] | None:
    """Return the path, how it is read, and the files that say what is there; None where pixels come from no file."""
    from napari_pseudolabel.imaging.zarr_store import METADATA, place_behind

    place = place_behind(image.data)
    if place is not None:
        return place, ReadRequest(axes=image.axes), tuple(f"{place}/{name}" for name in METADATA)
    if image.path is None or image.request is None:
        return None
    path = os.path.abspath(image.path)
    return path, image.request, tuple(map(os.path.abspath, image.files)) or (path,)


def _opened(stored: StoredImage) -> Image:
    """Open an image, which is remembered, if its files are what they were.

    Raises
    ------
    ElsewhereError
        If they are not, or hold other pixels.
    """
    if _look(stored.files)[0] != stored.state:
        raise ElsewhereError(stored.changed)
    return _read_again(
        replace(stored, since_ns=0)
    )  # every run asks anew, and opening a large file takes a while


@lru_cache(maxsize=4)
def _read_again(stored: StoredImage) -> Image:
    asked = stored.request
    try:
        image = read(stored.path, level=asked.level, axes=asked.axes, position=asked.position)
        same = (image.axes, tuple(image.data.shape)) == (stored.axes, stored.shape)
        if same and sum_of(_read(image, stored.plane, (None,), stored.box)) == stored.probed:
            return image
    except InputError as error:
        raise ElsewhereError(str(error)) from error
    raise ElsewhereError(stored.changed)


def _read(
    image: Image,
    plane: tuple[int, ...],
    channels: Sequence[Channel | None],
    box: tuple[int, int, int, int],
) -> NDArray[np.float32]:
    window = slice(*box[:2]), slice(*box[2:])
    planes = [image.plane(plane, channel, window) for channel in channels]
    return planes[0] if len(planes) == 1 else np.stack(planes)


def _pieces(image: Image, part: StoredPart) -> Iterable[str]:
    """Files of Zarr in which a part lies; none for other files, of which the whole is looked at."""
    from napari_pseudolabel.imaging.zarr_store import pieces

    window = slice(*part.box[:2]), slice(*part.box[2:])
    for channel in part.channels:
        yield from pieces(image.data, image.selection(part.plane, channel, window))


@contextmanager
def _as_seen_from_here() -> Iterator[None]:
    """Say of what cannot be asked about here, such as a server that this machine does not reach, that it is elsewhere."""
    try:
        yield
    except InputError as error:
        raise ElsewhereError(str(error)) from error


def _time_there(path: str) -> int | None:
    """Return what time it is where an image is stored; None for the clock of this computer."""
    if (url := address_of(path)) is None:
        return None
    from napari_pseudolabel.imaging.remote_store import server_time_ns

    return server_time_ns(url)


def _look(*files: Iterable[str]) -> tuple[str, int]:
    """Return a digest of the names, sizes and times of files, there or not, and when the newest was changed (ns).

    Of what lies behind an address it is what the server says about it.
    """
    paths = [path for some in files for path in some]
    if paths and address_of(paths[0]) is not None:
        from napari_pseudolabel.imaging.remote_store import facts_of

        facts = facts_of(paths)
        told = repr([*zip(paths, facts, strict=True)])
        return hashlib.sha256(told.encode()).hexdigest(), max(one.changed_ns for one in facts)
    content, newest = hashlib.sha256(), 0
    now = time.time_ns()
    for path in paths:
        size = changed = -1
        with suppress(OSError):
            found = os.stat(path)
            size, changed = found.st_size, found.st_mtime_ns
            # Clocks of microscopes may be ahead by years, and copies keep their times; the disk knows when the copy was made.
            newest = max(newest, changed if changed <= now else min(changed, found.st_ctime_ns))
        content.update(f"{path}\0{size}\0{changed}\0".encode())
    return content.hexdigest(), newest
