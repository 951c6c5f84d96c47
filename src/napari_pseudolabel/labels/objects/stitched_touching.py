"""Objects of one class that touch, such as nuclei, told apart in a plane that does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.block_pieces import Components
from napari_pseudolabel.labels.objects.components import component_at
from napari_pseudolabel.labels.objects.plane_blocks import BLOCK_PX, LargePlane, blocks
from napari_pseudolabel.labels.objects.touching import divided
from napari_pseudolabel.labels.windows import Window, moved
from napari_pseudolabel.types import Array


def told_apart(
    plane: LargePlane, values: Array, window: Window, components: Components, aspect: float = 1.0
) -> Iterator[tuple[Window, NDArray[np.int32]]]:
    """Yield the components that begin in a block, with their objects.

    Parameters
    ----------
    values
        (h, w): what the plane holds in a block of `blocks`.
    aspect
        Height of a pixel by its width.

    Yields
    ------
    window, objects
        Of the plane, and (h, w) int32 of that: 1 to n, 0 elsewhere.
    """
    pieces, names = components.in_block(values, window)
    offset = components.offset(window)
    for number, box in enumerate(ndi.find_objects(pieces), start=1):
        piece = offset + number
        first, last = components.ends[names[number]]
        if piece != first:
            continue  # it began in another block
        mask = pieces[box] == number
        if first == last:
            yield moved(box, window), divided(mask, aspect=aspect)
            continue
        at = box[0].start + window[0].start, box[1].start + window[1].start + int(mask[0].argmax())
        found = component_at(plane, at)  # type: ignore[arg-type]  # windows are all that it reads
        assert found is not None
        yield found.window, divided(found.mask, aspect=aspect)


def count_touching(
    plane: LargePlane,
    value: int,
    side: int = BLOCK_PX,
    check: Callable[[], None] = lambda: None,
    aspect: float = 1.0,
) -> int:
    """Return how many objects of a class that may touch there are in a plane; `check` is called after every block.

    For `aspect` see `told_apart`.
    """
    components = Components.of(plane, value, side, done=check)
    count = 0
    for window in blocks(plane.shape, side):
        values = np.asarray(plane[window])
        count += sum(
            int(objects.max()) for _, objects in told_apart(plane, values, window, components, aspect)
        )
        check()
    return count
