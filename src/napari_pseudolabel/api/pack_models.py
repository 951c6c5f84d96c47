"""A segmenter as a BioImage.IO package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import read


def export_model(
    model: str | Path,
    path: str | Path,
    *,
    authors: Sequence[str] = (),
    image: str | Path | None = None,
    control: Control = Control(),
) -> tuple[str, ...]:
    """Write a segmenter as a BioImage.IO package, which bioimageio.spec has validated and which was read back.

    Parameters
    ----------
    model
        A file, a folder, or a name of `pseudolabel models`.
    path
        Ends in ``.zip``.
    authors
        Who made it; by default as its card says.
    image
        An image as the model sees them, on its pixel grid, of whose middle the test input is made; None for noise.

    Returns
    -------
    tuple of str
        Sentences about what the package does not say.

    Raises
    ------
    PseudolabelError
        If it cannot be read, cannot become a package, or something is missing for that; nothing is written.
    """
    from napari_pseudolabel.models import inspect_in_process, load_segmenter
    from napari_pseudolabel.models.families import why_not_packed
    from napari_pseudolabel.models.segmenters.bioimageio.package_writing import write_package
    from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter

    (found,) = inspect_in_process([str(model)])
    if found.card is None or not found.usable:
        raise CheckpointError(found.problem or f"{model} cannot be used ({found.what}).")
    if problem := why_not_packed(found.card.kind, found.card.family):
        raise CheckpointError(problem)
    segmenter = load_segmenter(model)
    assert isinstance(segmenter, TiledSegmenter)  # as all are whose family can be packed
    plane = None
    if image is not None:
        given = read(Path(image))
        plane = given.plane(next(iter(given.planes())))
    return write_package(segmenter, path, image=plane, authors=authors, control=control)
