"""Label files with what their provenance knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError, PseudolabelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pseudolabel.exporting import Provenance
    from napari_pseudolabel.imaging import Image
    from napari_pseudolabel.imaging.reading.read_request import Position


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """Labels as they are in a file.

    Attributes
    ----------
    image
        The file.
    labels
        Its values; 0 where nothing is labelled.
    labelled
        Same shape: where something is; None: everywhere.
    known
        Its provenance, None without.
    sources
        The files that were read.
    """

    image: Image
    labels: NDArray[np.integer]
    labelled: NDArray[np.bool_] | None
    known: Provenance | None
    sources: tuple[Path, ...]

    def confidence(self) -> np.ndarray | None:
        """Read the confidence beside it; None if there is none."""
        from napari_pseudolabel.imaging import read

        return pixels(read(self.sources[1], axes=self.image.plane_axes)) if len(self.sources) > 1 else None


def known_labels(
    path: Path, axes: str | None, position: Position | None, *, of_image: bool = False
) -> KnownLabels:
    """Read a label file and its provenance, if there is one.

    Parameters
    ----------
    axes, position
        As for `imaging.read_labels`; with `of_image` those of the image, of which the labels may lack some.

    Raises
    ------
    InputError
        If one of them cannot be read, or the values are no labels.
    """
    import numpy as np

    from napari_pseudolabel.exporting import read_sidecar, sidecar_path
    from napari_pseudolabel.imaging import ReadOptions, read_labels
    from napari_pseudolabel.labels.class_values import refuse_grey

    image = (
        ReadOptions(axes, position).labels(path)
        if of_image
        else read_labels(path, axes=axes, position=position)
    )
    known = read_sidecar(path) if sidecar_path(path).exists() else None
    beside = path.with_name(known.files["confidence"]) if known and "confidence" in known.files else None
    values = pixels(image)
    refuse_grey(values, path.name)
    rest = known.not_labelled if known else None
    return KnownLabels(
        image,
        values if rest is None else np.where(values == rest, values.dtype.type(0), values),
        None if rest is None else values != rest,
        known,
        (path, *([beside] if beside and beside.exists() else [])),
    )


def pixels(image: Image) -> np.ndarray:
    """All values as they are stored (`Image.plane` would round large labels to float32)."""
    import numpy as np

    from napari_pseudolabel.budget import check_memory

    size = np.prod([float(side) for side in image.data.shape]) * np.dtype(image.data.dtype).itemsize
    check_memory(int(size), f"The whole of {image.name}")
    try:
        return np.asarray(image.data)
    except (PseudolabelError, MemoryError):
        raise
    except Exception as error:  # decoders and stores raise whatever they like
        raise InputError(f"{image.path} cannot be read; it may be damaged ({error}).") from error
