"""Shipped segmenters learn on, with objects of many sizes and weights between them; none of these is shipped yet (docs/benchmarks.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from recipes import axons, nuclei
from recipes.contrasts import LAVENDER_PROXY, ZOOM_IN, ZOOM_OUT, RandomContrasts
from recipes.pairs import SEM_AXONS, SEM_PROXY, LabelledSet, Proxy


@dataclass(frozen=True)
class Refined:
    """How a segmenter learns on from the weights that its first recipe gave it.

    Attributes
    ----------
    recipe
        The first one: which images it sees.
    target
        As of `recipe`, with the settings and weights of this training.
    share
        How far the weights go from those of the parent to those that were learned; see `recipes.contrasts.RandomContrasts`.
    unlabelled
        Stains whose images it labels itself and learns from as well, as often as from all others; their labels are never read.
    """

    recipe: LabelledSet | Proxy | RandomContrasts
    target: LabelledSet
    share: float = 0.5
    unlabelled: tuple[Modality, ...] = ()


def _further(settings: SegmenterSettings, steps: int = 800) -> SegmenterSettings:
    # A fifth of the rate that begins with nothing: higher ones forget what the parent knows.
    return replace(
        settings, steps=steps, lr=2e-4, validate_every=steps // 4, zoom_out=ZOOM_OUT, zoom_in=ZOOM_IN
    )


def _axons(recipe: LabelledSet | Proxy, target: LabelledSet) -> Refined:
    return Refined(recipe, replace(target, settings=_further(target.settings), weight=axons.gap_weight))


REFINED = {
    one.target.name: one
    for one in (
        _axons(SEM_AXONS, SEM_AXONS),
        _axons(SEM_PROXY, SEM_PROXY.target),
        Refined(
            LAVENDER_PROXY,
            replace(
                LAVENDER_PROXY.target,
                settings=replace(_further(LAVENDER_PROXY.target.settings, 500), any_contrast=0.3),
            ),
            unlabelled=(nuclei.PURPLE, nuclei.LAVENDER),
        ),
    )
}
