"""Whether the main button of the Label dock can be pressed now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.viewer import drawn_shapes
from napari_pseudolabel.widgets.pseudo_label.label_run import region_of
from napari_pseudolabel.widgets.pseudo_label.label_sentences import why_not

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
    from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, Where
    from napari_pseudolabel.widgets.pseudo_label.label_run import CanvasSize
    from napari_pseudolabel.widgets.pseudo_label.modality import ModalityPicker
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController


def why_not_now(
    choice: LabelChoice,
    viewer: ViewerModel,
    images: ImagePicker,
    models: ModelPicker,
    modality: ModalityPicker,
    part: PreparingController | None,
) -> str | None:
    """Why it cannot and what to do; None if it can.

    Parameters
    ----------
    part
        What prepares the chosen strategy; None where nothing is prepared.
    """
    shown = modality.shown()
    return why_not(
        choice,
        loading=models.loading,
        image_problem=images.problem(),
        translator=models.chosen("translator"),
        segmenter=models.chosen("segmenter"),
        has_shape=drawn_shapes(viewer) is not None,
        preparing=part.why_not if part else lambda: None,
        modality=shown.modality,
        known=models.takes(shown.modality),
        fits=not models.misfits(choice, images.known),
    )


def why_not_there(
    where: Where, viewer: ViewerModel, images: ImagePicker, canvas_px: CanvasSize
) -> str | None:
    """Why what is chosen of the image cannot be labelled, and what to do; None if it can."""
    layer, image = images.layer(), images.known
    if layer is None or image is None:
        return None
    try:
        region_of(where, viewer, layer, image, canvas_px)
    except PseudolabelError as error:
        return str(error)
    return None
