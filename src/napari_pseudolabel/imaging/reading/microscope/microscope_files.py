"""Which microscope wrote a file, what it holds, and what must be asked before one image of it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.read_request import ReadRequest
from napari_pseudolabel.imaging.reading.source import Source

IN_MEMORY_BYTES = 2**28
"""Up to this size an image is read at once; of larger ones the planes that are asked for."""
_AXES = "TZCYXS"


class _Reads(Protocol):
    def __call__(self, path: Path, request: ReadRequest) -> Source: ...


@dataclass(frozen=True)
class MicroscopeKind:
    """A kind of file.

    Attributes
    ----------
    title
        For sentences.
    starts
        Its first bytes.
    library
        Module that reads it; it comes with the extra ``bio``.
    module
        Of our reader, with a function ``read``.
    """

    title: str
    starts: tuple[bytes, ...]
    library: str
    module: str

    def read(self, path: Path, request: ReadRequest) -> Source:
        """Read one image.

        Raises
        ------
        InputError
            If the library is not installed, or it is not said which of several images is meant. Libraries raise other
            errors on damaged files.
        """
        try:
            import_module(self.library)
        except ImportError as error:
            raise InputError(
                f"To read {path.name} ({self.title}) another library is needed: "
                'pip install "napari-pseudolabel[bio]"; or save it as OME-TIFF.'
            ) from error
        if request.level != 0:
            raise InputError(f"{path} has level 0 only here, so level {request.level} does not exist.")
        reads: _Reads = import_module(self.module).read
        return reads(path, request)


KINDS = (
    MicroscopeKind(
        "CZI", (b"ZISRAWFILE",), "pylibCZIrw", "napari_pseudolabel.imaging.reading.microscope.czi_file"
    ),
    # The older ND2 is a JPEG 2000.
    MicroscopeKind(
        "ND2",
        (b"\xda\xce\xbe\n", b"\0\0\0\x0cjP  "),
        "nd2",
        "napari_pseudolabel.imaging.reading.microscope.nd2_file",
    ),
    MicroscopeKind(
        "LIF", (b"\x70\0\0\0",), "liffile", "napari_pseudolabel.imaging.reading.microscope.lif_file"
    ),
)


def microscope_kind(start: bytes) -> MicroscopeKind | None:
    """Return the kind of a file by its first 10 bytes or more; None for any other file."""
    return next((kind for kind in KINDS if start.startswith(kind.starts)), None)


def kept_axes(path: Path, sizes: Mapping[str, int]) -> str:
    """Return the axes with more than one element, with Y and X, in their order.

    Raises
    ------
    InputError
        If one of them is not an axis of an image here, such as views, phases, or tiles that were not merged.
    """
    odd = {letter: size for letter, size in sizes.items() if size > 1 and letter not in _AXES}
    if "M" in odd:
        raise InputError(
            f"{path.name} holds {odd['M']} tiles of a scan that were not merged; merge them, and save the result."
        )
    if odd:
        named = ", ".join(f"{letter} ({size})" for letter, size in odd.items())
        raise InputError(
            f"{path.name} has the axes {named} beside time, depth and channels; save one element of each as OME-TIFF."
        )
    return "".join(letter for letter, size in sizes.items() if size > 1 or letter in "YX")
