"""Write what a training made as checkpoints with cards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.training.syndiff import SynDiffTraining

_SCHEDULE = ("num_timesteps", "beta_min", "beta_max", "use_geometric")


def write_translators(
    run: SynDiffTraining,
    folder: Path,
    *,
    modalities: tuple[Modality, Modality],
    names: tuple[str, str],
    training: Training,
    licence: str = "BSD-3-Clause",
    half: bool = False,
) -> tuple[Path, Path]:
    """Write the averaged diffusive generators of both directions.

    Parameters
    ----------
    modalities
        What the run's modality 0 and 1 are.
    names
        File names without suffix of the generator that makes modality 0, and of that of modality 1.
    half
        Store float16 weights.

    Returns
    -------
    tuple of Path
        One ``NAME.safetensors`` per direction.
    """
    settings = dataclasses.asdict(run.settings.generator)
    paths = []
    for k in (0, 1):
        source, target = modalities[1 - k], modalities[k]
        card = Card(
            kind="translator",
            family="syndiff",
            name=f"{source.name} to {target.name}",
            description=f"Turns {source.name} images into {target.name} images.",
            architecture={key: value for key, value in settings.items() if key not in _SCHEDULE},
            schedule={key: settings[key] for key in _SCHEDULE},
            source=source,
            target=target,
            training=training,
            licence=licence,
        )
        path = folder / f"{names[k]}.safetensors"
        syndiff.save(run.averaged(k), card, path, half=half)
        paths.append(path)
    return paths[0], paths[1]
