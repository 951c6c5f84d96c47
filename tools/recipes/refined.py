"""Segmenters learn on, with objects of many sizes; of these the lavender proxy is shipped (docs/benchmarks.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from recipes import axons
from recipes.contrasts import LAVENDER_PROXY, ZOOM_IN, ZOOM_OUT, RandomContrasts
from recipes.pairs import PURPLE_NUCLEI, SEM_AXONS, SEM_PROXY, LabelledSet, Proxy

# One of so many kept-back images of the source beside those of `Refined.beside`: about as many of each.
_EVERY = 5


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
    beside
        Labelled images of a modality that looks like the target, from which half of the patches come; None where there are none.
    """

    recipe: LabelledSet | Proxy | RandomContrasts
    target: LabelledSet
    share: float = 0.5
    beside: LabelledSet | None = None

    def validated(self, data: Path) -> list[LabelledPlane]:
        """Planes that no training sees, of `beside` and of what random contrasts come from, as they are."""
        assert isinstance(self.recipe, RandomContrasts)
        own = self.recipe.look(self.recipe.source.validation(data))
        beside = [] if self.beside is None else self.beside.validation(data)
        return [*beside, *own[::_EVERY]]


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
        # It began with the purple proxy, so that one may never learn from labels of lavender.
        Refined(
            LAVENDER_PROXY,
            replace(
                LAVENDER_PROXY.target,
                description="Nuclei in a purple stain on lavender tissue, of many sizes, with a line of background where they touch. "
                "Learned from labelled images of a purple stain on white, and from labelled fluorescence images, inverted, in random "
                "contrasts; without images or labels of lavender tissue.",
                settings=replace(
                    LAVENDER_PROXY.target.settings, steps=1200, lr=5e-4, any_contrast=0.5, validate_every=200
                ),
            ),
            share=1.0,
            beside=PURPLE_NUCLEI,
        ),
    )
}
