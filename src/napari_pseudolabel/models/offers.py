"""A file or folder that is offered to the families, each of which takes it or says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_pseudolabel.budget import listed, open_regular
from napari_pseudolabel.errors import CheckpointError, PseudolabelError
from napari_pseudolabel.models.card_files import given_card
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.families import Family, Kind, families
from napari_pseudolabel.models.inspection import Inspection
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from torch import Tensor

    from napari_pseudolabel.models.translators.translator_archive import Contents, State

_IMAGES = {
    b"\x89PNG": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"II*\0": "TIFF image",
    b"MM\0*": "TIFF image",
    b"II+\0": "TIFF image",
    b"MM\0+": "TIFF image",
}
_FOREIGN = {
    b"\x89HDF": "HDF5 file (Keras weights, for example)",
    b"\x93NUM": "NumPy array",
    b"GGUF": "GGUF model",
    b"%PDF": "PDF document",
}


@dataclass(frozen=True, eq=False)
class Offer:
    """What the families are asked about; everything is read once, when one of them asks for it.

    Attributes
    ----------
    path
        A file or folder.
    card
        What the caller knows; wins over the sidecar and the file.
    which
        Which generator of a SynDiff ``content.pth``.
    """

    path: Path
    card: Card | Mapping[str, object] | None = None
    which: int | None = None

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of what is in a folder; empty for a file."""
        return frozenset(path.name for path in listed(self.path)) if self.path.is_dir() else frozenset()

    @cached_property
    def head(self) -> bytes:
        """First bytes of a file; empty for a folder."""
        if self.path.is_dir():
            return b""
        with open_regular(self.path) as file:
            return file.read(16)

    @property
    def foreign(self) -> tuple[str, str] | None:
        """What a file of another trade is, and the sentence about it."""
        name = self.path.name
        for magic, what in _IMAGES.items():
            if self.head.startswith(magic):
                return what, f"{name} is an image, where a checkpoint was expected."
        for magic, what in _FOREIGN.items():
            if self.head.startswith(magic):
                return what, f"{name} is a {what}, which cannot be used as a checkpoint."
        return None

    @property
    def is_zip(self) -> bool:
        """Whether it is a zip file as `torch.save` and ``torch.jit.save`` write it."""
        return self.foreign is None and self.head.startswith(b"PK\x03\x04")

    @property
    def has_weights(self) -> bool:
        """Whether it may hold PyTorch weights."""
        return self.foreign is None and (
            self.path.suffix == ".safetensors" or self.head.startswith((b"PK\x03\x04", b"\x80"))
        )

    @property
    def has_json(self) -> bool:
        """Whether a file may be JSON."""
        return not (self.foreign or self.has_weights) and self.head.lstrip()[:1] in (b"{", b"[")

    @cached_property
    def given(self) -> JsonObject:
        """Everything known besides the weights; see `card_files.given_card`."""
        return given_card(self.path, self.card)

    @property
    def said_family(self) -> str | None:
        """The family that its card names; None if there is none, or no card that can be read."""
        try:
            said = self.given.get("family")
        except CheckpointError:
            return None
        return said if isinstance(said, str) else None

    @property
    def contents(self) -> Contents:
        """The weights of a translator, and what else the file says; raises as `translator_archive.read_contents` does."""
        if isinstance(self._contents, PseudolabelError):
            raise self._contents
        return self._contents

    @property
    def state(self) -> State:
        """Weights by name that may be a translator's; empty if there are none, or they cannot be read."""
        if not self.has_weights or self.given.get("kind") == "segmenter":
            return {}
        return {} if isinstance(self._contents, PseudolabelError) else self._contents.state

    @cached_property
    def weights(self) -> Mapping[str, Tensor]:
        """Weights by name, where a file holds them alone or beside little else as trainings write them; else empty."""
        return self.entry("model_state") or _tensors(self._dictionary)

    def entry(self, name: str) -> Mapping[str, Tensor]:
        """Weights that the dictionary in a file of weights has under a name; empty if it has none."""
        return _tensors(self._dictionary.get(name))

    def holds(self, name: str) -> bool:
        """Whether the dictionary in a file of weights has an entry of that name."""
        return name in self._dictionary

    @property
    def _dictionary(self) -> Mapping[object, object]:
        value = self._value if self.has_weights else None
        return value if isinstance(value, Mapping) else {}

    # What went wrong is kept too: a file that is refused is not read again for the next family.
    @cached_property
    def _value(self) -> object:
        from napari_pseudolabel.models.translators.translator_archive import read_value

        try:
            return read_value(self.path)
        except PseudolabelError as error:
            return error

    @cached_property
    def _contents(self) -> Contents | PseudolabelError:
        from napari_pseudolabel.models.translators.translator_archive import read_contents

        if isinstance(self._value, PseudolabelError):
            return self._value
        try:
            return read_contents(self.path, self.which, self._value)
        except PseudolabelError as error:
            return error


def _tensors(value: object) -> Mapping[str, Tensor]:
    """Weights in a dictionary; empty if it is none."""
    from torch import Tensor

    from napari_pseudolabel.models.safe_load import strip_prefixes

    if not isinstance(value, Mapping):
        return {}
    own = strip_prefixes({name: one for name, one in value.items() if isinstance(name, str)})
    return {name: one for name, one in own.items() if isinstance(one, Tensor)}


class FamilyHome(Protocol):
    """What the home of a family has, usually as functions of a module."""

    def declines(self, offer: Offer) -> str:
        """Why it is not of this family, as a clause ("no safetensors file"); empty if it is."""

    def describes(self, offer: Offer) -> Inspection | None:
        """Say what it is without running anything from it, also what belongs to a model but is none.

        None if this family does not know it.
        """

    def loads(self, offer: Offer) -> Any:
        """Return a `Segmenter` or a `Translator`."""


_SENTENCES: dict[Kind, str] = {
    "segmenter": "{} is not a segmenter: it is {}.",
    "translator": "{} is no translator: {}.",
}


def home_of(family: Family) -> FamilyHome:
    """Return what a family can do."""
    home: FamilyHome = family.code
    return home


def choose(offer: Offer, kind: Kind) -> FamilyHome:
    """Return the family that takes a model; the one that its card names is asked first.

    Raises
    ------
    CheckpointError
        If none does; gives the reason of each.
    """
    reasons: list[str] = []
    failed: PseudolabelError | None = None
    for home in map(home_of, families(kind, first=offer.said_family)):
        try:
            reason = home.declines(offer)
        except PseudolabelError as error:  # another family may read other files
            failed = failed or error
            continue
        if not reason:
            return home
        reasons += [] if reason in reasons else [reason]
    if failed is not None:
        raise failed
    *others, last = reasons
    told = f"{', '.join(others)}, and {last}" if others else last
    raise CheckpointError(_SENTENCES[kind].format(offer.path.name, told))
