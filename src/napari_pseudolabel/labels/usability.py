"""Whether labels are probably of any use, from what they look like; nobody has to know the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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


UNASKED = "whether single objects are right, and what was missed"
"""What no label-free look can tell."""


@dataclass(frozen=True)
class Usability:
    """What can be said of labels without a truth.

    Attributes
    ----------
    doubts
        Why they are probably not usable, as clauses; empty where nothing of what was asked speaks against them.
    asked
        What was compared, as clauses; empty where nothing could be.
    """

    doubts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """In a few words, which promise no more than was asked."""
        if self.doubts:
            return "probably not"
        return "no doubt in what was checked" if self.asked else "not checked"


def usability(
    evidence: Evidence,
    classes: Sequence[LabelClass],
    typical: TypicalLabels | None,
    grid_px: float = 1.0,
) -> Usability:
    """Say whether labels look usable, and what was compared for that.

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
    # A magnified image has few pixels, and the segmenter has seen as many more.
    if evidence.pixels * max(grid_px, 1.0) ** 2 < _LEAST_PIXELS:
        return Usability()
    if evidence.foreground < _LEAST_SHARE:
        return Usability(("hardly anything was found",), (_SHARE,))
    checks = dict(_checks(evidence, classes, typical or TypicalLabels(), grid_px))
    return Usability(tuple(doubt for found in checks.values() for doubt in found), tuple(checks))


def warning(doubted: Sequence[str]) -> str:
    """Return the sentence for the person, from the doubts of `usability`."""
    return (
        f"These labels are probably not usable: {'; '.join(doubted)}. Choose models for this kind of image, another way "
        "to label it, or another scale."
    )


_SHARE = "how much of the image would be objects"


def _checks(
    evidence: Evidence, classes: Sequence[LabelClass], typical: TypicalLabels, grid_px: float
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Compare what can be compared; each with the doubts that come of it."""
    names = {label_class.value: label_class.name for label_class in classes}
    share = evidence.foreground
    yield _SHARE, (f"{share:.0%} of it would be objects",) * (share > _MOST_SHARE)
    if typical.hesitation is not None and evidence.hesitation is not None:
        strange = ("the segmenter is far less sure of them than of images that it knows",)
        yield (
            "how sure the segmenter is, as against images that it knows",
            strange * _strange(evidence, typical),
        )
    if (quarrel := evidence.quarrel) is not None:
        other = ("it says something else when it looks at the same pixels mirrored",)
        yield "whether mirrored looks agree", other * (quarrel > _MOST_QUARREL)
    found = evidence.contrast
    if pairs := [pair for pair in typical.contrast if pair[:2] in found]:
        lost = _lost(pairs, found)
        yield (
            "which class is brighter",
            tuple(
                f"{names.get(a, a)} is not brighter than {names.get(b, b)}, as it is in images that it knows"
                for a, b in lost
            ),
        )
    wanted = dict(typical.widths)
    if widths := {value: px for value, px in evidence.width_px.items() if value in wanted}:
        yield (
            "how wide things are",
            tuple(
                _width_doubts({names.get(v, str(v)): px * grid_px / wanted[v] for v, px in widths.items()})
            ),
        )


def _width_doubts(times: Mapping[str, float]) -> Iterator[str]:
    """By name of a class: how many times as wide as it should be."""
    for name, wide in times.items():
        if not 1 / _MOST_TIMES <= wide <= _MOST_TIMES:
            size = f"{wide:.1f} times as wide" if wide > 1 else f"{1 / wide:.1f} times narrower"
            yield f"{name} is {size} at this scale as in images that it knows"


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


def _lost(pairs: Sequence[tuple[int, int, float]], found: Contrast) -> Iterator[tuple[int, int]]:
    """Pairs of classes of which the first is clearly brighter on images that the segmenter knows, and not here."""
    for a, b, share in pairs:
        if abs(share - 0.5) < _CLEAR:
            continue
        if (found[a, b] - 0.5) * math.copysign(1, share - 0.5) < _UNCLEAR:
            yield (a, b) if share > 0.5 else (b, a)
