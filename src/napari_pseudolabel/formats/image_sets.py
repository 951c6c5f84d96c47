"""What folders of images with labels share, from which other programs learn: names, crops, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pseudolabel.formats.format import FileContent
    from napari_pseudolabel.labels.windows import Index, Window
    from napari_pseudolabel.types import Array


def known_pixels(content: FileContent, *, confirmed: bool, instead: str) -> NDArray[np.bool_] | None:
    """Return which pixels are taken for the truth, shape of the labels; None for all of them.

    Parameters
    ----------
    confirmed
        Whether that is only what a person confirmed; else all that is labelled, by whomever.
    instead
        What to ask for where nobody confirmed anything.

    Raises
    ------
    InputError
        If only what is confirmed is wanted, models made the labels, and nobody confirmed any.
    """
    if not confirmed:
        return content.labelled
    if content.confirmed is None and not content.provenance.get("strategy"):
        return content.labelled  # of a person, all of it
    if content.confirmed is None or not content.confirmed.any():
        raise InputError(
            "Nobody has confirmed anything of these labels, as far as is known here; confirm regions in the Correct dock and export "
            f"from there, or {instead}."
        )
    return content.confirmed


def case_name(text: str) -> str:
    """Turn a file name into the name of a case: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "image"


def case_of(content: FileContent) -> str:
    """Return the name of the image in a set, without suffix."""
    from napari_pseudolabel.imaging.reading.file_names import stem

    return case_name(stem(Path(content.source_file)))


def name_of_plane(content: FileContent, plane: Index, window: Window | None = None) -> str:
    """Return the name of a plane, or of a part of it, such as ``cells_z012_y0000_x0512``."""
    places = []
    if len(content.planes) > 1:
        letters = (content.placement.letters or "p" * (len(plane) + 2)).lower()
        places += [f"{letter}{place:03d}" for letter, place in zip(letters, plane, strict=False)]
    if window is not None:
        places += [f"y{window[0].start:04d}", f"x{window[1].start:04d}"]
    return "_".join([case_of(content), *places])


def new_file(folder: Path, *names: str) -> Path:
    """Return the path of a file to be written. What is there already also belongs to the set as it was before."""
    path = folder.joinpath(*names)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def write_tiff(path: Path, values: Array) -> None:
    """Write a plane (Y, X), or one with channels (Y, X, C)."""
    import numpy as np
    import tifffile

    colours = values.ndim == 3 and values.shape[-1] == 3 and values.dtype == np.uint8
    tifffile.imwrite(
        path,
        values,
        photometric="rgb" if colours else "minisblack",
        planarconfig="contig" if values.ndim == 3 else None,
        compression="zlib",
    )


def few_objects(counts: Sequence[tuple[str, int]], least: int) -> list[str]:
    """Say which images have so few objects that they teach little, or are left out."""
    few = [name for name, count in counts if count < least]
    if not few:
        return []
    return [
        f"{len(few)} of {len(counts)} images hold fewer than {least} objects, and programs may leave them out: confirm larger "
        "regions, or regions with more objects."
    ]
