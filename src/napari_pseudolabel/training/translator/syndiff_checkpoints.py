"""Write what a training made as checkpoints with cards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from napari_pseudolabel.models.cards import Card, Measure, Modality, Normalisation, Training
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.infer import architecture_of, schedule_of


def write_generators(
    weights: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    generator: GeneratorConfig,
    folder: Path,
    *,
    modalities: tuple[Modality, Modality],
    names: tuple[str, str],
    training: Training,
    licence: str = "BSD-3-Clause",
    half: bool = False,
    parents: tuple[str | None, str | None] = (None, None),
    quality: tuple[tuple[Measure, ...], tuple[Measure, ...]] = ((), ()),
) -> tuple[Path, Path]:
    """Write diffusive generators of both directions.

    Parameters
    ----------
    weights
        Of the generator that makes modality 0, and of that which makes modality 1; all pairs below go the same way.
    modalities
        What modality 0 and 1 are.
    names
        File names without suffix.
    half
        Store float16 weights.
    parents
        SHA-256 of the checkpoints they were trained from.
    quality
        Measures for the cards.

    Returns
    -------
    tuple of Path
        One ``NAME.safetensors`` per direction.
    """
    paths = []
    for k in (0, 1):
        source, target = modalities[1 - k], modalities[k]
        card = Card(
            kind="translator",
            family="syndiff",
            name=f"{source.name} to {target.name}",
            description=f"Turns {source.name} images into {target.name} images.",
            architecture=architecture_of(generator),
            schedule=schedule_of(generator),
            source=source,
            target=target,
            normalisation=Normalisation(),  # said, because silence counts as assumed
            training=training,
            licence=licence,
            parent=parents[k],
            quality=quality[k],
        )
        path = folder / f"{names[k]}.safetensors"
        syndiff.save(weights[k], card, path, half=half)
        paths.append(path)
    return paths[0], paths[1]
