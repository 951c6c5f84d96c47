"""By what the content of files is known, without reading all of large ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

_WHOLE_BYTES = 2**24
_BLOCK_BYTES = 2**16
_BLOCKS = 64
_MOST_FILES = 256


def content_of(paths: Iterable[Path], within: Path | None = None) -> str:
    """Return a digest of names, sizes, times and content of files: copies keep sizes and times, whatever they hold.

    What another program writes is always noticed, by the time. What keeps size and time is noticed where it is looked at: a file of up to
    16 MB is read whole, of a larger one 64 blocks from its beginning to its end. Of more than 256 files so many are looked into, evenly
    spread.

    Parameters
    ----------
    within
        The folder from which names are told; by default each is told without its folder.
    """
    found = sorted(paths)
    digest = sha256()
    for path in found:
        state = path.stat()
        name = path.name if within is None else path.relative_to(within).as_posix()
        digest.update(repr((name, state.st_size, state.st_mtime_ns)).encode())
    for path in _spread(found, _MOST_FILES):
        for block in _blocks(path):
            digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE_BYTES:
            yield file.read()
            return
        for number in range(_BLOCKS):
            file.seek((size - _BLOCK_BYTES) * number // (_BLOCKS - 1))
            yield file.read(_BLOCK_BYTES)


def _spread(paths: Sequence[Path], most: int) -> Sequence[Path]:
    if len(paths) <= most:
        return paths
    return [paths[number * (len(paths) - 1) // (most - 1)] for number in range(most)]
