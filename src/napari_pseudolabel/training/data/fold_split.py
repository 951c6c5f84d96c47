"""Which files validate in which fold: no file, and no copy of one, is ever on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.training_inputs import by_file, split_by_file


def validation_files(
    planes: Sequence[LabelledPlane],
    *,
    folds: int,
    share: float,
    seed: int,
    chosen: Sequence[str] = (),
) -> tuple[frozenset[str], ...]:
    """Names of the files that validate, one set for each fold.

    Parameters
    ----------
    planes
        All planes of a file carry its name.
    folds
        With more than one, every file validates in exactly one of them.
    share
        Of the files, in (0, 1), with one fold.
    seed
        Decides which.
    chosen
        Parts of names, instead of a share: the files whose names hold one validate.

    Raises
    ------
    InputError
        If there are fewer different files than the split needs, or `chosen` fits all files or none.
    """
    if chosen:
        return (_chosen(planes, folds, chosen),)
    if folds == 1:
        return (frozenset(plane.name for plane in split_by_file(planes, share, seed).validation),)
    groups = by_file(planes)
    if len(groups) < folds:
        raise InputError(
            f"{folds} folds need at least {folds} different labelled images, but there are {len(groups)}; "
            "ask for fewer folds."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    return tuple(
        frozenset(plane.name for position in order[fold::folds] for plane in groups[position])
        for fold in range(folds)
    )


def _chosen(planes: Sequence[LabelledPlane], folds: int, chosen: Sequence[str]) -> frozenset[str]:
    if folds > 1:
        raise InputError("With several folds every file validates once; leave out the validation files.")
    groups = [{plane.name for plane in group} for group in by_file(planes)]
    for part in chosen:
        if not any(part in name for group in groups for name in group):
            raise InputError(f"No labelled image has “{part}” in its name; correct the validation files.")
    # A copy of a validation image under another name is kept out as well.
    found = [group for group in groups if any(part in name for name in group for part in chosen)]
    if len(found) == len(groups):
        raise InputError("All labelled images were chosen for validation; leave some for the training.")
    return frozenset().union(*found)
