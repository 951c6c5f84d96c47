"""How long a labelling job will take: from what such jobs took on this machine, or by a rough rate at first."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies.label_settings import LabelSettings, Region

# Seconds per pixel of the first model's grid: a pass of a translator, a look of a segmenter, as the shipped ones take them on
# one thread of an x86_64 machine (docs/benchmarks.md, First minute); a GPU is some 60 times as fast.
_PASS_S, _LOOK_S, _GPU = 7e-6, 2.4e-6, 60
# Tiles reach beyond what is wanted, on the grid of the first model.
_AROUND_PX = 160


@dataclass(frozen=True)
class RunCost:
    """What decides how long a job takes on a machine.

    Attributes
    ----------
    kind
        Models, device and looks: jobs of the same kind take the same time per pixel.
    rough_s
        Seconds per pixel of the first model's grid where nothing was measured.
    factor
        Pixels of that grid per pixel of the image, along an axis.
    """

    kind: str
    rough_s: float
    factor: float

    @classmethod
    def of(
        cls,
        settings: LabelSettings,
        image: Image,
        translator: Card | None,
        segmenter: Card | None,
        *,
        gpu: bool,
    ) -> RunCost:
        """Return what is known before models are loaded.

        Parameters
        ----------
        translator, segmenter
            Those of the job.
        gpu
            Whether there is one.
        """
        looks = 0 if segmenter is None else settings.samples * (settings.flips + 1)
        steps = (
            0 if translator is None else settings.samples * evaluations_of(translator, settings.evaluations)
        )
        device = settings.tiles.device
        if device == "auto":
            device = "gpu" if gpu else "cpu"
        rough = (steps * _PASS_S + looks * _LOOK_S) / (1 if device == "cpu" else _GPU)
        names = [card.name or card.family for card in (translator, segmenter) if card is not None]
        kind = " | ".join((*names, device, f"{steps} steps", f"{looks} looks", settings.mode))
        first, scale = translator or segmenter, settings.scale
        try:
            sizes = sizes_of(first.source if first is not None else None)
            factor, _ = scale.to_model(scale.asked_of(image.placement), *sizes)
        except InputError:
            factor = 1.0  # the job will say what is wrong
        return cls(kind, rough, factor)

    def seconds(self, shape: tuple[int, int], planes: int = 1, rate: float | None = None) -> float:
        """Return about how long so many planes of a shape (H, W) take.

        Parameters
        ----------
        rate
            Seconds per pixel that were measured before, as of `rate`; None for the rough one.
        """
        return _seen(shape, self.factor) * planes * (self.rough_s if rate is None else rate)


def rate_of(region: Region, planes: int, seconds: float, factor: float) -> float:
    """Return the seconds per pixel of the first model's grid of a job that took so long at a magnification."""
    return seconds / (_seen(region.shape, factor) * planes)


def _seen(shape: tuple[int, int], factor: float) -> float:
    """Pixels that the first model sees of a plane."""
    height, width = (side * factor + 2 * _AROUND_PX for side in shape)
    return height * width
