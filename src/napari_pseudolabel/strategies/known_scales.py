"""Scales that were looked for before, in the user's cache: the same image with the same models is not looked at twice."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import read, written
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale
from napari_pseudolabel.workspace import write_bytes

# What decides about a search besides what it is given: what another version of these has found is not believed.
_RULES = ("scale_choice.py", "scale_looks.py", "scale_search.py")
_MOST_FILES = 1000
# Of the latest search that has not ended, in this process.
_begun: dict[str, dict[float, TriedScale]] = {}


def folder() -> Path:
    """Where they are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("napari-pseudolabel")) / "scales"


def key_of(*content: object) -> str:
    """Return a name that follows from everything that decides about a search: arrays, and values by what they print."""
    digest = blake2b(_rules(), digest_size=20)
    for one in content:
        if isinstance(one, np.ndarray):
            digest.update(repr((one.shape, one.dtype.str)).encode())
            digest.update(np.ascontiguousarray(one).data)
        else:
            digest.update(repr(one).encode())
    return digest.hexdigest()


@cache
def _rules() -> bytes:
    return b"".join(Path(__file__).with_name(name).read_bytes() for name in _RULES)


def begun(key: str) -> dict[float, TriedScale]:
    """Return where a search notes what it has seen, by magnification: one that was stopped does not look there again."""
    seen = _begun.get(key, {})
    _begun.clear()
    _begun[key] = seen
    return seen


def ended(key: str) -> None:
    """Forget what a search has seen: it knows the answer."""
    _begun.pop(key, None)


def recall(key: str) -> FoundScale | None:
    """Return what was found before; None where nothing was, or it cannot be read."""
    with suppress(OSError, ValueError, InputError):
        found: FoundScale = read(FoundScale, json.loads((folder() / f"{key}.json").read_bytes()))
        return found
    return None


def keep(key: str, found: FoundScale) -> None:
    """Remember it, where there is room; the oldest are forgotten."""
    # A full disk or a folder that belongs to somebody else costs a search, not the labels.
    with suppress(OSError, InputError):
        folder().mkdir(parents=True, exist_ok=True)
        write_bytes(folder() / f"{key}.json", json.dumps(written(found)).encode())
        kept = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in kept[: max(0, len(kept) - _MOST_FILES)]:
            path.unlink()
