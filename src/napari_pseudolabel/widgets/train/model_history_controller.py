"""The history of the workspace's models: read, added to, gone back in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.model_list import ModelList, ModelRow
from napari_pseudolabel.workspace import ModelHistory, WorkspaceModel


@dataclass(frozen=True)
class HistoryRead:
    """The models of a workspace, newest last, and the reference of the one in use (None: the first of all)."""

    entries: tuple[WorkspaceModel, ...] = ()
    current: str | None = None
    added: WorkspaceModel | None = None

    @classmethod
    def of(cls, history: ModelHistory, added: WorkspaceModel | None = None) -> HistoryRead:
        """Return what the history says now."""
        return cls(history.entries(), history.current(), added)


class ModelHistoryController(QObject):
    """Keeps the list of models in the view.

    Attributes
    ----------
    read
        What the history said last.
    changed
        The history was read again.
    used
        Emitted with the reference of a model that shall be used from now on.
    """

    changed = Signal()
    used = Signal(str)

    def __init__(
        self,
        view: ModelList,
        executor: SerialExecutor,
        history: Callable[[], ModelHistory],
        failed: Callable[[Failure], None],
    ) -> None:
        super().__init__()
        self.read = HistoryRead()
        self._view = view
        self._executor = executor
        self._history = history
        self._failed = failed
        view.chosen.connect(self.choose)

    def refresh(self) -> None:
        """Read the history."""
        self._run(lambda history: None)

    def add(self, checkpoint: bytes, then: Callable[[WorkspaceModel], None], **fields: Any) -> None:
        """Put a model into the history, then hand its entry to `then`; a promoted one is used from now on."""

        def done(read: HistoryRead) -> None:
            if read.added is not None:
                if read.added.promoted:
                    self.used.emit(str(read.added.path))
                then(read.added)

        self._run(lambda history: history.add(checkpoint, **fields), done)

    def choose(self, id: str | None) -> None:
        """Use a model of the history; None for the one the workspace began with."""

        def done(read: HistoryRead) -> None:
            ref = read.current or first_of(read.entries)
            if ref:
                self.used.emit(ref)

        self._run(lambda history: history.choose(id), done)

    def _run(
        self,
        change: Callable[[ModelHistory], WorkspaceModel | None],
        then: Callable[[HistoryRead], None] = lambda read: None,
    ) -> None:
        """Change the history beside the window, show what it says now, and go on."""

        def work() -> HistoryRead:
            history = self._history()
            return HistoryRead.of(history, change(history))

        def done(read: HistoryRead) -> None:
            self._on_read(read)
            then(read)

        self._executor.run(work, done, self._failed)

    def _on_read(self, read: HistoryRead) -> None:
        self.read = read
        self._view.set_models(*rows_of(read, datetime.now(UTC)))
        self.changed.emit()


def first_of(entries: Sequence[WorkspaceModel]) -> str:
    """Return reference of the model that the workspace began with; empty if it began with none."""
    return str(entries[0].parent or "") if entries else ""


def start_of(read: HistoryRead, recorded: str | None) -> str:
    """Return reference of the model a training starts from; empty for none.

    Labels know the model that made them. Where the model in use descends from it, that one goes on; where it
    does not, it belongs to other images.
    """
    if recorded is None:
        return read.current or first_of(read.entries)
    parents = {str(entry.path): str(entry.parent or "") for entry in read.entries}
    ref = read.current or ""
    while ref and ref != recorded:
        ref = parents.get(ref, "")
    return read.current if ref and read.current else recorded


def rows_of(read: HistoryRead, now: datetime) -> tuple[list[ModelRow], str | None]:
    """Lines of the list, newest first, and the id of the model in use."""
    rows = []
    for entry in reversed(read.entries):
        before = entry.before.mean if entry.before else None
        score = entry.score.mean if entry.score else None
        number = train_sentences.score_text(before, score)
        title = f"{number}  {train_sentences.when(entry.date, now)}  {entry.name}"
        rows.append(ModelRow(entry.id, title, _tooltip(entry), entry.promoted))
    first = first_of(read.entries)
    if first:
        name = first.rpartition("/")[2].removesuffix(".safetensors").rpartition(":")[2]
        rows.append(ModelRow(None, f"{name}, where it began", f"File: {first}"))
    current = next((entry.id for entry in read.entries if str(entry.path) == read.current), None)
    return rows, current


def _tooltip(entry: WorkspaceModel) -> str:
    lines = [
        entry.name,
        f"File: {entry.path}",
        f"Started from: {entry.parent or 'nothing'}",
        f"{entry.date:%d %B %Y}",
    ]
    if entry.score is not None:
        for measure, values in (("Dice", entry.score.per_class), ("F1 of objects", entry.score.f1)):
            if values:
                told = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
                lines.append(f"Validation {measure}: {told}")
    if entry.note:
        lines.append(entry.note)
    return "\n".join([*lines, "Click to use this model from now on."])
