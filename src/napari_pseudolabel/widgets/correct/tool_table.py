"""The tools of the dock: what they are called, their keys, what they do."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pseudolabel.widgets.common import shortcuts


@dataclass(frozen=True)
class Tool:
    """One button.

    Attributes
    ----------
    name
        Of the tool in the code and in the effort log; also of its icon.
    key
        As it is bound, and with what it is called for the person.
    does
        One or two sentences for the tooltip.
    short
        The title where it has to be shorter: under the icon.
    """

    name: str
    key: shortcuts.Shortcut
    does: str
    short: str = ""

    @property
    def caption(self) -> str:
        """What stands under its icon."""
        return self.short or self.title

    @property
    def title(self) -> str:
        """What it is called for the person."""
        return self.key.name

    @property
    def tooltip(self) -> str:
        """Title, key, and what it does."""
        return f"{self.title} ({shortcuts.shown(self.key)})\n{self.does}"


OBJECT = "The object is that in focus, else the one under the cursor."

# Those that are needed first come first.
TOOLS: tuple[Tool, ...] = (
    Tool("delete", shortcuts.DELETE, f"Remove the object. {OBJECT}"),
    Tool("reassign", shortcuts.REASSIGN, f"Give the object the chosen class. {OBJECT}"),
    Tool(
        "merge",
        shortcuts.MERGE,
        "Join two objects: focus one, move the cursor over the other, press the key. "
        "Without a focus the first press sets it.",
    ),
    Tool(
        "split",
        shortcuts.SPLIT,
        "Cut an object in two: press, then drag a line across it on the canvas. Escape cancels.",
    ),
    Tool("fill_holes", shortcuts.FILL_HOLES, f"Fill what the object encloses. {OBJECT}"),
    Tool("smooth", shortcuts.SMOOTH, f"Round the border of the object, see Options. {OBJECT}"),
    Tool("grow", shortcuts.GROW, f"Move the border of the object outward, see Options. {OBJECT}"),
    Tool("shrink", shortcuts.SHRINK, f"Move the border of the object inward, see Options. {OBJECT}"),
    Tool(
        "remove_small",
        shortcuts.REMOVE_SMALL,
        "Remove objects of the chosen class from the view that are smaller than set in Options. "
        "What is confirmed stays.",
        "No crumbs",
    ),
    Tool(
        "paste",
        shortcuts.PASTE,
        "Take the object under the cursor over from the candidate that is shown.",
    ),
    Tool(
        "smart_fill",
        shortcuts.SMART_FILL,
        "Grow the last brush stroke to the border that the image shows. Without a stroke: press, then click on an object; "
        "Shift+click or right click what does not belong to it, Enter takes it over, Escape drops it.",
    ),
    Tool(
        "interpolate",
        shortcuts.INTERPOLATE,
        "Stacks: focus an object in one slice, point at it in another slice, press: "
        "the slices between them are filled.",
        "Between",
    ),
    Tool(
        "predict_again",
        shortcuts.PREDICT_AGAIN,
        "Label the view once more with the settings under Predict again. "
        "What you changed or confirmed stays as it is.",
        "Again",
    ),
    Tool(
        "source_only",
        shortcuts.SOURCE_ONLY,
        "Segment the view without translating it first, as one more candidate to paste from.",
        "As it is",
    ),
)
FOCUS = Tool(
    "focus",
    shortcuts.FOCUS,
    "Tools work on the object under the cursor until you focus another one; again on the same: no focus.",
)
CONFIRM = Tool(
    "confirm",
    shortcuts.CONFIRM,
    "Everything in the view is labelled rightly now, the background too; you are asked about what was never predicted. "
    "No tool and no prediction changes it any more, and the Train dock learns from it.",
)
UNCONFIRM = Tool("unconfirm", shortcuts.UNCONFIRM, "What the view shows is not confirmed any more.")
