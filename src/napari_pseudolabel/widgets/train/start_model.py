"""What the model is from which a training would start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.pseudo_label.label_jobs import InspectModel


class StartModels(QObject):
    """The segmenters that labels may come from: those of the list, and files that somebody has opened in another dock.

    Attributes
    ----------
    changed
        More is known of one of them.
    """

    changed = Signal()

    def __init__(self, runner: JobRunner) -> None:
        super().__init__()
        self._runner = runner
        self._listed: dict[str, ModelEntry] | None = None
        self._opened: dict[str, ModelEntry | None] = {}

    def set_listed(self, entries: Sequence[ModelEntry]) -> None:
        """Take the named models."""
        self._listed = {entry.ref: entry for entry in entries}

    def get(self, ref: str | None) -> ModelEntry | None:
        """Return what is known of a model; None where that is nothing yet."""
        return None if ref is None else (self._listed or {}).get(ref) or self._opened.get(ref)

    def look_into(self, ref: str) -> None:
        """Find out what a file is that is in no list, once the list is known, in a worker; `changed` follows."""
        if ref and self._listed is not None and ref not in self._listed and ref not in self._opened:
            self._opened[ref] = None
            self._runner.submit(
                InspectModel(ref, "segmenter"),
                "local",
                finished=partial(self._on_known, ref),
                failed=partial(self._on_failed, ref),
            )

    def _on_known(self, ref: str, entry: ModelEntry) -> None:
        self._opened[ref] = entry
        self.changed.emit()

    def _on_failed(self, ref: str, failure: Failure) -> None:
        problem = None if failure.cancelled else failure.sentence
        self._on_known(ref, ModelEntry(ref, Path(ref).name, "segmenter", problem=problem))
