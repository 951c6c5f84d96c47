"""PNG and JPEG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from napari_pseudolabel.imaging.reading.claims import check_decoded, check_png
from napari_pseudolabel.imaging.reading.source import Source
from napari_pseudolabel.imaging.reading.transparency import refuse_hidden_labels, unseen_words
from napari_pseudolabel.types import Array

_BITS_AT, _KIND_AT = 24, 25  # in the header of a PNG
_PNG_GREY, _PNG_PALETTE = 0, 3
_ORIENTATION = 274


def read_png(path: Path, *, labels: bool) -> Source:
    """Read a PNG; labels keep the indices of a palette."""
    content = path.read_bytes()
    check_png(content[:64], len(content), path)
    bits, kind = content[_BITS_AT], content[_KIND_AT]
    data: Array
    if labels and kind == _PNG_PALETTE:
        with Pillow.open(BytesIO(content)) as picture:
            return Source(np.asarray(picture), "YX", notes=_told(content))
    # Pillow cuts RGB of 16 bit down to 8.
    data = imagecodecs.png_decode(content)
    notes = _told(content)
    if data.ndim == 3 and data.shape[-1] in (2, 4):
        if labels:
            refuse_hidden_labels(data[..., :-1], data[..., -1], str(path))
        notes += unseen_words(data[..., -1])
        data = data[..., :-1]
    if data.ndim == 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if labels and kind == _PNG_GREY and bits < 8:
        data = data // (255 // (2**bits - 1))  # what the decoder spread over the range of eight bits
    if kind == _PNG_PALETTE and data.ndim == 3 and (data == data[..., :1]).all():
        data = data[..., 0]
    return Source(data, "YXS" if data.ndim == 3 else "YX", notes=notes)


def _told(content: bytes) -> tuple[str, ...]:
    """Say that a PNG asks viewers to turn it, which few do, and labels were probably drawn without; or to show more than one picture."""
    if b"eXIf" not in content and b"acTL" not in content:
        return ()
    with Pillow.open(BytesIO(content)) as picture:
        asked, frames = picture.getexif().get(_ORIENTATION, 1), getattr(picture, "n_frames", 1)
    notes = []
    if asked in range(2, 9):
        notes.append(
            f"It asks viewers to turn it (orientation {asked}); its pixels were used as they are stored."
        )
    if frames > 1:
        notes.append(f"It is an animation of {frames} pictures, of which the first was used.")
    return tuple(notes)


def read_jpeg(path: Path) -> Source:
    """Read a JPEG, turned as its EXIF orientation asks for."""
    notes: tuple[str, ...] = ()
    content = path.read_bytes()
    with Pillow.open(BytesIO(content)) as picture:
        check_decoded(picture.width * picture.height * 3, len(content), path)
        if picture.getexif().get(_ORIENTATION, 1) in range(2, 9):
            notes = (
                "It was turned as its EXIF orientation asks for; programs that ignore it show it otherwise.",
            )
        if (frames := getattr(picture, "n_frames", 1)) > 1:
            notes += (f"It holds {frames} pictures, of which the first was used.",)
        turned = ImageOps.exif_transpose(picture)
        data = np.asarray(turned if turned.mode == "L" else turned.convert("RGB"))
    return Source(data, "YXS" if data.ndim == 3 else "YX", notes=notes)
