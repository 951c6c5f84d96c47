"""What the list of images says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.wording import duration, sentence, some

if TYPE_CHECKING:
    from napari_pseudolabel.collection.image_gain import ImageGain
    from napari_pseudolabel.collection.image_list import ImageStanding, ListedImage
    from napari_pseudolabel.collection.image_order import NextImage
    from napari_pseudolabel.widgets.pseudo_label.many.many_run import ManyDone

EMPTY = "No images yet. Add a folder, or the images that are open; then all are labelled as the controls above say."
NO_FILES = "The open images are in no files, so there is nothing to come back to; save them first."
NOTHING_LEFT = "Nothing more is expected to be gained in any image that has labels."
_PROBABLY_NOT = "probably not"

RowKind = Literal["waiting", "running", "labelled", "changed", "failed"]


@dataclass(frozen=True)
class ImageRow:
    """A row of the list.

    Attributes
    ----------
    line
        How the image stands, in few words.
    told
        The whole of it, for the tooltip.
    """

    name: str
    kind: RowKind
    line: str
    told: str


def row_of(
    one: ListedImage,
    standing: ImageStanding,
    gain: ImageGain | None,
    *,
    problem: str = "",
    shown: bool = False,
) -> ImageRow:
    """Return how an image stands.

    Parameters
    ----------
    problem
        Why it could not be labelled the last time; empty if nothing is known.
    shown
        Whether it is open.
    """
    told = standing.told
    objects = str(told.get("objects_in_words") or "").partition(" (")[0].partition(";")[0].rstrip(".")
    doubted = (told.get("usable") or {}).get("verdict") == _PROBABLY_NOT
    look = "" if gain is None or not gain.doubtful else f"{gain.doubtful} of {gain.regions} regions to see"
    if standing.kind == "changed":
        parts = ["changed by you", look]
    elif standing.kind == "labelled":
        parts = ["⚠ probably not usable" if doubted else objects or "labelled", look]
    else:
        parts = ["waiting"]
    notes = [*((told.get("usable") or {}).get("reasons") or ()), *(told.get("notes") or ())]
    kind: RowKind = "failed" if problem else standing.kind
    line = sentence(problem) if problem else ", ".join(filter(None, parts))
    return ImageRow(
        one.name,
        kind,
        f"▸ {line}" if shown else line,
        "\n".join([one.place, line, *map(sentence, notes)]),
    )


def running_row(one: ListedImage, progress: Progress | None) -> ImageRow:
    """Return how the image that is being labelled stands."""
    parts = ["labelling"]
    if progress is not None and progress.total > 1:
        parts.append(f"{100 * progress.done // progress.total} %")
    if progress is not None and progress.seconds_left is not None and progress.done:
        parts.append(f"{duration(progress.seconds_left)} left")
    line = ", ".join(parts)
    return ImageRow(one.name, "running", line, f"{one.place}\n{line}")


def stage_text(number: int, total: int, seconds: float | None, *, paused: bool, current: str) -> str:
    """Say how far the run is."""
    if paused and not current:
        return f"Paused, {total - number} of {total} images to come"
    parts = [f"Image {min(number + 1, total)} of {total}"]
    if seconds is not None:
        parts.append(f"about {duration(seconds)} left for all")
    if paused:
        parts.append("then it waits")
    return ", ".join(parts)


def done_text(done: ManyDone) -> str:
    """Say what came of a run."""
    parts = [f"{done.labelled} {_images(done.labelled)} labelled"]
    if done.left:
        parts.append(f"{done.left} left as they were (finished before, or changed by you)")
    if done.failed:
        parts.append(f"{len(done.failed)} failed, as the list says")
    start = "Stopped: " if done.stopped else ""
    return f"{start}{', '.join(parts)}."


def refused_text(number: int, total: int) -> str:
    """Say that some images cannot be labelled as the controls say; empty where all can."""
    if not number:
        return ""
    return f"{number} of {total} {_images(total)} cannot be labelled like this; why, and what to do, stands in the list."


def added_text(number: int, told: Sequence[str]) -> str:
    """Say what was added to the list, and what was left out."""
    first = f"{number} {_images(number)} added." if number else "All of them are in the list already."
    return " ".join([first, *told])


def left_out_text(names: Sequence[str]) -> str:
    """Say which open images are in no files."""
    return f"Left out, because they are in no file: {some(names, 3)}." if names else ""


def next_text(found: NextImage) -> str:
    """Say why an image comes next."""
    gain = found.gain
    are = "is" if gain.doubtful == 1 else "are"
    many = (
        f"{gain.doubtful} of {gain.regions} regions {are} worth a look" if gain.doubtful else "Worth a look"
    )
    again = "You have seen all others. " if found.again else ""
    return f"{again}{found.one.name}: {many}; first: {gain.reason}. → Correct"


def _images(number: int) -> str:
    return "image" if number == 1 else "images"
