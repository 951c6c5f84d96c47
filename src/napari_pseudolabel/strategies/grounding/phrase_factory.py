"""A segmenter that finds things by phrases: it is made for planes, at which a text-to-image model has looked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.diffusion_options import use_of
from napari_pseudolabel.strategies.grounding.phrase_options import PhraseOptions
from napari_pseudolabel.strategies.label_settings import ModelUse

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.models.segmenters.base import Segmenter

EXPERIMENTAL = (
    "Experimental: take what phrases find as a hint where to look, not as labels; a text-to-image model finds something for every "
    "phrase, whether it is there or not."
)


@dataclass(frozen=True, eq=False)
class PhraseHeat:
    """What was seen in one plane; told while a job runs.

    Attributes
    ----------
    plane
        Its index.
    phrases
        What was looked for.
    maps
        By name, "attention" and "difference": (K, h, w) in [0, 1], as coarse as the plane was looked at; they cover all of it.
    shown
        Name of those that decide about the labels.
    """

    plane: tuple[int, ...]
    phrases: tuple[str, ...]
    maps: Mapping[str, NDArray[np.float16]]
    shown: str


@dataclass(frozen=True)
class PhraseFactory:
    """Finds things by phrases; see `PlaneFactory`."""

    options: PhraseOptions
    heat: tuple[PhraseHeat, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    name: str = "Phrase grounding"
    longest_px: int = 768

    @property
    def checkpoint(self) -> str | None:
        """The folder of the model."""
        return str(self.options.diffusion)

    def looked_at(self, plane: tuple[int, ...]) -> bool:
        """Whether the heat of a plane is known."""
        return any(one.plane == plane for one in self.heat)

    def look(
        self,
        plane: tuple[int, ...],
        picture: NDArray[np.float32],
        models: LoadedModels,
        device: str,
        control: Control,
    ) -> PhraseFactory:
        """Return the same with the heat maps of a plane, which are told as well; see `PlaneFactory`."""
        import torch

        from napari_pseudolabel.models.text_to_image.inverted import heat_maps
        from napari_pseudolabel.tiling import pick_device

        model = models.phrase_model(str(self.options.diffusion))
        model.to(pick_device(device))
        read = [model.read(phrase) for _, phrase in self.options.told]

        def compute(seen: torch.Tensor) -> torch.Tensor:
            found = heat_maps(model, seen[0, 0].numpy(), read, self.options.steps, control)
            maps = [one.attention for one in found] + [one.difference for one in found]
            return torch.from_numpy(np.stack(maps).astype(np.float16))[None]

        about = json.dumps([model.sha256, self.options.steps, [phrase for _, phrase in self.options.told]])
        both = models.looked.answers(about.encode(), torch.from_numpy(picture)[None, None], compute)[
            0
        ].numpy()
        phrases = tuple(phrase for _, phrase in self.options.told)
        maps = {"attention": both[: len(read)], "difference": both[len(read) :]}
        heat = PhraseHeat(plane, phrases, maps, self.options.map)
        control.emit(heat)
        notes = dict.fromkeys((*self.notes, *(note for one in read for note in one.notes), *_even(heat)))
        return replace(self, heat=(*self.heat, heat), notes=tuple(notes))

    def only(self, plane: tuple[int, ...]) -> PhraseFactory:
        """Return the same with the heat of one plane."""
        return replace(self, heat=tuple(one for one in self.heat if one.plane == plane))

    def made_of(self, models: LoadedModels) -> ModelUse:
        """Return the model that is looked through."""
        return use_of(str(self.options.diffusion), models)

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            kind="segmenter",
            family="monai-unet",
            name=self.name,
            classes=self.options.classes,
            notes=(EXPERIMENTAL, *self.notes) if self.heat else (),
        )

    def make(self) -> Segmenter:
        """Return the segmenter of the one plane that is known, or of none."""
        from napari_pseudolabel.strategies.grounding.phrase_segmenter import PhraseSegmenter

        maps = self.heat[0].maps[self.options.map] if len(self.heat) == 1 else None
        return PhraseSegmenter.of(self.card, maps, self.options.threshold)


def _even(heat: PhraseHeat) -> tuple[str, ...]:
    """Say which phrases nothing answers to."""
    return tuple(
        f"Nothing in the image answers to “{phrase}”: its heat map ({name}) is even."
        for name, maps in heat.maps.items()
        for phrase, one in zip(heat.phrases, maps, strict=True)
        if not one.any()
    )
