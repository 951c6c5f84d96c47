"""What an image file says about its size, held against the file itself, before a decoder believes it."""

from __future__ import annotations

import math
import os
import re
import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from napari_pseudolabel.budget import BUDGET, check_markup, check_memory, in_words, open_regular, read_text
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike

_TYPE_BYTES = dict(
    zip((*range(1, 14), 16, 17, 18), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8), strict=True)
)
_WHOLE: dict[int, Any] = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_WIDTH, _HEIGHT, _BITS, _DESCRIPTION, _OFFSETS, _SAMPLES, _ROWS = 256, 257, 258, 270, 273, 277, 278
_HAMAMATSU = 65420
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _INNER, _DEPTH = 284, 322, 323, 324, 330, 32997
_OME_COUNT = re.compile(r"\b(SizeX|SizeY|SizeZ|SizeC|SizeT|PlaneCount|IFD|First[ZCT])\s*=\s*[\"'](\d+)[\"']")
_OME_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^<>]*)")
_OME_SIZE = re.compile(r"\b(Size[XYZCT])\s*=\s*[\"'](\d{1,12})[\"']")
_OME_FILE = re.compile(r"\b(?:FileName|MetadataFile)\s*=\s*[\"']([^\"'\0]{1,255})[\"']")
_IMAGEJ_COUNT = re.compile(r"^(images|slices|frames|channels)=(\d+)", re.MULTILINE)
_LONGEST_SIDE = 2**31
_FEW_TILES = 4096


def check_pixels(claimed: int, size: int, path: Path) -> None:
    """Refuse a file that cannot hold the pixels it claims.

    Raises
    ------
    InputError
        If `claimed` bytes of pixels are not to be had from `size` bytes of file by any usual compression.
    """
    if claimed > max(BUDGET.small_image_bytes, BUDGET.pixels_per_byte * size):
        raise InputError(
            f"{path.name} claims {in_words(claimed)} of pixels in {in_words(size)} of file; it is damaged or cut short."
        )


def check_png(start: bytes, size: int, path: Path) -> None:
    """Check the size in the header of a PNG file; `start` are its first 33 bytes or more."""
    if len(start) < 33 or start[12:16] != b"IHDR":
        raise InputError(f"{path.name} is cut short or damaged; copy or download it again.")
    width, height, bits, colours = struct.unpack(">IIBB", start[16:26])
    samples = {2: 3, 3: 1, 4: 2, 6: 4}.get(colours, 1)
    check_decoded(width * height * samples * max(1, bits // 8), size, path)


def check_decoded(claimed: int, size: int, path: Path) -> None:
    """Check the bytes that become of a file that is decoded as a whole, against the file and the memory."""
    check_pixels(claimed, size, path)
    check_memory(2 * claimed, path.name)


def check_lazy(data: ArrayLike, path: Path) -> None:
    """Check the size of an image whose pixels stay in the file.

    Raises
    ------
    InputError
        If it claims more planes, or a plane of more pieces, than anybody can go through.
    """
    if isinstance(data, np.ndarray):
        return
    planes = math.prod(data.shape[:-2])
    if planes > BUDGET.planes:
        raise InputError(
            f"{path.name} claims {planes:.3g} planes; up to {BUDGET.planes:,} can be handled. Choose a part of it."
        )
    chunks = getattr(data, "chunks", None)
    if not chunks or len(chunks) != len(data.shape) or not all(isinstance(side, int) for side in chunks):
        return
    sides = zip(data.shape[-3:], chunks[-3:], strict=True)
    pieces, pixels = math.prod(math.ceil(side / max(1, chunk)) for side, chunk in sides), math.prod(chunks)
    small = pieces > _FEW_TILES and pixels < 256
    if pieces > BUDGET.chunks or small:
        raise InputError(
            f"{path.name} is stored in {pieces:,} pieces of {pixels:,} pixels per plane, too many to go through; "
            "save it in larger pieces."
        )
    check_memory(pixels * np.dtype(data.dtype).itemsize, f"A single piece of {path.name}")


def check_tiff(path: Path) -> None:
    """Go through the pages of a TIFF file without decoding anything.

    Raises
    ------
    InputError
        If the list of pages has no end, a page claims more pixels or tiles than the file can hold, or its
        description claims planes by the million or is hostile XML.
    """
    with open_regular(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        _Tiff(content, path).check()


def check_set(xml: str | None, path: Path) -> None:
    """Check the other files of a set of OME-TIFF files, as far as they are there; raises as `check_tiff` does."""
    for name in sorted({Path(name).name for name in _OME_FILE.findall(xml or "")} - {path.name}):
        other = path.with_name(name)
        if not os.path.exists(other):
            continue
        with open_regular(other) as file:
            start = file.read(2)
        if start in (b"II", b"MM"):
            check_tiff(other)
        elif other.name.lower().endswith(".ome"):
            check_markup(read_text(other, BUDGET.markup_bytes), other.name)


class _Tiff:
    def __init__(self, content: mmap, path: Path) -> None:
        self.content, self.path, self.size = content, path, len(content)
        self.order = "<" if content[:2] == b"II" else ">"
        self.big = struct.unpack_from(f"{self.order}H", content, 2)[0] == 43
        self.pages = self.claimed = 0  # of all pages: how many, and bytes of pixels
        self.wide = False  # whether its offsets are of 8 bytes though it says 4, as Hamamatsu writes them

    def check(self) -> None:
        first = self._number(8, "Q") if self.big else self._number(4, "I")
        waiting = [(first, True)]
        inside_pages: set[int] = set()
        chain: set[int] = set()
        while waiting:
            offset, in_chain = waiting.pop()
            if not offset or offset + 8 > self.size:
                if offset and in_chain and self.pages and not self.wide:
                    raise InputError(
                        f"{self.path.name} is cut short: after {self.pages} page{'s'[: self.pages > 1]} its list of pages leads "
                        "behind its end; copy or download it again, or save it anew where nothing is missing."
                    )
                continue  # tifffile says that the first is cut off, or there is none
            known = chain if in_chain else inside_pages
            if in_chain and offset in known:
                raise InputError(
                    f"{self.path.name} has a list of pages that leads back to itself; it is damaged."
                )
            if offset in known:
                continue  # pages inside of a page are listed there, and often point to the next one as well
            known.add(offset)
            self.pages += 1
            if self.pages > BUDGET.planes:
                raise InputError(
                    f"{self.path.name} claims more than {BUDGET.planes:,} pages; it cannot be handled."
                )
            following, inside = self._page(offset)
            waiting += [(following, in_chain), *((one, False) for one in inside)]
        check_pixels(self.claimed, self.size, self.path)

    def _number(self, offset: int, kind: str) -> int:
        try:
            return int(struct.unpack_from(f"{self.order}{kind}", self.content, offset)[0])
        except struct.error:
            return 0

    def _page(self, offset: int) -> tuple[int, list[int]]:
        """Check a page; returns where the next one and those inside of it are."""
        count, at = (
            (self._number(offset, "Q"), offset + 8) if self.big else (self._number(offset, "H"), offset + 2)
        )
        step, inline = (20, 8) if self.big else (12, 4)
        if at + count * step > self.size:
            return 0, []
        tags: dict[int, tuple[int, int, int]] = {}
        for place in range(at, at + count * step, step):
            code, kind = struct.unpack_from(f"{self.order}HH", self.content, place)
            number = self._number(place + 4, "Q" if self.big else "I")
            where = place + step - inline
            if number * _TYPE_BYTES.get(kind, 1) > inline:
                where = self._number(where, "Q" if self.big else "I")
            if where + number * _TYPE_BYTES.get(kind, 1) <= self.size:
                tags.setdefault(code, (kind, number, where))
        self._pixels(tags)
        self.wide |= _HAMAMATSU in tags
        if self.pages == 1:
            self._description(tags)
        following = self._number(at + count * step, "Q" if self.big else "I")
        return following, self._values(tags, _INNER)

    def _values(self, tags: dict[int, tuple[int, int, int]], code: int) -> list[int]:
        kind, number, where = tags.get(code, (0, 0, 0))
        if kind not in _WHOLE:
            return []
        found = np.frombuffer(self.content, np.dtype(_WHOLE[kind]).newbyteorder(self.order), number, where)
        values = [int(value) for value in found]
        del found  # a view would keep the file mapped
        return values

    def _value(self, tags: dict[int, tuple[int, int, int]], code: int, default: int) -> int:
        kind, number, where = tags.get(code, (0, 0, 0))
        return self._values({code: (kind, 1, where)}, code)[0] if number and kind in _WHOLE else default

    def _pixels(self, tags: dict[int, tuple[int, int, int]]) -> None:
        width, height = self._value(tags, _WIDTH, 0), self._value(tags, _HEIGHT, 0)
        samples, bits = self._value(tags, _SAMPLES, 1), self._value(tags, _BITS, 1)
        depth = max(1, self._value(tags, _DEPTH, 1))
        if max(width, height, depth) > _LONGEST_SIDE:
            raise InputError(f"{self.path.name} claims {width} x {height} pixels; it is damaged.")
        self.claimed += math.ceil(width * height * depth * max(1, samples) * max(1, bits) / 8)
        tile = self._value(tags, _TILE_WIDTH, 0), self._value(tags, _TILE_HEIGHT, 0)
        if all(tile):
            pieces = math.ceil(width / tile[0]) * math.ceil(height / tile[1]) * depth
        else:
            pieces = math.ceil(height / max(1, min(self._value(tags, _ROWS, height), height) or 1)) * depth
        if self._value(tags, _PLANAR, 1) == 2:
            pieces *= max(1, samples)
        listed = tags.get(_TILE_OFFSETS, tags.get(_OFFSETS, (0, 0, 0)))[1]
        if pieces > _FEW_TILES and pieces > max(listed, 1) * max(1, depth):
            raise InputError(
                f"{self.path.name} claims {pieces:,} tiles or strips of pixels, but lists {listed:,}; it is damaged or cut short."
            )

    def _description(self, tags: dict[int, tuple[int, int, int]]) -> None:
        _, number, where = tags.get(_DESCRIPTION, (0, 0, 0))
        if not number:
            return
        if number > BUDGET.markup_bytes:
            raise InputError(f"{self.path.name} has a description of {in_words(number)}; it is damaged.")
        text = bytes(self.content[where : where + number]).decode("utf-8", "replace")
        head = text.lstrip()[:100]
        if head.startswith("<"):
            check_markup(text, self.path.name)
            self._sizes_in_ome(text, tags)
            counted = _OME_COUNT.findall(text)
        else:
            counted = _IMAGEJ_COUNT.findall(text) if head.startswith("ImageJ=") else []
        for name, digits in counted:
            most = _LONGEST_SIDE if name in ("SizeX", "SizeY") else BUDGET.planes
            if len(digits) > 12 or int(digits) > most:
                raise InputError(
                    f"{self.path.name} says {name}={digits[:20]} in its description, more than can be handled; "
                    "it is damaged."
                )

    def _sizes_in_ome(self, text: str, tags: dict[int, tuple[int, int, int]]) -> None:
        """Compare the images that OME-XML describes with the size of the page: a reader makes a list of all planes."""
        page = max(1, self._value(tags, _WIDTH, 1) * self._value(tags, _HEIGHT, 1))
        sizes = [dict(_OME_SIZE.findall(pixels)) for pixels in _OME_PIXELS.findall(text)]
        planes = sum(math.prod(float(one) for one in size.values()) / page for size in sizes)
        if planes > BUDGET.planes:
            raise InputError(
                f"{self.path.name} describes {planes:.3g} planes, more than can be handled; it is damaged."
            )
