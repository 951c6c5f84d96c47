"""Image files to images, and label files to labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_pseudolabel.budget import check_memory, open_regular
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.imaging.reading.claims import check_lazy, check_tiff
from napari_pseudolabel.imaging.reading.file_names import TIFF_SUFFIXES, stem
from napari_pseudolabel.imaging.reading.label_values import as_labels
from napari_pseudolabel.imaging.reading.microscope.microscope_files import microscope_kind
from napari_pseudolabel.imaging.reading.read_request import Position, ReadRequest
from napari_pseudolabel.imaging.reading.source import Source

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_START = b"\x89PNG\r\n\x1a\n"
_START_BYTES = 16
_JPEG_START = b"\xff\xd8\xff"


def read(
    path: str | Path, *, level: int = 0, axes: str | None = None, position: Position | None = None
) -> Image:
    """Read a TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG, Zarr or OME-Zarr file as a picture; CZI, ND2 and LIF with the extra ``bio``.

    The content decides about the format, not the name. Zarr arrays and TIFF files of more than
    256 MB stay on disk until a plane is asked for. Files of label values are read by `read_labels`.

    Parameters
    ----------
    path
        A file, or the folder of a Zarr array or group; or the address of such a store, such as ``https://host/image.ome.zarr``
        or ``s3://bucket/image.zarr``, whose pieces are read when they are asked for.
    level
        Level of a pyramid, 0 is the largest.
    axes
        Letters as in `Image`, to say what the axes are; they go before what the file says and before
        every guess. Without them an array without named axes is taken for planes (``"ZYX"``), never
        for channels.
    position
        Number from 0, or name, of one of several images in a file, such as stage positions. None takes
        the first, and a note says so, where it is larger than all others (labels and overviews of a slide); else, and of the scenes of
        microscopes and the fields of plates, somebody has to choose.

    Returns
    -------
    Image
        With its placement as far as the file knows it: OME-XML and OME-Zarr (all axes with units),
        ImageJ's resolution; otherwise pixels. Values are those a viewer would show: white-is-zero is
        inverted, palettes become RGB or grey, CMYK and YCbCr become RGB, transparency is
        dropped. Samples that are no colours are channels. `Image.notes` says what had to
        be assumed.

    Raises
    ------
    InputError
        One sentence for a file that is missing, damaged, foreign or has no such level or position, and for a
        set of files that is not complete.
    """
    return _image(Path(path), ReadRequest(level, axes, position))


def read_labels(path: str | Path, *, axes: str | None = None, position: Position | None = None) -> Image:
    """Read a file of labels as the integers that are stored in it.

    Palettes keep their indices, nothing is inverted or scaled, 1 bit is 0 and 1. Grey RGB (all three colours the
    same) and floats that are whole numbers are taken as integers; channels and samples of length 1 are dropped.

    Parameters
    ----------
    path, axes, position
        As for `read`; letters of channels and samples may be left out of `axes` or not.

    Returns
    -------
    Image
        Its `data` is a numpy array of unsigned integers with one axis per letter, without C and S.

    Raises
    ------
    InputError
        As `read`, and for colours that differ, several channels, negative and broken numbers.
    """
    path = Path(path)
    image = _image(path, ReadRequest(axes=axes, position=position, labels=True))
    try:
        size = math.prod(image.data.shape) * np.dtype(image.data.dtype).itemsize
        check_memory(0 if isinstance(image.data, np.ndarray) else size, f"The whole of {image.name}")
        return as_labels(image)
    except (PseudolabelError, MemoryError):
        raise
    except Exception as error:  # decoders and stores raise whatever they like
        raise InputError(
            f"{address_of(path) or path} cannot be read; it may be damaged ({error})."
        ) from error


def ask_which(path: Path) -> None:
    """Raise SeveralImages where `read` would, of a TIFF file without reading its pixels; InputError as `read`."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        read(path)
        return
    from napari_pseudolabel.imaging.reading.reading_tiff import ask_tiff

    try:
        check_tiff(path)
        ask_tiff(path)
    except PseudolabelError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise InputError(f"{path} cannot be read; it may be damaged or cut short ({error}).") from error


@dataclass(frozen=True)
class ReadOptions:
    """How the files of a folder are read.

    Attributes
    ----------
    axes, position
        As for `read`.
    """

    axes: str | None = None
    position: Position | None = None

    def image(self, path: Path) -> Image:
        """Read a picture; see `read`."""
        return read(path, axes=self.axes, position=self.position)

    def labels(self, path: Path) -> Image:
        """Read the labels of such a picture; see `read_labels`.

        They have no channels, and may have a position for every one of the picture, or one.
        """
        letters = (self.axes or "").upper().replace("C", "").replace("S", "")
        # Axes of length 1 may be missing in labels.
        ways: list[tuple[str | None, Position | None]] = [(letters, None)] * (len(letters) > len("YX"))
        ways.append((None, None))
        ways = [*((axes, self.position) for axes, _ in ways if self.position is not None), *ways]
        failed: list[InputError] = []
        for axes, position in ways:
            try:
                return read_labels(path, axes=axes, position=position)
            except InputError as error:
                failed.append(error)
        raise failed[0] if self.position is None else failed[-1]


def _image(path: Path, request: ReadRequest) -> Image:
    try:
        source = _source(path, request)
        check_lazy(source.data, path)
        return source.image(path, stem(path), request)
    except PseudolabelError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} asks for more memory than there is; choose a part of it, or a coarser level."
        ) from error
    except Exception as error:  # decoders raise whatever they like
        where = address_of(path) or path
        raise InputError(f"{where} cannot be read; it may be damaged or cut short ({error}).") from error


def _source(path: Path, request: ReadRequest) -> Source:
    # tifffile and zarr take a quarter of a second to import, and each file needs one at most.
    if (url := address_of(path)) is not None:
        from napari_pseudolabel.imaging.reading.reading_zarr import read_remote

        return read_remote(url, request)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    if path.is_dir():
        from napari_pseudolabel.imaging.reading.reading_zarr import read_zarr

        return read_zarr(path, request)
    with open_regular(path) as file:
        start = file.read(_START_BYTES)
    if start.startswith(_TIFF_STARTS):
        from napari_pseudolabel.imaging.reading.reading_tiff import read_tiff

        check_tiff(path)
        return read_tiff(path, request)
    if start.startswith((_PNG_START, _JPEG_START)):
        from napari_pseudolabel.imaging.reading.reading_pictures import read_jpeg, read_png

        if request.level != 0:
            raise InputError(
                f"{path} has a single level, so level {request.level} does not exist; use level 0."
            )
        if request.position not in (None, 0, "0"):
            raise InputError(f"{path} has a single position, so position {request.position} does not exist.")
        if request.labels and start.startswith(_JPEG_START):
            raise InputError(f"{path} is a JPEG, which changes values; save labels as PNG or as TIFF.")
        source = read_png(path, labels=request.labels) if start.startswith(_PNG_START) else read_jpeg(path)
        if request.letters is None:
            return source
        colours = "S" if source.axes == "YXS" and len(request.letters) == len("YX") else ""
        return replace(source, axes=request.letters + colours)
    if (kind := microscope_kind(start)) is not None:
        return kind.read(path, request)
    if path.name.lower().endswith(".companion.ome"):
        raise InputError(f"{path} describes a set of images; give one of the TIFF files beside it.")
    raise InputError(
        f"{path} is {'empty' if not start else 'not an image we can read'}; "
        "use TIFF, OME-TIFF, PNG, JPEG, Zarr or OME-Zarr, or CZI, ND2 or LIF."
    )
