"""Which folds of a model folder are averaged, and which checkpoint of each.

nnU-Net v2 averages the numbered folds that have a ``checkpoint_final.pth``. AxonDeepSeg, which ships such folders, takes
``fold_all`` before numbered ones and ``checkpoint_best.pth`` before the final one. The same folder gives other labels
either way, so it is told who wrote it as far as it can be, and what was taken is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_pseudolabel.errors import CheckpointError

Fold = int | Literal["all"]
Order = Literal["nnU-Net", "AxonDeepSeg"]
CHECKPOINTS = ("final", "best")
"""Names of checkpoints in the order of nnU-Net."""

_RELEASED = "model_seg_"  # how AxonDeepSeg names the folders of its models
_OWN_NAME = re.compile(r".+__.+__.+")  # how nnU-Net names them: trainer, plans, configuration
_THEIR_CLASSES = {"axon", "myelin"}
_BEFORE: dict[Order, tuple[str, ...]] = {"nnU-Net": CHECKPOINTS, "AxonDeepSeg": CHECKPOINTS[::-1]}


@dataclass(frozen=True)
class FoldChoice:
    """What is loaded of a folder.

    Attributes
    ----------
    checkpoint
        One of `CHECKPOINTS`, the same for all folds.
    files
        By fold, in the order in which they are averaged.
    notes
        Sentences for the person, where there was a choice or something was left out.
    assumed
        Names of what another program, or the card, would choose otherwise.
    """

    checkpoint: str
    files: dict[Fold, Path]
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


def choose_folds(
    folder: Path,
    classes: Iterable[str],
    checkpoint: str | None = None,
    folds: Sequence[Fold] | None = None,
) -> FoldChoice:
    """Choose as the program does that the folder is of, unless it is said.

    Parameters
    ----------
    folder
        Holds ``fold_K/checkpoint_*.pth``.
    classes
        Names of the labels of ``dataset.json``.
    checkpoint, folds
        Chosen by the caller or the card; None leaves the choice to the order of the program.

    Raises
    ------
    CheckpointError
        If nothing is there, or not what is asked for.
    """
    if checkpoint is not None and checkpoint not in CHECKPOINTS:
        raise CheckpointError(f"An nnU-Net checkpoint is “final” or “best”, not “{checkpoint}”.")
    there = _found(folder)
    order, sure = _order_of(folder, set(classes), there)
    taken = _taken(folder, there, order, checkpoint, folds)
    if checkpoint is not None and folds is not None:
        return FoldChoice(*taken)
    notes = _told(there, taken, order, asked=checkpoint is not None or folds is not None)
    if sure or not set(classes) >= _THEIR_CLASSES:
        return FoldChoice(*taken, notes)
    (other,) = (one for one in _BEFORE if one != order)
    otherwise = _taken(folder, there, other, checkpoint, folds)
    assumed = [
        name
        for name, differs in (
            ("folds", otherwise[1].keys() != taken[1].keys()),
            ("checkpoint", otherwise[0] != taken[0]),
        )
        if differs
    ]
    if assumed:
        notes += (
            f"{other} would take {_named(*otherwise)}; if the model is used there, write folds and checkpoint into its "
            "card.",
        )
    return FoldChoice(*taken, notes, tuple(assumed))


def as_folds(value: object) -> tuple[Fold, ...] | None:
    """Check the folds that a card asks for; None if it asks for none.

    Raises
    ------
    CheckpointError
        If they are no numbers and not "all".
    """
    if value is None:
        return None
    items = value if isinstance(value, (list, tuple)) else [value]
    folds: list[Fold] = []
    for item in items:
        if item == "all":
            folds.append("all")
        elif isinstance(item, int) and not isinstance(item, bool) and item >= 0:
            folds.append(item)
        else:
            raise CheckpointError(
                f"The card asks for the fold {str(item)[:40]!r}; folds are numbers or “all”, as in [0, 1]."
            )
    if not folds:
        raise CheckpointError("The card asks for no folds; name some, as in [0, 1], or leave folds out.")
    return tuple(dict.fromkeys(folds))


def fold_names(folds: Iterable[object]) -> str:
    """Return folds as their folders are called, for a sentence."""
    return ", ".join(f"fold_{fold}" for fold in folds) or "no folds"


_Found = Mapping[str, dict[Fold, Path]]
_Taken = tuple[str, dict[Fold, Path]]


def _found(folder: Path) -> _Found:
    """Files by name of the checkpoint and fold; numbered folds first, ascending."""
    found: dict[str, dict[Fold, Path]] = {kind: {} for kind in CHECKPOINTS}
    folders: dict[Fold, Path] = {}
    for path in sorted(folder.glob("fold_*")):
        number = path.name.removeprefix("fold_")
        if number == "all" or number.isdecimal():
            folders["all" if number == "all" else int(number)] = path
    for fold in sorted(folders, key=lambda fold: (fold == "all", fold if fold != "all" else 0)):
        for kind, files in found.items():
            if (file := folders[fold] / f"checkpoint_{kind}.pth").is_file():
                files[fold] = file
    return found


def _order_of(folder: Path, classes: set[str], there: _Found) -> tuple[Order, bool]:
    """Whose folder it is, and whether that is sure: the one by its name, or by its classes and folds."""
    whole = folder.resolve()
    if any(name.startswith(_RELEASED) for name in (whole.name, whole.parent.name)):
        return "AxonDeepSeg", True
    if _OWN_NAME.fullmatch(whole.name) or not classes >= _THEIR_CLASSES:
        return "nnU-Net", False
    return ("AxonDeepSeg" if any("all" in files for files in there.values()) else "nnU-Net"), False


def _taken(
    folder: Path, there: _Found, order: Order, checkpoint: str | None, folds: Sequence[Fold] | None
) -> _Taken:
    kinds = _BEFORE[order] if checkpoint is None else (checkpoint,)
    if folds is not None:
        return _asked(folder, there, kinds, folds)
    everything = list(dict.fromkeys(fold for files in there.values() for fold in files))
    if order == "AxonDeepSeg" and "all" in everything:
        return _asked(folder, there, kinds, ["all"])
    for kind in kinds:
        numbered: dict[Fold, Path] = {fold: path for fold, path in there[kind].items() if fold != "all"}
        if files := numbered or there[kind]:
            return kind, files
    unfinished = any(folder.glob("fold_*/checkpoint_latest.pth"))
    more = (
        " Its training has not ended: call a checkpoint_latest.pth checkpoint_best.pth to use it."
        if unfinished
        else ""
    )
    raise CheckpointError(
        f"There is no fold_0/checkpoint_{kinds[0]}.pth, nor one of another fold, in {folder}.{more}"
    )


def _asked(folder: Path, there: _Found, kinds: Sequence[str], folds: Sequence[Fold]) -> _Taken:
    """Return the first kind of checkpoint that all of the folds have."""
    for kind in kinds:
        if all(fold in there[kind] for fold in folds):
            return kind, {fold: there[kind][fold] for fold in folds}
    absent = next(fold for fold in folds if fold not in there[kinds[0]])
    raise CheckpointError(
        f"There is no fold_{absent}/checkpoint_{kinds[0]}.pth in {folder}; {fold_names(there[kinds[0]])} are there."
    )


def _told(there: _Found, taken: _Taken, order: Order, asked: bool) -> tuple[str, ...]:
    checkpoint, files = taken
    everything = list(dict.fromkeys(fold for kind in there.values() for fold in kind))
    lacking = [fold for fold in everything if fold != "all" and fold not in there[checkpoint]]
    others = [f"fold_{fold}" for fold in everything if fold not in files and fold not in lacking]
    others += [
        f"checkpoint_{kind}"
        for kind in CHECKPOINTS
        if kind != checkpoint and all(fold in there[kind] for fold in files)
    ]
    notes = []
    if not asked and (order != "nnU-Net" or others):
        more = f"; there too: {', '.join(others)}" if others else ""
        notes.append(f"{_named(*taken)} was taken, as {order} does{more}.")
    if not asked and lacking:
        notes.append(f"Without a checkpoint_{checkpoint}.pth, and left out: {fold_names(lacking)}.")
    if not asked and order == "nnU-Net" and checkpoint != "final":
        notes.append(f"No fold has a checkpoint_final.pth, so checkpoint_{checkpoint}.pth was taken.")
    return tuple(notes)


def _named(checkpoint: str, files: Mapping[Fold, Path]) -> str:
    return f"{fold_names(files)} with checkpoint_{checkpoint}"
