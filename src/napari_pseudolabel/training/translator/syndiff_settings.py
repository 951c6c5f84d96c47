"""Settings of the SynDiff training, named ones among them, and how they are changed by name. Importable without torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_options import Seed


@dataclass(frozen=True)
class SynDiffSettings(Checked):
    """Everything that decides the result of a training; the defaults are the published recipe."""

    steps: Annotated[
        int, Option("Optimiser steps; the learning rates follow a cosine over them.", least=1)
    ] = 50_000
    batch: Annotated[int, Option("Patches per modality and step.", least=1)] = 1
    seed: Seed = 42
    lr_generator: Annotated[float, Option("Learning rate of the generators.", least=0)] = 1.6e-4
    lr_discriminator: Annotated[float, Option("Learning rate of the critics.", least=0)] = 1e-4
    lr_final: Annotated[float, Option("Where the cosine ends.", least=0, seen="python")] = 1e-5
    ema: Annotated[
        float,
        Option(
            "Decay of the running average of the generators' weights, which is what is shipped.",
            title="EMA",
            least=0,
            most=1,
            seen="python",
        ),
    ] = 0.999
    r1_gamma: Annotated[
        float, Option("Weight of the gradient penalty on real images.", least=0, seen="python")
    ] = 1.0
    r1_every: Annotated[int, Option("Its interval in steps.", least=1, seen="python")] = 10
    l1_weight: Annotated[
        float, Option("Weight of the cycle and of the diffusive L1 losses.", least=0, seen="python")
    ] = 0.5
    pair_weight: Annotated[
        float, Option("Weight of the L1 losses on aligned pairs, if they are given.", least=0, seen="python")
    ] = 1.0
    adversarial_weight: Annotated[
        float,
        Option(
            "Weight of what the generators gain by deceiving the critics. Where the two sets do not hold the same things "
            "(few objects here, many there) a low weight keeps critics from making objects vanish.",
            least=0,
            seen="python",
        ),
    ] = 1.0
    one_pass_width: Annotated[
        int, Option("Channels of the first layer of the one-pass generators.", least=1, seen="python")
    ] = 64
    critic_width: Annotated[
        int, Option("Channels of the first layer of the critics.", least=1, seen="python")
    ] = 64
    save_every: Annotated[int, Option("Steps between two saves.", least=1, seen="python")] = 500
    warm_up: Annotated[
        int,
        Option(
            "First steps in which the diffusive generators stay as they are, the one-pass generators learn to imitate "
            "them, and the critics learn to tell. For diffusive generators that come from a checkpoint while the others "
            "start from nothing: what untrained one-pass generators make would teach them to ignore their source.",
            least=0,
            seen="python",
        ),
    ] = 0
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)


PUBLISHED = SynDiffSettings()

SMALL = SynDiffSettings(
    steps=3600,
    batch=4,
    one_pass_width=16,
    critic_width=16,
    ema=0.995,
    save_every=100,
    generator=GeneratorConfig(
        image_size=64, num_channels_dae=16, ch_mult=(1, 2, 4), num_res_blocks=1, n_mlp=2, nz=32, z_emb_dim=64
    ),
)
"""Hours on a CPU."""

_KINDS = {
    name: (holder, TypeAdapter(kind))
    for holder in (GeneratorConfig, SynDiffSettings)
    for name, kind in get_type_hints(holder).items()
    if name != "generator"
}


def changed(settings: SynDiffSettings, values: Mapping[str, str]) -> SynDiffSettings:
    """Change settings of the training or of the generator by their published names.

    Parameters
    ----------
    settings
        Where to start.
    values
        Text by name, such as ``{"ema": "0.999", "ch_mult": "1,2,4", "fir": "no"}``.

    Raises
    ------
    InputError
        If there is no such setting or the text is no value for it.
    """
    new: dict[type, dict[str, Any]] = {SynDiffSettings: {}, GeneratorConfig: {}}
    for name, text in values.items():
        if name not in _KINDS:
            raise InputError(f"There is no setting “{name}”; the names are those of training.json.")
        holder, kind = _KINDS[name]
        like = getattr(settings if holder is SynDiffSettings else settings.generator, name)
        several = isinstance(like, tuple)
        parts = text.split(",") if text.strip() else []
        try:
            new[holder][name] = kind.validate_python(parts if several else text.strip())
        except ValidationError:
            example = ",".join(map(str, like)) if several else like
            raise InputError(f"“{text}” is no value for {name}; give one like {example}.") from None
    generator = dataclasses.replace(settings.generator, **new[GeneratorConfig])
    return dataclasses.replace(settings, **new[SynDiffSettings], generator=generator)
