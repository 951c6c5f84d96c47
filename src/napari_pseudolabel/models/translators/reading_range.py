"""Which raw values become -1 and 1 in a translator: what its card says, or what the program reads that trained it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pseudolabel.models.card_files import read_header_card
from napari_pseudolabel.models.cards import Normalisation
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.types import JsonObject

_FIELD = "normalisation"
# SynDiff reads values from 0 to 1, AxonDeepSynth and CycleGAN 8-bit images: the same pictures, see `usual_range`.
_EIGHT_BITS = (0.0, 255.0)


@dataclass(frozen=True)
class ReadingRange:
    """A normalisation and how it is known.

    Attributes
    ----------
    said
        Of the card; None where that is the default.
    inferred, assumed
        ``("normalisation",)`` if it was concluded from the program that wrote the file, or from what such programs
        have in common; else empty.
    """

    said: JsonObject | None
    inferred: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @classmethod
    def of(cls, offer: Offer) -> ReadingRange:
        """Find it: the card goes before the file, and the file before what is common."""
        given = offer.given.get(_FIELD)
        if given is not None:
            return cls(given)
        header = read_header_card(offer.path)
        if header is not None:  # in a file of our own, silence means percentiles
            kept = header.get(_FIELD)
            if not isinstance(kept, dict):
                return cls(None, assumed=(_FIELD,))
            concluded = _FIELD in (header.get("inferred") or ())
            return cls(kept, inferred=(_FIELD,)) if concluded else cls(kept, assumed=(_FIELD,))
        reads = offer.contents.reads
        low, high = _EIGHT_BITS if reads is None else reads
        said = Normalisation(kind="range", low=low, high=high).model_dump()
        return cls(said, assumed=(_FIELD,)) if reads is None else cls(said, inferred=(_FIELD,))
