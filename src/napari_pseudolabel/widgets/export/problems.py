"""What a person should know before labels leave napari."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import ExportContent, read_sidecar
from napari_pseudolabel.exporting.writing import check_replaceable
from napari_pseudolabel.formats import Format, formats, takes_stacks
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.widgets.export.export_jobs import LABELS_FOLDER

if TYPE_CHECKING:
    from napari_pseudolabel.slides.slide_export import SlideContent

# Counting the classes of more pixels would hold up the window.
_MOST_COUNTED = 50_000_000
_NO_MODELS = "These labels were not made here, so the provenance names no models."


def blocking(shape: tuple[int, ...] | None, format: Format, path: str, *, slide: bool) -> str | None:
    """Why the labels cannot be exported and what to do; None if they can.

    Parameters
    ----------
    shape
        Of the labels; None without any.
    slide
        Whether they are those of an image that is larger than the memory.
    """
    if shape is None:
        return "Open or make a Labels layer first; the Pseudo-label dock makes one."
    if not path:
        return "Choose a file to write to."
    if slide:
        if not format.streamed:
            others = " or ".join(one.title for one in formats() if one.streamed)
            return f"{format.title} is written in one piece, and this image is too large for that; choose {others}."
    elif not format.takes(shape):
        return f"{format.title} holds one plane, but these labels are a stack; choose {takes_stacks()}."
    try:
        check_replaceable(Path(path).expanduser(), format)
    except InputError as error:
        return str(error)
    folder = Path(path).expanduser().parent
    if not folder.is_dir() and not (folder.name == LABELS_FOLDER and folder.parent.is_dir()):
        return f"There is no folder {folder}; choose another one."
    return None


def worth_knowing(content: ExportContent | SlideContent, format: Format) -> list[str]:
    """Sentences about what may be missing; none of them keeps anybody from exporting."""
    found = _about_format(content.placement, format)
    if not isinstance(content, ExportContent):
        found.append(
            "All of the image is written, part by part, with what you decided in its regions. What no run has reached and "
            "nobody decided has a value of its own that the provenance names, and is never background."
        )
        return found if content.provenance.get("strategy") else [*found, _NO_MODELS]
    if content.labelled is not None and not content.labelled.all():
        part = _percent(float(np.mean(content.labelled)))
        rest = (
            f"The rest is written {format.rest}."
            if format.rest
            else "The rest is written as not labelled, with a value of its own (255 where no class has it) that the "
            "provenance names, and never as background."
            if format.marks
            else f"{format.title} cannot tell the rest from background; the provenance says how much it is."
        )
        found.append(f"Only {part} of the image is labelled. {rest}")
    share = content.provenance.get("share_corrected")
    if not content.provenance.get("strategy"):
        found.append(_NO_MODELS)
    elif not share:
        found.append("Nobody has corrected these labels: they are as the models made them.")
    else:
        found.append(f"A person corrected {_percent(share)} of the pixels.")
    found += [f"No pixel is labelled as {name}." for name in _absent(content)]
    return found


def _about_format(placement: Placement, format: Format) -> list[str]:
    found = []
    try:
        size = placement.pixel_size_um()
    except InputError:
        size = 0.0  # not square, but known
    if size is None:
        found.append(
            "The pixel size is unknown: say it in the Label dock, or set scale and units of the image layer."
        )
    elif not format.pixel_size:
        found.append(f"{format.title} cannot hold the pixel size; it is in the provenance file only.")
    if "classes" not in format.holds:
        found.append(
            f"{format.title} holds objects without their classes; those are in the provenance file only."
        )
    return found


def replaced(path: str, format: Format) -> str:
    """Say that a file is there already; empty if it is not."""
    there = bool(path) and Path(path).expanduser().exists()
    if there and format.collects:
        return f"{Path(path).name} is there: this image will be added, or replace itself in it."
    return f"{Path(path).name} exists and will be replaced." if there else ""


def about_file(written: Path) -> tuple[str, ...]:
    """Return what a format says of a file that it wrote."""
    return read_sidecar(written).export_notes


def not_all(written: Path) -> list[str]:
    """Say of a file that was written how much of it is labelled; nothing where that is all."""
    told = read_sidecar(written)
    if told.share_labelled is None or told.share_labelled == 1:
        return []
    return [f"Only {_percent(min(told.share_labelled, 0.999))} of the image is labelled."]


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def _absent(content: ExportContent) -> list[str]:
    labels = content.labels
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.size > _MOST_COUNTED:
        return []
    # Comparing takes a sixth of the time of np.bincount, which makes eight bytes of every pixel.
    return [one.name for one in content.classes if one.value and not (labels == one.value).any()]
