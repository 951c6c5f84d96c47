"""Training in random contrasts: labels of one modality teach a segmenter of another, and no translator is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.any_contrast import any_contrast
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from recipes import axons, nuclei
from recipes.pairs import FLUORESCENCE_NUCLEI, PURPLE_PROXY, TEM_AXONS, LabelledSet

# Whatever the size of an image says, or nobody knows it: a wrong one costs less.
ZOOM_OUT, ZOOM_IN = 0.4, 2.5
MOST_VALIDATED = 16  # real planes; each once more in a random contrast


@dataclass(frozen=True)
class RandomContrasts:
    """How a segmenter learns from labelled images of another modality in random contrasts.

    Attributes
    ----------
    target
        What comes out. Its settings say how many patches are changed, and how.
    source
        Where images and labels come from.
    inverted
        Whether the images are inverted first, because what is bright in the one is dark in the other.
    parent
        Shipped checkpoint whose weights it begins with.
    share
        How far the weights go from those of the parent to those that were learned. Halfway they keep what the parent knows of real
        images (WiSE-FT: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
    """

    target: LabelledSet
    source: LabelledSet
    inverted: bool
    parent: str
    share: float = 1.0

    def look(self, planes: Sequence[LabelledPlane]) -> list[LabelledPlane]:
        """Return planes as the training sees them before contrasts are drawn."""
        return [replace(plane, image=1 - plane.image) for plane in planes] if self.inverted else list(planes)

    def validation(self, planes: Sequence[LabelledPlane]) -> list[LabelledPlane]:
        """Return some planes as they are, and again in a random contrast each."""
        step = -(-len(planes) // MOST_VALIDATED)
        chosen = self.look(planes[::step])
        return [*chosen, *recast(chosen, self.target.classes, in_order=self.target.settings.in_order)]


def recast(
    planes: Sequence[LabelledPlane], classes: Sequence[LabelClass], *, in_order: bool
) -> list[LabelledPlane]:
    """Give each plane a random contrast, always the same one."""
    values = np.array([one.value for one in classes], np.uint8)
    found = []
    for seed, plane in enumerate(planes):
        truth = torch.from_numpy(np.searchsorted(values, plane.labels).astype(np.int64))[None]
        generator = torch.Generator().manual_seed(1000 * seed)
        image = any_contrast(
            torch.from_numpy(plane.image)[None, None], truth, len(values), 1.0, generator, in_order=in_order
        )
        found.append(replace(plane, name=f"{plane.name}, another contrast", image=image[0, 0].numpy()))
    return found


LAVENDER_PROXY = RandomContrasts(
    target=replace(
        PURPLE_PROXY.target,
        name="lavender-proxy",
        title="Lavender nuclei, proxy",
        description="Nuclei in a purple stain on lavender tissue, of many sizes, with a line of background where they touch. Learned from "
        "labelled fluorescence images, inverted, in random contrasts, without images or labels of the stain.",
        modality=nuclei.LAVENDER,
        settings=replace(
            PURPLE_PROXY.target.settings,
            steps=600,
            validate_every=200,
            any_contrast=0.7,
            in_order=True,
            zoom_out=ZOOM_OUT,
            zoom_in=ZOOM_IN,
        ),
    ),
    source=FLUORESCENCE_NUCLEI,
    inverted=True,
    parent="sample:purple-proxy",
    share=0.5,
)
ANY_NUCLEI = RandomContrasts(
    target=replace(
        FLUORESCENCE_NUCLEI,
        name="any-contrast-nuclei",
        title="Nuclei in any contrast",
        description="Nuclei, bright or dark; learned from labelled fluorescence images in random contrasts.",
        settings=replace(
            FLUORESCENCE_NUCLEI.settings,
            steps=800,
            validate_every=200,
            any_contrast=1.0,
            class_shift=0.0,
            zoom_out=ZOOM_OUT,
            zoom_in=ZOOM_IN,
        ),
    ),
    source=FLUORESCENCE_NUCLEI,
    inverted=False,
    parent="sample:fluorescence-nuclei",
)
ANY_AXONS = RandomContrasts(
    target=replace(
        TEM_AXONS,
        name="any-contrast-axons",
        title="Axons and myelin in any contrast",
        description="Axons and myelin, bright or dark; learned from labelled TEM images in random contrasts.",
        settings=replace(
            TEM_AXONS.settings,
            steps=700,
            any_contrast=1.0,
            class_shift=0.0,
            zoom_out=ZOOM_OUT,
            zoom_in=ZOOM_IN,
        ),
        weight=axons.gap_weight,
    ),
    source=TEM_AXONS,
    inverted=False,
    parent="sample:tem-axons",
)
RANDOM_CONTRASTS = {one.target.name: one for one in (LAVENDER_PROXY, ANY_NUCLEI, ANY_AXONS)}
