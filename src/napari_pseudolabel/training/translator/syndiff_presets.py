"""Named settings of the SynDiff training, and how single ones are changed by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.translators.ncsnpp import GeneratorConfig
from napari_pseudolabel.training.translator.syndiff_steps import SynDiffSettings

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
