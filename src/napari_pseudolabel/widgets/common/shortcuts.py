"""All keys of the plugin, in one place; they are bound on the viewer and none of them is napari's own.

Of the letters without a modifier napari leaves eight free when labels, an image or shapes are active; they are
for what is done most, or while looking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from napari.components import ViewerModel

TABLE: list[Shortcut] = []
"""All keys, for the list that the person reads."""


class Shortcut(str):
    """A key as it is bound; in `TABLE` from the moment it is made.

    Attributes
    ----------
    name
        What it is called on its button.
    does
        What it does.
    dock
        In which dock it works.
    """

    name: str
    does: str
    dock: str

    @override
    def __new__(cls, key: str, name: str, does: str, dock: str) -> Shortcut:
        made = super().__new__(cls, key)
        made.name, made.does, made.dock = name, does, dock
        TABLE.append(made)
        return made


PREVIEW = Shortcut("Shift-Q", "Preview", "Label the view and keep it up to date", "Pseudo-label")
RUN = Shortcut("Shift-R", "Run", "Label the region", "Pseudo-label")
CANCEL = Shortcut("Shift-X", "Cancel", "Stop the labelling under way", "Pseudo-label")
REVIEW_ACCEPT = Shortcut(
    "G",
    "Accept region",
    "The region is right: confirm it and go to the next; in a spot check: right",
    "Correct",
)
REVIEW_FIX = Shortcut(
    "J", "Fix region", "Stay in the region and correct it; in a spot check: wrong", "Correct"
)
REVIEW_SKIP = Shortcut("N", "Skip region", "Leave the region for later; in a spot check: not sure", "Correct")
REVIEW_PREVIOUS = Shortcut(
    "H", "Previous region", "Go back to the region, or the question, before", "Correct"
)
REVIEW_SUSPECT = Shortcut("W", "Next suspect", "Go to the next doubtful object of the region", "Correct")
CONFIRM = Shortcut("Shift-C", "Confirm view", "Everything in the view is right", "Correct, Train")
UNCONFIRM = Shortcut("Shift-Z", "Take back", "What the view shows is not confirmed any more", "Correct")
DELETE = Shortcut("Shift-D", "Delete", "Remove the object", "Correct")
REASSIGN = Shortcut("Shift-S", "Set class", "Give the object the chosen class", "Correct")
FILL_HOLES = Shortcut("Shift-F", "Fill holes", "Fill the holes of the object", "Correct")
REMOVE_SMALL = Shortcut(
    "Shift-B", "Remove small", "Remove small objects of the chosen class from the view", "Correct"
)
SMOOTH = Shortcut("Shift-U", "Smooth", "Smooth the border of the object", "Correct")
GROW = Shortcut("Shift-G", "Grow", "Make the object larger", "Correct")
SHRINK = Shortcut("Shift-H", "Shrink", "Make the object smaller", "Correct")
MERGE = Shortcut("Shift-M", "Merge", "Join the object in focus with the one under the cursor", "Correct")
SPLIT = Shortcut("Shift-K", "Split", "Cut an object along a line that you draw", "Correct")
PASTE = Shortcut(
    "Shift-I", "Paste", "Take the object under the cursor from the candidate that is shown", "Correct"
)
SMART_FILL = Shortcut(
    "Shift-W",
    "Smart fill",
    "An object from clicks, or from the last stroke, to the border of the image",
    "Correct",
)
PREDICT_AGAIN = Shortcut(
    "Shift-N", "Predict again", "Label the view once more with other settings", "Correct"
)
SOURCE_ONLY = Shortcut(
    "Shift-O", "Without translator", "Segment the view untranslated, as one more candidate", "Correct"
)
INTERPOLATE = Shortcut(
    "Shift-J", "Interpolate", "Fill the slices between two with what lies between them", "Correct"
)
NAME_REGIONS = Shortcut(
    "Ctrl-B", "Name regions", "Click on a region: all of its kind become the chosen class", "Correct"
)
FOCUS = Shortcut("Ctrl-F", "Focus", "Tools work on this object, wherever the cursor is", "Correct")
OBJECTS = Shortcut("Ctrl-I", "Objects", "Show each object in a colour of its own", "Correct")
HOLD_IMAGE = Shortcut("Q", "Image alone", "While held: the image without labels", "Correct")
HOLD_TRANSLATION = Shortcut(
    "K", "Translation", "While held: what the translator made of the image", "Correct"
)
NEXT_CANDIDATE = Shortcut("U", "Next candidate", "Show what another sample or segmenter said", "Correct")
CLASSES = tuple(
    Shortcut(f"Ctrl-{number}", f"Class {number}", f"Choose class {number} of the palette", "Correct")
    for number in range(1, 10)
)
TRAIN = Shortcut("Shift-T", "Train", "Start the training", "Train")
ACCEPT = Shortcut("Shift-Y", "Accept preview", "Take the preview of the new model over", "Train")
MEASURE = Shortcut("Ctrl-L", "Measure", "Measure all objects", "Measure")
NEXT_IMAGE = Shortcut(
    "Shift-Right", "Next image", "Open the image of the list with the most to gain", "Pseudo-label"
)
EXPORT = Shortcut("Shift-E", "Export", "Write the labels", "Export")


def shown(key: str) -> str:
    """Return the key as a tooltip shows it."""
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
    """Do what napari does when the key goes up.

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
