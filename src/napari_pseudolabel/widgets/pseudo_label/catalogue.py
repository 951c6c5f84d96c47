"""The models a dock knows, and which of them it proposes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import Kind, ModelEntry, ShownModality


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

    def propose(self, kind: Kind, *, shown: ShownModality | None = None, last: bool = True) -> str | None:
        """Return the model to begin with: the one used last, else the only, or the first, that fits.

        Parameters
        ----------
        shown
            What the image shows that the model is to see. Where its modality is unknown nobody guesses among models of
            different modalities: the wrong one makes labels that only look like some.
        last
            Whether what was used last may be proposed where nothing tells what it has to take.
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
        used = self._remembered.last(kind) if last or source else None
        if any(entry.ref == used for entry in fitting):
            return used
        if not source and len(modalities) > 1:
            return None
        # A model that says that it fits goes before one that says nothing.
        fitting.sort(key=lambda entry: not entry.source)
        return fitting[0].ref if fitting else None
