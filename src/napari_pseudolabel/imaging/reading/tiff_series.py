"""Which image of a TIFF file, or of a set of OME-TIFF files, and whether all of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.read_request import Position
from napari_pseudolabel.imaging.reading.source import chosen_position, none_stands_out
from napari_pseudolabel.wording import some

_LISTED = 3
# Regions, mosaic tiles and events: images side by side, not a stack.
_SIDE_BY_SIDE = "RMVP"
# Series whose planes may be missing.
_WITH_GAPS = ("ome", "mmstack", "ndtiff")


def described_elsewhere(xml: str | None, path: Path) -> str | None:
    """OME-XML of the file that describes the set to which a file belongs; None where it describes itself.

    Raises
    ------
    InputError
        If that file is missing or does not describe it.
    """
    found = _root(xml).find("{*}BinaryOnly")
    if found is None:
        return None
    name = str(found.get("MetadataFile", ""))
    beside = path.with_name(Path(name).name) if name else path
    if beside == path or not beside.is_file():
        raise InputError(
            f"{path.name} is a part of a set that is described in {name or 'a file it does not name'}, which is "
            "missing; put it into the same folder."
        )
    if beside.name.lower().endswith(".ome"):
        return beside.read_text(encoding="utf-8")
    with tifffile.TiffFile(beside) as tif:
        return tif.ome_metadata


def under_its_own_name(xml: str | None, path: Path) -> str | None:
    """OME-XML of a renamed file that names nothing but its old self, changed so that it finds itself; else None."""
    root = _root(xml)
    named = {
        (element.get("FileName"), element.text)
        for element in root.iterfind(".//{*}TiffData/{*}UUID")
        if element.get("FileName")
    }
    if root.get("UUID") is not None or len(named) != 1:
        return None
    ((name, uuid),) = named
    if name == path.name or not uuid:
        return None
    root.set("UUID", uuid)
    return ElementTree.tostring(root, encoding="unicode")


def are_equal_pages(tif: tifffile.TiffFile) -> bool:
    """Whether a file consists of several pages of one kind, each of which tifffile described as an image of its own."""
    kinds = {(one.axes, one.shape, one.dtype, len(one)) for one in tif.series}
    return tif.is_shaped and len(tif.series) > 1 and len(kinds) == 1 and len(tif.series[0]) == 1


def chosen_series(
    tif: tifffile.TiffFile, path: Path, position: Position | None
) -> tuple[tifffile.TiffPageSeries, Position | None, tuple[str, ...]]:
    """Return the image at a position, what is still to be chosen in it, and a sentence if nobody chose among several.

    Raises
    ------
    InputError
        If there is none.
    """
    found = [one for one in tif.series if not _is_beside(one.keyframe)] or list(tif.series)
    if not found:
        raise InputError(f"{path} is a TIFF file without an image; choose another file.")
    described = len(_root(tif.ome_metadata).findall("{*}Image")) if tif.is_ome else 0
    incomplete = described > len(tif.series)
    if incomplete and position is not None and str(position).isdecimal():
        lost = ", ".join(_missing_files(tif.ome_metadata, path)[:_LISTED]) or "some of them"
        raise InputError(
            f"{path} describes {described} images, but {lost} cannot be found, so numbers of positions say nothing; "
            "complete the set, or give a name."
        )
    names = [series.name for series in found]
    if len(found) == 1 and not incomplete and position not in names:
        # Positions may still lie along an axis.
        return found[0], position, ()
    of_a_set = tif.is_ome and belongs_to_a_set(tif.ome_metadata)
    own = [one for one in found if of_a_set and path.name in _names_of_files(one)]
    if position is None and len(own) == 1:  # of the images of a set, that of this file
        told = f"It belongs to “{own[0].name}”, one of {len(found)} images of its set." if own[0].name else ""
        return own[0], None, (told,) if told else ()
    number, notes = chosen_position(
        path, names, position, ask=none_stands_out([_plane_px(one) for one in found])
    )
    return found[number], None, notes


def _plane_px(series: tifffile.TiffPageSeries) -> int:
    """Pixels of a plane: pages that differ from the others of their stack, and so are an image of their own, are as large."""
    return int(series.keyframe.imagelength * series.keyframe.imagewidth)


def _is_beside(page: tifffile.TiffPage) -> bool:
    """Whether a page is there for another one: a thumbnail, or a mask of what is transparent."""
    return bool(getattr(page, "is_reduced", False) or getattr(page, "is_mask", False))


def files_of(series: tifffile.TiffPageSeries, path: Path) -> tuple[Path, ...]:
    """Return the files that an image lies in, where these are several."""
    names = _names_of_files(series) if getattr(series, "is_multifile", False) else set()
    return tuple(path.with_name(name) for name in sorted(names)) if len(names) > 1 else ()


def _names_of_files(series: tifffile.TiffPageSeries) -> set[str]:
    return {page.parent.filename for page in series if page is not None}


def along_an_axis(
    data: ArrayLike, axes: str, path: Path, position: Position | None
) -> tuple[ArrayLike, str, tuple[str, ...]]:
    """Take one of several positions that lie along an axis of a stack."""
    letter = next((one for one in _SIDE_BY_SIDE if one in axes), None)
    if letter is None:
        if position not in (None, 0, "0"):
            raise InputError(f"{path} has a single position, so position {position} does not exist.")
        return data, axes, ()
    at = axes.index(letter)
    number, notes = chosen_position(path, [""] * data.shape[at], position, ask=True)
    return data[(slice(None),) * at + (number,)], axes.replace(letter, ""), notes


def ask_along(axes: str, shape: Sequence[int], path: Path) -> None:
    """Raise SeveralImages where several positions lie along an axis."""
    for letter, size in zip(axes, shape, strict=True):
        if letter in _SIDE_BY_SIDE:
            chosen_position(path, [""] * size, None, ask=True)


def number_in_xml(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> int:
    """Which image of the OME-XML a series is: tifffile leaves out those of which no plane is there."""
    number: int = tif.series.index(series)
    names = [element.get("Name") or "" for element in _root(tif.ome_metadata).findall("{*}Image")]
    if len(names) != len(tif.series) and series.name in names:
        return names.index(series.name)
    return number


def channel_names(tif: tifffile.TiffFile, number: int, count: int) -> tuple[str, ...]:
    """Names of the channels of an image of the OME-XML; none where it names none, or describes another number of them."""
    images = _root(tif.ome_metadata if tif.is_ome else None).findall("{*}Image")
    found = images[number].findall("{*}Pixels/{*}Channel") if number < len(images) else []
    names = tuple(one.get("Name") or "" for one in found)
    return names if len(names) == count and any(names) else ()


def whole_part(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path
) -> tuple[int | None, tuple[str, ...]]:
    """How much of an image there is, because what is missing would be read as zeros.

    Returns
    -------
    int or None, tuple of str
        Length of the first axis up to which it is complete, None for all of it, and sentences.

    Raises
    ------
    InputError
        If files or planes of it are missing.
    """
    missing = (
        [number for number, page in enumerate(series) if page is None] if series.kind in _WITH_GAPS else []
    )
    lost = _missing_files(tif.ome_metadata, path) if tif.is_ome else []
    names = some(lost, _LISTED)
    if lost and (missing or series.kind not in _WITH_GAPS):
        raise InputError(
            f"{path} belongs to a set of files of which {names} {'are' if len(lost) > 1 else 'is'} missing; put all of "
            "them into one folder, under the names that they were written with."
        )
    if series.kind not in _WITH_GAPS:
        unfit = ("Its OME description does not fit what it holds, so its axes are those of its pages.",)
        return None, (
            *(unfit if tif.is_ome else ()),
            *_fewer_than_imagej_says(tif, series),
            *_not_stored(series),
        )
    if not missing:
        told: tuple[str, ...] = (f"Its set of files lacks {names}, which hold other images.",) if lost else ()
        if getattr(series, "is_multifile", False):
            told += ("It was read together with the other files of its set, which are one image.",)
        return None, (*told, *_not_stored(series))
    # A microscope that was stopped describes more than it wrote.
    rounds, planes = series.shape[0], len(series)
    each = planes // rounds
    whole = missing[0] // each if each * rounds == planes else 0
    if not whole or missing != list(range(missing[0], planes)):
        raise InputError(
            f"{path} lacks {len(missing)} of the {planes} planes that it describes; copy or download it again."
        )
    return whole, (
        f"It lacks {len(missing)} of the {planes} planes that it describes; the first {whole} of {rounds} along its "
        f"axis {series.axes[0]} are complete and were read.",
    )


def _fewer_than_imagej_says(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    described = int((tif.imagej_metadata or {}).get("images", 1)) if tif.is_imagej else 1
    found = series.size // max(series.keyframe.size, 1)
    if found >= described or len(tif.series) > 1:
        return ()
    return (f"It describes {described} planes, of which it holds {found}; it may be cut short.",)


def _not_stored(series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    """Return a sentence if there are strips or tiles of length 0, which some programs leave out where nothing is."""
    if series.dataoffset is not None or not any(page and 0 in page.databytecounts for page in series):
        return ()
    return ("Parts of it are not stored and were read as zeros.",)


def _missing_files(xml: str | None, path: Path) -> list[str]:
    """Names of the files of a set that are not beside this one."""
    root = _root(xml)
    own = root.get("UUID")
    named = {
        element.get("FileName"): None
        for element in root.iterfind(".//{*}TiffData/{*}UUID")
        if own is None or element.text != own
    }
    return [one for one in named if one and not (path.parent / one).is_file()]


def belongs_to_a_set(xml: str | None) -> bool:
    """Whether OME-XML describes several files."""
    found = _root(xml).iterfind(".//{*}TiffData/{*}UUID")
    return len({name for element in found if (name := element.get("FileName"))}) > 1


def _root(xml: str | None) -> ElementTree.Element:
    return ElementTree.fromstring(xml or "<OME/>")
