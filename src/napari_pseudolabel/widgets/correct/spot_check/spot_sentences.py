"""What a spot check says."""

from __future__ import annotations

from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.objects.census import many
from napari_pseudolabel.labels.spot_check import BoxQuestion, ObjectQuestion, SpotCheck

DRAWING = "Drawing the sample; large labels take half a minute …"
NOT_DRAWN = "No spot check was begun."
BEGUN = "The labels are hidden meanwhile; outlined is what you are asked about."
PAUSED = "Paused; what you answered is kept. Go on whenever you want."
FIRST = "This is the first question."
BOX_WRONG = "In a box, Shift+click marks a label as wrong; press Done when nothing is missing any more."
OTHER_PLANE = "The box is on another slice; go back to it."
OUTSIDE = "Only what has its middle inside of the dashed box counts."
NOT_LABELLED = "Nothing was predicted there, so nothing can be missing."
NO_LABEL = "There is no label; Shift+click is for labels that are wrong, a click for what is missing."
BESIDE = "The middle of that label lies outside of the box, so it does not count here."
NOTHING_SAID = "Nothing was judged, so nothing can be said."
VOID_NOW = (
    "The labels have changed, so this spot check is void; its answers are kept as history. "
    "Start another one when you are done correcting."
)


def asked(check: SpotCheck, question: ObjectQuestion | BoxQuestion) -> tuple[str, str]:
    """Return the heading and the text of a question."""
    plane = f" Slice {', '.join(map(str, question.plane))}" if question.plane else ""
    if isinstance(question, ObjectQuestion):
        names = {one.value: one.name for one in check.classes}
        what = many(names.get(question.value, f"class {question.value}"), 1)
        return (
            f"Is this {what} right?{plane}",
            "Right: one whole object, and the label covers most of it and little else.",
        )
    sheaths = {fibre.outer for fibre in scheme_for(check.classes).fibres}
    counted = [many(one.name, 1) for one in check.classes if one.value and one.value not in sheaths]
    what = counted[0] if len(counted) == 1 else "object"
    return (
        f"What is missing in this box?{plane}",
        f"Click on every {what} without a right label; click again to take it back. Shift+click marks a label as wrong. What "
        "has its middle in the box counts; dashed outlines do not.",
    )


def progress(check: SpotCheck, number: int) -> str:
    """How far it is."""
    question = check.questions[number]
    if isinstance(question, ObjectQuestion):
        return f"Object {number + 1} of {len(check.objects)}{_said(question.answer)}"
    counts = [f"{len(question.missed)} missed"] + [f"{len(question.wrong)} wrong"] * bool(question.wrong)
    found = f"{len(question.found)} labelled"
    at = f"Box {number - len(check.objects) + 1} of {len(check.boxes)}"
    return f"{at}: {', '.join((found, *counts))}{_said(question.answer)}"


def _said(answer: str | None) -> str:
    return f" (you said: {answer})" if answer else ""
