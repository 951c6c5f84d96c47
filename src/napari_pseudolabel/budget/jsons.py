"""JSON and XML of limited size, depth and number of values; JSON that is the header of a safetensors file."""

from __future__ import annotations

import json
import os
import re
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_pseudolabel.budget.files import in_words, open_regular, read_bytes
from napari_pseudolabel.budget.limits import BUDGET
from napari_pseudolabel.errors import FileError

_ENTITIES = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(?=[A-Za-z_:])[^<>]*?(/?)>")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    FileError
        If it is no regular file, no JSON, or beyond the BUDGET.
    OSError
        If it cannot be reached.
    """
    return parse_json(read_bytes(path, BUDGET.json_bytes), path.name)


def parse_json(text: str | bytes, name: str) -> object:
    """Parse a JSON text.

    Parameters
    ----------
    text
        The text, UTF-8 if bytes.
    name
        What it is called in the error.

    Raises
    ------
    FileError
        If it is no JSON, beyond the budget, or says two things under one name.
    """
    if len(text) > BUDGET.json_bytes:
        raise FileError(
            f"{name} holds {in_words(len(text))} of JSON; {in_words(BUDGET.json_bytes)} are read."
        )
    try:
        # Windows begins files with a mark
        content = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        # before anything is built: every value but the first follows one of these
        if sum(map(content.count, ",[{")) > BUDGET.items:
            raise FileError(f"{name} holds more than {BUDGET.items:,} values; it was not read.")
        value = json.loads(content, object_pairs_hook=lambda pairs: _object(pairs, name))
    except FileError:
        raise
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError:  # also: not UTF-8, and numbers of thousands of digits
        raise FileError(f"{name} is no valid JSON; correct or replace it.") from None
    level, depth = [value], 0
    while level := [child for item in level for child in _children(item)]:
        depth += 1
        if depth > BUDGET.depth:
            raise _too_deep(name)
    return value


def _object(pairs: list[tuple[str, object]], name: str) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):  # which of two values is meant, nobody knows
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise FileError(f"{name} holds {twice[:60]!r} twice in one place; remove one of them.")
    return found


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _too_deep(name: str) -> FileError:
    return FileError(f"{name} is nested more than {BUDGET.depth} levels deep; it was not read.")


def check_markup(text: str, name: str) -> None:
    """Refuse XML that is too large or too deep, or that defines entities.

    Raises
    ------
    FileError
        Saying which.
    """
    if len(text) > BUDGET.markup_bytes:
        raise FileError(
            f"{name} holds {in_words(len(text))} of XML; {in_words(BUDGET.markup_bytes)} are read."
        )
    if _ENTITIES.search(text):
        raise FileError(f"{name} holds XML that defines its own entities, which an image needs not; refused.")
    depth = 0
    for tag in _TAG.finditer(text):
        if tag[1]:
            depth -= 1
        elif not tag[2]:
            depth += 1
        if depth > BUDGET.depth:
            raise FileError(f"{name} holds XML that is nested more than {BUDGET.depth} levels deep; refused.")


def check_header(path: Path) -> Mapping[str, object]:
    """Check the header of a safetensors file before the library reads it; sizes are checked by the library.

    Returns
    -------
    Mapping
        The header.

    Raises
    ------
    FileError
        If it is no regular file, no safetensors file, or beyond the BUDGET.
    OSError
        If it cannot be reached.
    """
    with open_regular(path, BUDGET.file_bytes) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        (length,) = struct.unpack("<Q", start) if len(start) == 8 else (2**64,)
        if length > size - 8:
            raise FileError(
                f"{path.name} is incomplete or damaged, or no safetensors file; copy or download it again."
            )
        if length > BUDGET.json_bytes:
            raise FileError(
                f"{path.name} has a header of {in_words(length)}; {in_words(BUDGET.json_bytes)} are read."
            )
        header = parse_json(file.read(length), f"the header of {path.name}")
    if not isinstance(header, dict) or len(header) > BUDGET.entries:
        raise FileError(f"The header of {path.name} is no list of weights; copy or download it again.")
    return header
