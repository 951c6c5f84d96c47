"""Whether labels are probably of any use, from what they look like; nobody has to know the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from napari_pseudolabel.labels.contrast import Contrast
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.models.cards import LabelClass, TypicalLabels

# Chosen on the images that docs/benchmarks.md names, and checked on others there.
# Logarithms of how many times more hesitation and disagreement there is than there should be, added up.
_MOST_STRANGE = 1.7
_MOST_HESITATION = 2.4  # times what it should be, whatever the looks say
_MOST_QUARREL = 0.13
_LEAST_SHARE, _MOST_SHARE = 0.002, 0.95
_MOST_TIMES = 2.5  # wider or narrower than it should be
_CLEAR, _UNCLEAR = 0.4, 0.3  # distance of a contrast from 1/2
_LEAST_PIXELS = 64**2  # of which anything can be said
# Agreement above this is as good as can be; a difference there means nothing.
_BEST_AGREEMENT = 0.98


def doubts(
    evidence: Evidence,
    classes: Sequence[LabelClass],
    typical: TypicalLabels | None,
    grid_px: float = 1.0,
) -> tuple[str, ...]:
    """Say why labels are probably not usable; empty if nothing speaks against them.

    Parameters
    ----------
    evidence
        Of all that was labelled.
    classes
        For the words.
    typical
        What labels of the segmenter look like on images that it can label; None leaves out what needs it.
    grid_px
        Pixels on the grid of the segmenter per pixel of the image.
    """
    if evidence.pixels < _LEAST_PIXELS:
        return ()
    if evidence.foreground < _LEAST_SHARE:
        return ("hardly anything was found",)
    return tuple(_doubts(evidence, classes, typical or TypicalLabels(), grid_px))


def warning(doubted: Sequence[str]) -> str:
    """Return the sentence for the person, from what `doubts` said."""
    return (
        f"These labels are probably not usable: {'; '.join(doubted)}. Choose models for this kind of image, another way "
        "to label it, or another scale."
    )


def _doubts(
    evidence: Evidence, classes: Sequence[LabelClass], typical: TypicalLabels, grid_px: float
) -> Iterator[str]:
    names = {label_class.value: label_class.name for label_class in classes}
    if evidence.foreground > _MOST_SHARE:
        yield f"{evidence.foreground:.0%} of it would be objects"
    if _strange(evidence, typical):
        yield "the segmenter is far less sure of them than of images that it knows"
    if (quarrel := evidence.quarrel) is not None and quarrel > _MOST_QUARREL:
        yield "it says something else when it looks at the same pixels mirrored"
    for a, b in _lost(typical, evidence.contrast):
        yield f"{names.get(a, a)} is not brighter than {names.get(b, b)}, as it is in images that it knows"
    wanted = dict(typical.widths)
    for value, width in evidence.width_px.items():
        times = width * grid_px / wanted[value] if value in wanted else 1.0
        if not 1 / _MOST_TIMES <= times <= _MOST_TIMES:
            size = f"{times:.1f} times as wide" if times > 1 else f"{1 / times:.1f} times narrower"
            yield f"{names.get(value, value)} is {size} at this scale as in images that it knows"


def _strange(evidence: Evidence, typical: TypicalLabels) -> bool:
    if typical.hesitation is None or evidence.hesitation is None:
        return False
    hesitation = evidence.hesitation / max(typical.hesitation, 0.01)
    if hesitation > _MOST_HESITATION:
        return True
    if evidence.agreement is None or typical.agreement is None:
        return False
    usual = 1 - min(typical.agreement, _BEST_AGREEMENT)
    disagreement = max(1 - evidence.agreement, 1 - _BEST_AGREEMENT) / usual
    return math.log(max(hesitation, 0.01)) + math.log(disagreement) > _MOST_STRANGE


def _lost(typical: TypicalLabels, found: Contrast) -> Iterator[tuple[int, int]]:
    """Pairs of classes of which the first is clearly brighter on images that the segmenter knows, and not here."""
    for a, b, share in typical.contrast:
        here = found.get((a, b))
        if here is None or abs(share - 0.5) < _CLEAR:
            continue
        if (here - 0.5) * math.copysign(1, share - 0.5) < _UNCLEAR:
            yield (a, b) if share > 0.5 else (b, a)
