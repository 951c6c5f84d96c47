"""Rows out of a damaged SQLite file, page by page, without SQLite: nothing in the file is believed but sums.

See https://www.sqlite.org/fileformat2.html. What does not parse is passed over; every step is bounded by the size of
the file, whatever is written in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap

# What SQLite stores.
Value = str | int | float | bytes | None

_LEAF = 0x0D
_HEADER = 100
PAGE = 4096
"""Size of the pages of our files, in bytes."""
_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
# A sound file has each byte in one row; a crafted one could have a million rows share the same pages.
_SHARED = 8
_MISSES = 3


def rows_in(data: bytes | mmap) -> Iterator[list[Value]]:
    """Yield the values of everything in a file that looks like a row of a table, also of rows that were deleted since."""
    # Our files have pages of this size; what the file says of it may be what is damaged.
    budget = _SHARED * len(data) + PAGE
    for start in range(0, len(data), PAGE):
        first = start + (_HEADER if start == 0 else 0)
        if first >= len(data) or (data[first] ^ _LEAF).bit_count() > 1:
            continue
        page = data[start : start + PAGE]
        # The number of cells may be damaged: the list of them is followed as long as it makes sense.
        misses = 0
        for at in range(first - start + 8, len(page) - 1, 2):
            cell = int.from_bytes(page[at : at + 2], "big")
            if not at + 2 <= cell < PAGE:
                misses += 1
                if misses == _MISSES:
                    break
                continue
            payload = _payload(data, page, cell, budget)
            if payload is None:
                continue
            budget -= len(payload)
            row = _values(payload)
            if row is not None:
                yield row


def _payload(data: bytes | mmap, page: bytes, cell: int, budget: int) -> bytes | None:
    size, at = _varint(page, cell)
    _, at = _varint(page, at)
    if not 0 < size <= min(budget, len(data)):
        return None
    largest, smallest = PAGE - 35, (PAGE - 12) * 32 // 255 - 23
    local = size
    if size > largest:
        local = smallest + (size - smallest) % (PAGE - 4)
        local = local if local <= largest else smallest
    parts, left = [page[at : at + local]], size - local
    following = int.from_bytes(page[at + local : at + local + 4], "big") if left else 0
    while left > 0:
        start = (following - 1) * PAGE
        if following < 2 or start >= len(data):
            return None
        parts.append(data[start + 4 : start + 4 + min(left, PAGE - 4)])
        following = int.from_bytes(data[start : start + 4], "big")
        left -= PAGE - 4
    payload = b"".join(parts)
    return payload if len(payload) == size else None


def _values(payload: bytes) -> list[Value] | None:
    """Return the values of a record; None if it is none."""
    head, at = _varint(payload, 0)
    if not at <= head <= len(payload):
        return None
    values: list[Value] = []
    body = head
    while at < head:
        kind, at = _varint(payload, at)
        size = _INTS.get(kind, 8 if kind == 7 else 0) if kind < 12 else (kind - 12) // 2
        part = payload[body : body + size]
        body += size
        if kind in (10, 11) or body > len(payload):
            return None
        if kind in _INTS:
            values.append(int.from_bytes(part, "big", signed=True))
        elif kind == 7:
            values.append(struct.unpack(">d", part)[0])
        elif kind >= 12 and kind % 2 == 0:
            values.append(part)
        elif kind >= 13:
            try:
                values.append(part.decode())
            except UnicodeDecodeError:
                return None
        else:
            values.append({8: 0, 9: 1}.get(kind))
    return values if body == len(payload) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends; what is cut off counts as zeros."""
    value = 0
    for place in range(9):
        byte = data[at + place] if at + place < len(data) else 0
        if place == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    raise AssertionError("nine bytes at most")
