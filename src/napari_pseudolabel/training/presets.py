"""Named settings of the SynDiff training, and how single ones are changed by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.translators.ncsnpp import GeneratorConfig
from napari_pseudolabel.training.syndiff_steps import SynDiffSettings

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

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


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
    known = {field.name for field in dataclasses.fields(settings)} - {"generator"}
    own: dict[str, Any] = {}
    generator: dict[str, Any] = {}
    for name, text in values.items():
        holder: Any = settings if name in known else settings.generator
        if not hasattr(holder, name) or name not in known | {
            f.name for f in dataclasses.fields(GeneratorConfig)
        }:
            raise InputError(f"There is no setting “{name}”; the names are those of training.json.")
        (own if name in known else generator)[name] = _parsed(name, text, getattr(holder, name))
    return dataclasses.replace(
        settings, **own, generator=dataclasses.replace(settings.generator, **generator)
    )


def _parsed(name: str, text: str, like: Any) -> Any:
    """Read `text` as a value of the type of `like`."""
    try:
        if isinstance(like, bool):
            return _TRUTH[text.strip().lower()]
        if isinstance(like, tuple):
            return tuple(type(like[0])(part) for part in text.split(",")) if text.strip() else ()
        return type(like)(text)
    except (KeyError, ValueError):
        example = ",".join(map(str, like)) if isinstance(like, tuple) else like
        raise InputError(f"“{text}” is no value for {name}; give one like {example}.") from None
