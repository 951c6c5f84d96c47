"""All keys of the plugin, in one place; they are bound on the viewer and none of them is napari's own.

Of the letters without a modifier napari leaves eight free when labels, an image or shapes are active; they are
for what is done most, or while looking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel

PREVIEW = "Shift-Q"
RUN = "Shift-R"
CANCEL = "Shift-X"
EXPORT = "Shift-E"
CONFIRM = "Shift-C"
UNCONFIRM = "Shift-Z"
TRAIN = "Shift-T"
ACCEPT = "Shift-Y"

# Correct: tools.
DELETE = "Shift-D"
REASSIGN = "Shift-S"
FILL_HOLES = "Shift-F"
REMOVE_SMALL = "Shift-B"
SMOOTH = "Shift-U"
GROW = "Shift-G"
SHRINK = "Shift-H"
MERGE = "Shift-M"
SPLIT = "Shift-K"
PASTE = "Shift-I"
SMART_FILL = "Shift-W"
PREDICT_AGAIN = "Shift-N"
SOURCE_ONLY = "Shift-O"
INTERPOLATE = "Shift-J"
# Correct: looking.
FOCUS = "Ctrl-F"
OBJECTS = "Ctrl-I"
HOLD_IMAGE = "Q"
HOLD_TRANSLATION = "K"
NEXT_CANDIDATE = "U"
CLASSES = tuple(f"Ctrl-{number}" for number in range(1, 10))
# Correct: review queue.
REVIEW_ACCEPT = "G"
REVIEW_FIX = "J"
REVIEW_SKIP = "N"
REVIEW_PREVIOUS = "H"
REVIEW_SUSPECT = "W"


@dataclass(frozen=True)
class Shortcut:
    """One key, for the list that the person reads.

    Attributes
    ----------
    name
        What it is called on its button.
    key
        As it is bound.
    does
        What it does.
    dock
        In which dock it works.
    """

    name: str
    key: str
    does: str
    dock: str


TABLE: tuple[Shortcut, ...] = (
    Shortcut("Preview", PREVIEW, "Label the view and keep it up to date", "Pseudo-label"),
    Shortcut("Run", RUN, "Label the region", "Pseudo-label"),
    Shortcut("Cancel", CANCEL, "Stop the labelling under way", "Pseudo-label"),
    Shortcut("Accept region", REVIEW_ACCEPT, "The region is right: confirm it and go to the next", "Correct"),
    Shortcut("Fix region", REVIEW_FIX, "Stay in the region and correct it", "Correct"),
    Shortcut("Skip region", REVIEW_SKIP, "Leave the region for later", "Correct"),
    Shortcut("Previous region", REVIEW_PREVIOUS, "Go back to the region before", "Correct"),
    Shortcut("Next suspect", REVIEW_SUSPECT, "Go to the next doubtful object of the region", "Correct"),
    Shortcut("Confirm view", CONFIRM, "Everything in the view is right", "Correct, Train"),
    Shortcut("Take back", UNCONFIRM, "What the view shows is not confirmed any more", "Correct"),
    Shortcut("Delete", DELETE, "Remove the object", "Correct"),
    Shortcut("Set class", REASSIGN, "Give the object the chosen class", "Correct"),
    Shortcut("Fill holes", FILL_HOLES, "Fill the holes of the object", "Correct"),
    Shortcut(
        "Remove small", REMOVE_SMALL, "Remove small objects of the chosen class from the view", "Correct"
    ),
    Shortcut("Smooth", SMOOTH, "Smooth the border of the object", "Correct"),
    Shortcut("Grow", GROW, "Make the object larger", "Correct"),
    Shortcut("Shrink", SHRINK, "Make the object smaller", "Correct"),
    Shortcut("Merge", MERGE, "Join the object in focus with the one under the cursor", "Correct"),
    Shortcut("Split", SPLIT, "Cut an object along a line that you draw", "Correct"),
    Shortcut("Paste", PASTE, "Take the object under the cursor from the candidate that is shown", "Correct"),
    Shortcut("Smart fill", SMART_FILL, "Grow the last stroke to the border of the object", "Correct"),
    Shortcut("Predict again", PREDICT_AGAIN, "Label the view once more with other settings", "Correct"),
    Shortcut(
        "Without translator", SOURCE_ONLY, "Segment the view untranslated, as one more candidate", "Correct"
    ),
    Shortcut(
        "Interpolate", INTERPOLATE, "Fill the slices between two with what lies between them", "Correct"
    ),
    Shortcut("Focus", FOCUS, "Tools work on this object, wherever the cursor is", "Correct"),
    Shortcut("Objects", OBJECTS, "Show each object in a colour of its own", "Correct"),
    Shortcut("Image alone", HOLD_IMAGE, "While held: the image without labels", "Correct"),
    Shortcut("Translation", HOLD_TRANSLATION, "While held: what the translator made of the image", "Correct"),
    Shortcut("Next candidate", NEXT_CANDIDATE, "Show what another sample or segmenter said", "Correct"),
    *(
        Shortcut(f"Class {number}", key, f"Choose class {number} of the palette", "Correct")
        for number, key in enumerate(CLASSES, start=1)
    ),
    Shortcut("Train", TRAIN, "Start the training", "Train"),
    Shortcut("Accept preview", ACCEPT, "Take the preview of the new model over", "Train"),
    Shortcut("Export", EXPORT, "Write the labels", "Export"),
)


def shown(key: str) -> str:
    """The key as a tooltip shows it."""
    return key.replace("-", "+")


def bind(viewer: ViewerModel, key: str, action: Callable[[], None]) -> Callable[[], None]:
    """Bind a key on a viewer; the function returned takes it away again.

    Where several docks bind the same key, the one that came last has it until it takes it away. A key that
    somebody else has bound on this viewer is left alone.
    """

    def made(claims: list[_Claim]) -> Callable[[object], object]:
        def run(_: object) -> Callable[[], None]:
            claims[-1].press()
            return _released

        return run

    return _claim(viewer, key, _Claim(action), made)


def bind_held(
    viewer: ViewerModel, key: str, press: Callable[[], None], release: Callable[[], None]
) -> Callable[[], None]:
    """As `bind`, with one function for the moment in which the key goes down and one for when it goes up."""

    def made(claims: list[_Claim]) -> Callable[[object], object]:
        def run(_: object) -> Iterator[None]:
            claim = claims[-1]
            claim.press()
            yield  # napari goes on here when the key goes up
            claim.release()

        return run

    return _claim(viewer, key, _Claim(press, release), made)


@dataclass(frozen=True, eq=False)
class _Claim:
    press: Callable[[], None]
    release: Callable[[], None] = lambda: None


def _released() -> None:
    """What napari does when the key goes up.

    Without it napari does again what it last did for this letter or digit, whatever the modifier: Ctrl+2 would
    take back the mode that 2 has chosen before.
    """


def _claim(
    viewer: ViewerModel, key: str, claim: _Claim, made: Callable[[list[_Claim]], Callable[[object], object]]
) -> Callable[[], None]:
    bound = _found(viewer, key)
    run: Any = viewer.keymap[bound] if bound is not None else None
    if run is None:
        claims: list[_Claim] = []
        run = made(claims)
        run.claims = claims
        viewer.bind_key(key, run)
    elif not hasattr(run, "claims"):
        return lambda: None
    claims = run.claims
    claims.append(claim)

    def let_go() -> None:
        if claim in claims:
            claims.remove(claim)
        if not claims and viewer.keymap.get(_found(viewer, key)) is run:
            viewer.bind_key(key, None)

    return let_go


def _found(viewer: ViewerModel, key: str) -> object:
    return next((bound for bound in viewer.keymap if _same(str(bound), key)), None)


def _same(one: str, other: str) -> bool:
    return one.replace("+", "-") == other.replace("+", "-")
