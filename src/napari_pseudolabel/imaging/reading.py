"""Image files to images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging.files import stem
from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.imaging.source import Source

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"


def read(path: str | Path, *, level: int = 0, axes: str | None = None) -> Image:
    """Read a TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG, Zarr or OME-Zarr file.

    The content decides about the format, not the name. Zarr arrays and TIFF files of more than
    256 MB stay on disk until a plane is asked for.

    Parameters
    ----------
    path
        A file, or the folder of a Zarr array or group.
    level
        Level of a pyramid, 0 is the largest.
    axes
        Letters as in `Image`, to say what the axes are where the file does not; an array without
        named axes is taken for planes (``"ZYX"``), never for channels.

    Returns
    -------
    Image
        With its placement as far as the file knows it: OME-XML and OME-Zarr (all axes with units),
        ImageJ's resolution; otherwise pixels. Palettes become RGB, alpha of PNG is dropped.

    Raises
    ------
    InputError
        One sentence for a file that is missing, damaged, foreign or has no such level.
    """
    path = Path(path)
    try:
        return _source(path, level).image(path, stem(path), axes)
    except (PseudolabelError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like
        raise InputError(f"{path} cannot be read; it may be damaged or cut short ({error}).") from error


def _source(path: Path, level: int) -> Source:
    # tifffile and zarr take a quarter of a second to import, and each file needs one at most.
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    if path.is_dir():
        from napari_pseudolabel.imaging.reading_zarr import read_zarr

        return read_zarr(path, level)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_TIFF_STARTS):
        from napari_pseudolabel.imaging.reading_tiff import read_tiff

        return read_tiff(path, level)
    if start.startswith((_PNG_START, _JPEG_START)):
        if level != 0:
            raise InputError(f"{path} has a single level, so level {level} does not exist; use level 0.")
        return _png(path) if start.startswith(_PNG_START) else _jpeg(path)
    raise InputError(
        f"{path} is {'empty' if not start else 'not an image we can read'}; "
        "use TIFF, OME-TIFF, PNG, JPEG, Zarr or OME-Zarr."
    )


def _png(path: Path) -> Source:
    # Pillow cuts RGB of 16 bit down to 8.
    data = imagecodecs.png_decode(path.read_bytes())
    if data.ndim == 3 and data.shape[-1] in (2, 4):
        data = data[..., :-1]
    if data.ndim == 3 and data.shape[-1] == 1:
        data = data[..., 0]
    return Source(data, "YXS" if data.ndim == 3 else "YX")


def _jpeg(path: Path) -> Source:
    with Pillow.open(BytesIO(path.read_bytes())) as picture:
        data = np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
    return Source(data, "YXS" if data.ndim == 3 else "YX")
