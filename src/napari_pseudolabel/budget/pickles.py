"""Go through a pickle step by step without building anything, and refuse what would cost too much.

An unpickler does what the file says: a few bytes can ask for memory of any size, for values that are shared so
often that nobody can look at all of them, or for texts that double with every step. This follows the stack and
the memo with the sizes of the values instead of the values.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from mmap import mmap

from napari_pseudolabel.budget.limits import BUDGET, Budget

_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
# Where an argument says itself how long it is: bytes of that length.
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_LONGEST_NUMBER = 1024  # bytes, or digits
_NUMBERS = ("LONG1", "LONG4")
_TEXTS = ("str", "bytes_or_str")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_CALLS = ("REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ", "BUILD")
_CHANGES = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")
_REFUSED = ("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER")


class Costly(ValueError):
    """Why a pickle is not read, as the end of a sentence that begins with "it"."""


class Broken(ValueError):
    """The bytes are no complete pickle."""


# What follows an opcode: a number, a text, or a module and a name.
_Argument = int | bytes | tuple[bytes, bytes] | None


class _Value:
    """What is known about a value: levels, values in it (shared ones each time), bytes of text, and the text."""

    __slots__ = ("depth", "size", "text", "word")

    def __init__(self, depth: int = 0, size: int = 1, text: int = 0, word: str | None = None) -> None:
        self.depth, self.size, self.text, self.word = depth, size, text, word

    def take(self, parts: list[_Value]) -> None:
        for part in parts:
            self.depth = max(self.depth, part.depth + 1)
            self.size += part.size
            self.text += part.text


@dataclass(frozen=True)
class Scan:
    """What a pickle would do.

    Attributes
    ----------
    end
        Position behind its last byte.
    names
        The classes and functions that it names, as (module, name).
    """

    end: int
    names: frozenset[tuple[str, str]]


def scan(data: bytes | mmap, start: int = 0, budget: Budget = BUDGET) -> Scan:
    """Go through the pickle that begins at `start`.

    Parameters
    ----------
    data
        Bytes, or a file mapped into memory; more may follow behind the pickle.
    start
        Position of its first byte.
    budget
        Its limits.

    Raises
    ------
    Costly
        If it is beyond the budget.
    Broken
        If it is no complete pickle.
    """
    return _Machine(memoryview(data).cast("B"), start, budget).run()


class _Machine:
    def __init__(self, data: memoryview, start: int, budget: Budget) -> None:
        self.data, self.at, self.budget = data, start, budget
        self.stop = min(len(data), start + budget.pickle_bytes)
        self.stack: list[_Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, _Value] = {}
        self.names: set[tuple[str, str]] = set()
        self.odd_keys = self.globals = 0
        self.handed = self.texts = 0

    def run(self) -> Scan:
        for _ in range(self.budget.pickle_steps):
            code = self.data[self.at] if self.at < self.stop else -1
            opcode = _OPCODES.get(code)
            if opcode is None:
                raise self._ended() if code < 0 else Broken
            self.at += 1
            argument = self._argument(opcode)
            if opcode.name == "STOP":
                self._pop()
                return Scan(self.at, frozenset(self.names))
            self._step(opcode, argument)
        raise Costly(f"takes more than {self.budget.pickle_steps:,} steps to read")

    def _ended(self) -> ValueError:
        whole = self.stop == len(self.data)
        return Broken() if whole else Costly("holds more settings than can be read")

    def _bytes(self, count: int) -> bytes:
        """Copy the next bytes."""
        if count < 0 or self.at + count > self.stop:
            raise self._ended()
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def _line(self) -> bytes:
        """Read up to the end of the line."""
        step = 256
        begin = self.at
        while self.at < self.stop:
            piece = bytes(self.data[self.at : min(self.at + step, self.stop)])
            found = piece.find(b"\n")
            if found >= 0:
                self.at += found + 1
                return bytes(self.data[begin : self.at - 1])
            self.at += len(piece)
            step *= 2
        raise self._ended()

    def _argument(self, opcode: pickletools.OpcodeInfo) -> _Argument:
        described = opcode.arg
        if described is None:
            return None
        if described.n >= 0:
            content = self._bytes(described.n)
            number = int.from_bytes(content, "little")
            if opcode.name == "FRAME" and self.at + number > self.stop:
                raise self._ended()
            return number
        if described.n == pickletools.UP_TO_NEWLINE:
            first = self._line()
            if described.name == "stringnl_noescape_pair":
                return first, self._line()
            if described.name.startswith(("decimal", "float")) and len(first) > _LONGEST_NUMBER:
                raise Costly("holds a number of thousands of digits")
            return first
        length = int.from_bytes(self._bytes(_LENGTH_BYTES[described.n]), "little")
        if opcode.name in _NUMBERS and length > _LONGEST_NUMBER:
            raise Costly("holds a number of thousands of digits")
        return self._bytes(length)

    def _pop(self) -> _Value:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Broken
        return self.stack.pop()

    def _pop_to_mark(self) -> list[_Value]:
        if not self.marks:
            raise Broken
        place = self.marks.pop()
        parts = self.stack[place:]
        del self.stack[place:]
        return parts

    def _step(self, opcode: pickletools.OpcodeInfo, argument: _Argument) -> None:
        name = opcode.name
        if name in _REFUSED:
            raise Costly("uses parts of the pickle format that no checkpoint needs")
        if name in ("PROTO", "FRAME"):
            return
        if name == "MARK":
            self.marks.append(len(self.stack))
        elif name in _PUTS:
            self._put(name, argument)
        elif name in _GETS:
            number = _integer(argument)
            if number not in self.memo:
                raise Broken
            self.stack.append(self.memo[number])
        elif name == "POP" and self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        elif name == "POP":
            self._pop()
        elif name == "POP_MARK":
            self._pop_to_mark()
        elif name == "DUP":
            value = self._pop()
            self.stack += [value, value]
        elif name in ("GLOBAL", "INST", "STACK_GLOBAL"):
            self._name(name, argument)
        elif name in _CHANGES:
            self._change(opcode)
        else:
            self._build(opcode, argument)

    def _put(self, name: str, argument: _Argument) -> None:
        number = len(self.memo) if name == "MEMOIZE" else _integer(argument)
        # An unpickler makes room for all numbers up to the highest; honest ones count from 0.
        if not 0 <= number <= self.budget.pickle_steps:
            raise Costly("numbers its values up to the billions")
        value = self._pop()
        self.stack.append(value)
        self.memo[number] = value

    def _name(self, name: str, argument: _Argument) -> None:
        if name == "STACK_GLOBAL":
            last, first = self._pop(), self._pop()
            if first.word is None or last.word is None:
                raise Broken
            found = first.word, last.word
        elif isinstance(argument, tuple):
            found = argument[0].decode("utf-8", "replace"), argument[1].decode("utf-8", "replace")
        else:
            raise Broken
        self.globals += 1
        if self.globals > self.budget.odd_keys or sum(map(len, found)) > _LONGEST_NUMBER:
            raise Costly("names too many classes")
        self.names.add(found)
        value = _Value()
        if name == "INST":
            value.take(self._pop_to_mark())
            self._call(value)
        self.stack.append(value)

    def _change(self, opcode: pickletools.OpcodeInfo) -> None:
        """Something is added to a value that exists."""
        if opcode.name in ("APPENDS", "SETITEMS", "ADDITEMS"):
            parts = self._pop_to_mark()
        else:
            parts = [self._pop() for _ in opcode.stack_before[1:]][::-1]
        value = self._pop()
        if opcode.name == "ADDITEMS":
            self._keys(parts)
        elif opcode.name in ("SETITEM", "SETITEMS"):
            self._keys(parts[::2])
        value.take(parts)
        if opcode.name == "BUILD":
            self._call(value)
        self._check(value)
        self.stack.append(value)

    def _build(self, opcode: pickletools.OpcodeInfo, argument: _Argument) -> None:
        """Push a constant, or a value made of those on the stack."""
        before = [one.name for one in opcode.stack_before]
        parts = self._pop_to_mark() if "mark" in before else [self._pop() for _ in before][::-1]
        if opcode.name == "FROZENSET":
            self._keys(parts)
        elif opcode.name == "DICT":
            self._keys(parts[::2])
        value = _Value()
        if isinstance(argument, bytes):
            value.text = len(argument)
            if opcode.stack_after[0].name in _TEXTS and len(argument) <= _LONGEST_NUMBER:
                value.word = argument.decode("utf-8", "replace")
        value.take(parts)
        if opcode.name in _CALLS:
            self._call(value)
        self._check(value)
        self.stack.append(value)

    def _keys(self, keys: list[_Value]) -> None:
        for key in keys:
            if key.size > self.budget.key_size:
                raise Costly("has entries whose names are no names")
            if key.word is None:
                self.odd_keys += 1
        if self.odd_keys > self.budget.odd_keys:
            raise Costly("has too many entries without a name")

    def _call(self, value: _Value) -> None:
        self.handed += value.size
        self.texts += value.text
        if self.handed > self.budget.built or self.texts > self.budget.built * 4:
            raise Costly("builds values out of each other without an end")

    def _check(self, value: _Value) -> None:
        if value.depth > self.budget.depth:
            raise Costly(f"is nested more than {self.budget.depth} levels deep")


def _integer(argument: _Argument) -> int:
    if isinstance(argument, int):
        return argument
    if not isinstance(argument, bytes):
        raise Broken
    try:
        return int(argument)
    except ValueError:
        raise Broken from None
