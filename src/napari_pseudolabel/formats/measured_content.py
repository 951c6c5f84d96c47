"""The objects of what is exported, measured with the numbers that exports give them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.formats.format import FileContent
from napari_pseudolabel.labels.measures import UNNAMED, Kind, Measures, kind_for, measure
from napari_pseudolabel.models.cards import LabelClass


def measured(
    content: FileContent,
    kind: Kind | None = None,
    spacing: tuple[float, float] | None = None,
    *,
    done: Callable[[], object] = lambda: None,
    check: Callable[[], object] = lambda: None,
) -> Measures:
    """Measure all objects; values that number objects are taken as that.

    Parameters
    ----------
    kind
        "fibres" or "objects"; None for fibres where there are axons, myelin and a pixel size.
    spacing
        Height and width of a pixel in micrometres; None for what the placement says.
    done, check
        As for `labels.measures.measure`.

    Raises
    ------
    InputError
        As `labels.measures.measure`, and where pixels are sheared.
    """
    assert content.labels is not None
    spacing = spacing or content.placement.pixel_sides_um()
    labels: NDArray[np.integer] = np.asarray(content.labels)
    sure = None if content.confidence is None else np.asarray(content.confidence, np.float32)
    classes = content.classes
    if content.numbered:
        name = content.named[0].name if content.named else UNNAMED
        labels, classes = (labels > 0).astype(np.uint8), (LabelClass(name=name, value=1),)
    return measure(
        labels,
        classes,
        kind or kind_for(classes, spacing),
        spacing=spacing,
        labelled=content.labelled,
        confidence=sure,
        instances=content.instances,
        done=done,
        check=check,
    )
