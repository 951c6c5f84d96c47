"""Whether an image and models fit each other: what one shows or makes, the next has to take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card

ANOTHER = "something else"
"""What an image shows that is of none of the modalities that the models know."""

ANY = "any"
"""What a translator takes that was trained on nothing that it is given: images of any modality."""


@dataclass(frozen=True)
class Link:
    """A model in the chain that an image goes through.

    Attributes
    ----------
    kind
        As of its card.
    name
        As the person knows it.
    takes, makes
        Modalities, empty where the card does not tell; a segmenter makes none.
    """

    kind: str
    name: str
    takes: str
    makes: str = ""

    @classmethod
    def of(cls, card: Card, name: str = "") -> Link:
        """Return what a card says about a model.

        Parameters
        ----------
        name
            Used where the card has none.
        """
        takes, makes = (side.name if side else "" for side in (card.source, card.target))
        return cls(card.kind, card.name or name, takes, makes)


def same_modality(one: str, other: str) -> bool:
    """Whether two modalities agree as far as they are known (empty: not; `ANY`: all do); case and punctuation do not count."""
    return not one or not other or ANY in (one, other) or _words(one) == _words(other)


def misfit(chain: Sequence[Link], modality: str = "", image: str = "") -> str | None:
    """Say in one sentence which two do not fit; None if all do, as far as they are known; see `first_misfit`."""
    found = first_misfit(chain, modality, image)
    return found[1] if found is not None else None


def first_misfit(chain: Sequence[Link], modality: str = "", image: str = "") -> tuple[Link, str] | None:
    """Return the first model that does not take what it is given, and a sentence that names both.

    Parameters
    ----------
    chain
        The models in the order in which the image meets them: a translator or none, then segmenters side by side.
    modality, image
        What the image shows, and its name; empty if unknown.

    Returns
    -------
    tuple of Link and str, or None
        None if all fit, as far as they are known.
    """
    # What the models make of one another first: it is wrong for every image.
    for given in dict.fromkeys(("", modality)):
        giver = None
        for link in chain:
            if not same_modality(given, link.takes):
                return link, _misfit(link, given, giver, image)
            if link.kind == "translator":
                given, giver = link.makes, link
    return None


def refuse_misfit(chain: Sequence[Link], modality: str = "", image: str = "") -> None:
    """Raise what `misfit` says as an InputError."""
    if why := misfit(chain, modality, image):
        raise InputError(why)


def assumptions(chain: Sequence[Link], modality: str = "", image: str = "") -> tuple[str, ...]:
    """Sentences about what had to be assumed, because a modality is not known; parameters as of `misfit`."""
    told = []
    given, giver = modality, None
    for link in chain:
        shown = f"what “{giver.name}” makes" if giver is not None else f"what {image or 'the image'} shows"
        if link.takes == ANY:
            pass
        elif link.takes and not given:
            told.append(f"It is not known {shown}; it was taken for {link.takes}, as “{link.name}” expects.")
        elif given and not link.takes:
            told.append(f"“{link.name}” does not say what it expects; {shown} ({given}) was taken to fit.")
        elif not given:
            told.append(
                f"It is not known whether {shown} is what “{link.name}” expects; it was taken to fit."
            )
        if link.kind == "translator":
            given, giver = link.makes, link
    return tuple(told)


def expects(card: Card) -> str:
    """Return what a model expects of an image in a few words, such as "SEM, 0.12 µm" or "purple stain, colour, 0.5 µm"."""
    source = card.source
    named = source.name if source and source.name else "images of an unknown kind"
    parts = ["images of any kind" if named == ANY else named]
    channels = channels_of(card)
    if channels != 1:
        parts.append("colour" if channels == 3 else f"{channels} channels")
    if source and source.pixel_size_um:
        parts.append(f"{source.pixel_size_um:.2g} µm")
    elif source and source.object_size_px:
        parts.append(f"objects of {source.object_size_px:.3g} px")
    return ", ".join(parts)


def channels_of(card: Card) -> int:
    """How many channels of an image a model is given at once."""
    found = card.architecture.get("in_channels", 1)
    return found if isinstance(found, int) else 1


def channel_misfit(
    models: Sequence[tuple[str, int]], image: str, channels: int, *, translates: bool
) -> tuple[int, str] | None:
    """Return which model takes another number of channels than it is given, and a sentence that says so; None if all fit.

    Parameters
    ----------
    models
        Name and number of channels, in the order in which the image meets them; a translator that comes first makes as many.
    image, channels
        Name of the image, and how many channels it has. Of several that models do not take together one is chosen.
    """
    if not models:
        return None
    first, wanted = models[0]
    for number, (name, own) in enumerate(models):
        if own != wanted:
            does = "makes" if translates else "takes"
            return (
                number,
                f"{name} takes {own} channels, but {first} {does} {wanted}; choose models that fit each other.",
            )
    if wanted in (1, channels):
        return None
    has = f"{image} has {channels} channel{'s'[: channels > 1]}, but {first} takes {wanted}"
    return 0, f"{has}; choose another image, or another segmenter."


def takes_colours(card: Card) -> bool:
    """Whether a model is made for colour images such as those of stains, be it for their luminance."""
    name = _words(card.source.name) if card.source else ""
    return channels_of(card) == 3 or any(word in name for word in (" stain ", " rgb ", " colour ", " color "))


def _misfit(link: Link, given: str, giver: Link | None, image: str) -> str:
    what = f"“{link.name}” was trained on {link.takes}"
    if link.kind == "translator":
        what = f"“{link.name}” takes {link.takes} images"
    if giver is not None:
        return (
            f"{what}, but the translator makes {given} images (“{giver.name}”); "
            f"choose a segmenter trained on {given}, or another translator."
        )
    named = f" (“{image}”)" if image else ""
    if given == ANOTHER:
        return (
            f"{what}, but this image shows something else{named}; choose a model that was made for such images, "
            "or correct what the image is."
        )
    wanted = (
        f"choose a translator that takes {given}"
        if link.kind == "translator"
        else f"choose a segmenter trained on {given}, or translate the image first"
    )
    return f"{what}, but this image is {given}{named}; {wanted}, or correct what the image is."


def _words(text: str) -> str:
    """Letters and digits, lower case, with one blank around every word."""
    words = re.findall(r"[^\W_]+", text.lower())
    return f" {' '.join(words)} "
