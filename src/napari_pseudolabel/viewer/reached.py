"""Where predictions have been, for layers that do not know it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def evidence(record: Mapping[str, Any] | None, labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Where predictions must have been, as far as the labels and the record of their layer tell.

    A label is evidence, and so is a run that reached all of its region, unless none of its labels is left
    there: then it was undone. The rest counts as never predicted, because a person can say that something
    is background, but nobody can see that it was taken for background by mistake.

    Parameters
    ----------
    record
        Of a layer that the plugin made, see `records`.
    labels
        (..., Y, X) as the predictions have left them.

    Returns
    -------
    NDArray
        bool, shape of the labels.
    """
    # Zeros take no memory until they are written.
    found = np.zeros(labels.shape, bool)
    if not labels.any():
        return found
    found |= labels != 0
    for run in (record or {}).get("runs", ()):
        if run.get("complete") is False:
            continue  # which of its parts arrived is not noted
        y0, x0, y1, x1 = run["region"]
        for index in map(tuple, run["planes"]):
            part = (*index, slice(y0, y1), slice(x0, x1))
            if labels[part].any():
                found[part] = True
    return found
