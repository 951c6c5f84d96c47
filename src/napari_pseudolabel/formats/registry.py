"""Which file formats there are, and which of them is meant."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.axondeepseg import AXONDEEPSEG
from napari_pseudolabel.formats.coco import COCO
from napari_pseudolabel.formats.format import Format
from napari_pseudolabel.formats.html_page import HTML_PAGE
from napari_pseudolabel.formats.imagej_rois import IMAGEJ_ROIS
from napari_pseudolabel.formats.nnunet_set import NNUNET
from napari_pseudolabel.formats.ome_tiff import OME_TIFF
from napari_pseudolabel.formats.ome_zarr import OME_ZARR
from napari_pseudolabel.formats.png import PNG
from napari_pseudolabel.formats.qupath_geojson import QUPATH_GEOJSON
from napari_pseudolabel.formats.training_crops import CELLPOSE, STARDIST

FORMATS: tuple[Format, ...] = (
    OME_TIFF,
    PNG,
    OME_ZARR,
    IMAGEJ_ROIS,
    QUPATH_GEOJSON,
    COCO,
    NNUNET,
    AXONDEEPSEG,
    CELLPOSE,
    STARDIST,
    HTML_PAGE,
)


def formats() -> tuple[Format, ...]:
    """All formats, the recommended one first."""
    return FORMATS


def format_named(name: str) -> Format:
    """Return the format of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    chosen = next((file_format for file_format in formats() if file_format.name == name), None)
    if chosen is None:
        raise InputError(f"There is no format {name!r}; choose {' or '.join(one.name for one in formats())}.")
    return chosen


def format_of(path: Path, wanted: str | Format | None = None) -> Format:
    """Return the format in which a file is to be written: the one that is wanted, or that its suffix says.

    Raises
    ------
    InputError
        If there is none, or the suffix is that of another one.
    """
    fitting = [file_format for file_format in formats() if file_format.named_by(path.name)]
    if wanted is None:
        if not fitting:
            raise InputError(f"{path.name} has no suffix we can write; end it with one of {all_suffixes()}.")
        return max(fitting, key=lambda file_format: len(suffix_of(path.name, file_format)))
    chosen = format_named(wanted) if isinstance(wanted, str) else wanted
    if fitting and not chosen.named_by(path.name):
        raise InputError(
            f"{path.name} is a name of {fitting[0].name}, but {chosen.name} was asked for; change one."
        )
    return chosen


def suffix_of(name: str, format: Format | None = None) -> str:
    """Return the longest end of a file name that is a suffix of the format, or of any; empty if there is none."""
    among = formats() if format is None else (format,)
    known = [suffix for one in among for suffix in one.suffixes if name.lower().endswith(suffix)]
    return name[len(name) - len(max(known, key=len)) :] if known else ""


def all_suffixes() -> str:
    """All of them in one line."""
    return ", ".join(suffix for file_format in formats() for suffix in file_format.suffixes)


def takes_stacks() -> str:
    """Title of the recommended format for stacks."""
    return next(file_format.title for file_format in formats() if file_format.stacks)
