"""The models a dock knows, and which of them it proposes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.models.proposals import Candidate, propose
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.choice.ways import ways
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import Kind, ModelEntry, ShownModality

_UNCLEAR = (
    "Nobody measured which models do best on {} images: what is possible is tried, and shown side by side."
)
_SAMPLE = "On samples all that is possible is tried on what is in view, and shown side by side; first labels come within seconds."


@dataclass(frozen=True)
class Way:
    """How images are labelled: a strategy and its models.

    Attributes
    ----------
    reason
        Why it is proposed, one sentence; empty for what the person chose.
    """

    strategy: str
    translator: str | None
    segmenter: str | None
    reason: str = ""

    @classmethod
    def of(cls, text: str | None) -> Way | None:
        """Return what `text` stands for, None if nothing."""
        strategy, *refs = (text or "").split("\n")
        if len(refs) != 2 or (known := registry.get(strategy)) is None or not known.labels:
            return None
        return cls(strategy, refs[0] or None, refs[1] or None)

    @property
    def text(self) -> str:
        """The way as it is remembered."""
        return "\n".join((self.strategy, self.translator or "", self.segmenter or ""))

    @property
    def models(self) -> tuple[tuple[Kind, str], ...]:
        """Its models by their kinds."""
        kinds: tuple[tuple[Kind, str | None], ...] = (
            ("translator", self.translator),
            ("segmenter", self.segmenter),
        )
        return tuple((kind, ref) for kind, ref in kinds if ref is not None)

    @property
    def complete(self) -> bool:
        """Whether the models are there that the strategy asks for."""
        roles = registry.find(self.strategy).roles
        return {kind for kind, _ in self.models} == set(roles)


def _way(modality: str) -> str:
    """Under which name it is remembered how images of a modality were labelled."""
    return "way for " + "".join(letter if letter.isalnum() else "_" for letter in modality.lower())


class Catalogue:
    """Named models and files that were opened, in the order in which they are listed."""

    def __init__(self, recent: RecentChoices) -> None:
        self._remembered = recent
        self._entries: dict[tuple[Kind, str], ModelEntry] = {}
        for kind in ("translator", "segmenter"):
            for path in recent.recent(kind):
                self.add(ModelEntry(path, Path(path).name, kind))

    def add(self, *entries: ModelEntry) -> None:
        """Add models, or replace what was known about them."""
        for entry in entries:
            self._entries[(entry.kind, entry.ref)] = entry

    def put_first(self, entries: Iterable[ModelEntry]) -> None:
        """Add models before all others."""
        new = {(entry.kind, entry.ref): entry for entry in entries}
        self._entries = {**new, **{key: old for key, old in self._entries.items() if key not in new}}

    def of(self, kind: Kind) -> list[ModelEntry]:
        """All models of a kind, titles told apart where two are the same."""
        entries = [entry for (one, _), entry in self._entries.items() if one == kind]
        titles = [entry.title for entry in entries]
        return [
            replace(entry, title=f"{entry.title} ({Path(entry.ref).parent.name})")
            if titles.count(entry.title) > 1 and ":" not in entry.ref[:7]
            else entry
            for entry in entries
        ]

    def get(self, kind: Kind, ref: str | None) -> ModelEntry | None:
        """Return a model, None if it is not known."""
        return self._entries.get((kind, ref)) if ref else None

    def way(self, modality: str, *, sample: bool = False) -> Way | None:
        """Return how images of a modality are labelled to begin with: as the person did it last, else as was measured best.

        Where nothing was measured, and on samples, what is possible is tried. None where the modality is unknown, or no model fits.
        """
        if not modality:
            return None
        if sample:
            return self._proposed(modality, sample=True)
        used = Way.of(self._remembered.last(_way(modality)))
        if used is not None and used.complete and all(self.get(*one) for one in used.models):
            return used
        return self._proposed(modality)

    def note_used(self, modality: str, used: Way) -> None:
        """Keep how the person labelled images of a modality, where that is another way than the proposed one."""
        if not modality:
            return
        proposed = self._proposed(modality)
        if proposed is None or replace(used, reason="") != replace(proposed, reason=""):
            self._remembered.remember(_way(modality), used.text)
        else:
            self._remembered.forget(_way(modality))

    def _proposed(self, modality: str, *, sample: bool = False) -> Way | None:
        usable = (entry for entry in self._entries.values() if entry.problem is None)
        models = [Candidate(entry.ref, entry.card) for entry in usable if entry.card is not None]
        found = propose(modality, models)
        if found is None:
            return None
        if (sample or not found.clear) and len(ways(modality, models)) > 1:
            reason = _SAMPLE if sample else _UNCLEAR.format(modality)
            return Way(AUTO.name, found.translator, found.segmenter, reason)
        roles = ("translator", "segmenter") if found.translator else ("segmenter",)
        strategy = next(one for one in registry.offered() if one.roles == roles)
        return Way(strategy.name, found.translator, found.segmenter, found.reason)

    def propose(self, kind: Kind, *, shown: ShownModality | None = None, last: bool = True) -> str | None:
        """Return the model to begin with: the one used last, else the only, or the first, that fits.

        Parameters
        ----------
        shown
            What the image shows that the model is to see. Where its modality is unknown nobody guesses among models of
            different modalities: the wrong one makes labels that only look like some.
        last
            Whether what was used last may be proposed.
        """
        shown = shown or ShownModality("")
        source = shown.modality
        usable = [entry for entry in self.of(kind) if entry.problem is None]
        fitting = [entry for entry in usable if shown.fits(entry)]
        if kind == "translator":
            # Of no use without a segmenter for what it makes.
            targets = [entry.source for entry in self.of("segmenter")]
            closed = [e for e in fitting if any(same_modality(e.target, target) for target in targets)]
            fitting = closed or fitting
        modalities = {entry.source for entry in fitting}
        used = self._remembered.last(kind) if (last or source) and (source or len(modalities) < 2) else None
        if any(entry.ref == used for entry in fitting):
            return used
        if not source and len(modalities) > 1:
            return None
        # A model that says that it fits goes before one that says nothing.
        fitting.sort(key=lambda entry: not entry.source)
        return fitting[0].ref if fitting else None
