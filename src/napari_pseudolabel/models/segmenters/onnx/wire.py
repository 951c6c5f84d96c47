"""The encoding of the files (protobuf): fields with a number and a value, one message inside of the other.

Only what is asked for is looked at: weights are stepped over. Nothing is built that the bytes do not hold.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


class BrokenMessage(ValueError):
    """The bytes are no message, or hold more than is read; its text ends a sentence that begins with "it"."""


class MessageReader:
    """Reads messages, and counts the fields over all of them.

    Parameters
    ----------
    most
        Fields that are read.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def fields(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the number and the value of every field: an integer, or bytes of whatever they are.

        Raises
        ------
        BrokenMessage
            If a field does not end in the message, or there are too many.
        """
        at = 0
        while at < len(message):
            self._left -= 1
            if self._left < 0:
                raise BrokenMessage("has more parts than any network")
            key, at = _varint(message, at)
            kind = key & 7
            if kind == _VARINT:
                value, at = _varint(message, at)
                yield key >> 3, value
                continue
            if kind == _BYTES:
                size, at = _varint(message, at)
            elif kind in _FIXED:
                size = _FIXED[kind]
            else:
                raise BrokenMessage("is damaged")
            if size > len(message) - at:
                raise BrokenMessage("is incomplete or damaged")
            yield key >> 3, message[at : at + size]
            at += size

    def all_of(self, message: memoryview) -> dict[int, list[int | memoryview]]:
        """Return the values of a message by the number of their field."""
        found: dict[int, list[int | memoryview]] = {}
        for number, value in self.fields(message):
            found.setdefault(number, []).append(value)
        return found


def integers(values: list[int | memoryview]) -> list[int]:
    """Return the integers of a repeated field, which may be packed."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(number)
    return found


def text(values: list[int | memoryview] | None) -> str:
    """Return the last value of a field as text; empty if there is none."""
    last = values[-1] if values else b""
    return "" if isinstance(last, int) else bytes(last).decode("utf-8", "replace")


def messages(values: list[int | memoryview] | None) -> list[memoryview]:
    """Return the messages of a repeated field."""
    return [value for value in values or () if isinstance(value, memoryview)]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at
    raise BrokenMessage("is incomplete or damaged")
