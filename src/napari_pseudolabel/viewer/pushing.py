"""Results as layers: made once, replaced in place afterwards, a person's labels left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer.streaming import PushedLayers, Stream

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import PseudoLabel


def push(
    viewer: ViewerModel,
    source: ImageLayer,
    result: PseudoLabel,
    *,
    image: Image | None = None,
    labels: Labels | None = None,
) -> PushedLayers:
    """Show a result in the viewer, as a `Stream` of one part.

    Labels that a person touched keep their value, the rest changes in one undo step.

    Parameters
    ----------
    source
        The layer that was labelled.
    result
        What a job returned.
    image
        The image that the job worked on, where it is not simply `image_of(source)`.
    labels
        A Labels layer that takes the labels instead of the plugin's own for `source`.

    Raises
    ------
    InputError
        When the source cannot be understood, or `labels` has another shape than the image.
    """
    stream = Stream(viewer, source, image, labels)
    stream.add(result)
    return stream.finish()
