"""What a card takes for granted because the weights do not tell it, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection

from napari_pseudolabel.models.cards import Card, Normalisation


def assumed_line(card: Card, whose: str = "", elsewhere: Collection[str] = ()) -> str:
    """Say in one sentence what was assumed about a model; empty if nothing was.

    Parameters
    ----------
    card
        Its card.
    whose
        The model, where there may be several.
    elsewhere
        Names of what other sentences tell.
    """
    parts: list[str] = []
    told = {*elsewhere, *_OWN_SENTENCE}
    for name in card.assumed:
        if name in told:
            continue
        together = next((names for names in _TOGETHER if name in names), (name,))
        told.update(together)
        say = _PHRASES.get(together[0])
        what = say(card) if say is not None else _value(card, name)
        parts.append(f"{what} ({', '.join(one for one in together if one in card.assumed)})")
    if not parts:
        return ""
    about = f" of {whose}" if whose else ""
    return f"Assumed{about}, because the weights do not tell: {'; '.join(parts)}."


# Said in one breath.
_TOGETHER = (("beta_min", "beta_max"),)
# Told by the loader, with what else was there.
_OWN_SENTENCE = ("folds", "checkpoint")


def _value(card: Card, name: str) -> str:
    value = {**card.architecture, **card.schedule}.get(name)
    return name.replace("_", " ") + ("" if value is None else f" {_text(value)}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _intensities(card: Card) -> str:
    said: Normalisation = card.normalisation
    if said.kind == "percentile":
        return f"intensities by the percentiles {said.low:g} and {said.high:g}, and not by a fixed range"
    if said.kind == "none":
        return "intensities as they are"
    return (
        f"intensities from {said.low:g} to {said.high:g}, as the program that trained such models reads images, and not by "
        "percentiles"
    )


def _switch(name: str, yes: str, no: str) -> Callable[[Card], str]:
    return lambda card: yes if {**card.architecture, **card.schedule}.get(name) else no


def _spacing(card: Card) -> str:
    height, width = card.architecture["spacing"]
    return f"pixels of {height:g} x {width:g} in units of a pixel of the image, at the scale of the run"


_PHRASES: dict[str, Callable[[Card], str]] = {
    "num_timesteps": lambda card: f"{card.schedule['num_timesteps']} steps",
    "beta_min": lambda card: f"noise from {card.schedule['beta_min']:g} to {card.schedule['beta_max']:g}",
    "use_geometric": _switch("use_geometric", "a geometric schedule", "no geometric schedule"),
    "centered": _switch("centered", "input from -1 to 1", "input from 0 to 1"),
    "fir": _switch("fir", "resampling with a filter", "resampling without a filter"),
    "fir_kernel": lambda card: f"the filter {_text(card.architecture['fir_kernel'])}",
    "skip_rescale": _switch("skip_rescale", "shortcuts scaled down", "shortcuts as they are"),
    "not_use_tanh": _switch("not_use_tanh", "no tanh at the end", "a tanh at the end"),
    "image_size": lambda card: f"tiles of {card.architecture['image_size']} pixels",
    "attn_resolutions": lambda card: f"attention at {_text(card.architecture['attn_resolutions'])} pixels",
    "normalisation": _intensities,
    "spacing": _spacing,
    "mirroring": lambda card: "no flips in prediction",
    "trainer": lambda card: f"that {card.architecture['trainer']} left the network as the plans describe it",
    "tile": lambda card: f"tiles of {card.architecture.get('tile', 256)} pixels",
    "stride": lambda card: f"tiles in multiples of {card.architecture['stride']} pixels",
    "in_channels": lambda card: "images of one channel",
    "classes": lambda card: f"what it finds is called “{card.classes[-1].name}”",
    "threshold": lambda card: "a class where its probability is above 0.5",
}
