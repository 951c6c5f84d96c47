"""What is under way in the dock, and how it is described from the viewer and the controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.slides.slide_run import SlideRun
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.viewer import (
    Draft,
    PushedLayers,
    Stream,
    current_plane,
    drawn_shapes,
    middle_of,
    shape_region,
    visible_region,
)
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.viewer.slide_layers import SlideStream
from napari_pseudolabel.widgets.common.confirmation import all_confirmed
from napari_pseudolabel.widgets.common.labelled_share import share_of
from napari_pseudolabel.widgets.pseudo_label.label_choice import (
    LabelChoice,
    ModelEntry,
    Where,
    make_label_job,
    preview_side,
)
from napari_pseudolabel.widgets.pseudo_label.label_jobs import CountObjects

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_pseudolabel.strategies import PseudoLabel, Region, RunReport, ViewCentre
    from napari_pseudolabel.strategies.jobs import LabelJob
    from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
    from napari_pseudolabel.widgets.pseudo_label.modality import ModalityPicker
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace

CanvasSize = Callable[[], tuple[int, int] | None]


@dataclass(eq=False)
class LabelRun:
    """The labelling job that is under way; results of any other are stale and dropped.

    Attributes
    ----------
    stream
        Shows what arrives; None until the first chunk.
    draft
        A first look, shown until the labels are there; None without.
    parts
        How many chunks have arrived.
    gone
        Why the job is being stopped, where a layer was removed; empty otherwise.
    """

    number: int
    layer: str
    image: Image
    preview: bool
    choice: LabelChoice
    job: LabelJob
    stream: Stream | SlideStream | None = None
    draft: Draft | None = None
    parts: int = 0
    gone: str = ""

    def look(self, viewer: ViewerModel, layer: ImageLayer | None, look: PseudoLabel) -> None:
        """Show a draft; the labels that stay take its place, and nothing of it is kept."""
        if layer is None or self.gone or self.stream is not None or self.draft or look.labels is None:
            return
        if look.labels.any():
            self.draft = Draft(viewer, layer, self.image, look)

    def add(self, viewer: ViewerModel, layer: ImageLayer, part: PseudoLabel) -> Stream | SlideStream:
        """Show a part."""
        if self.stream is None:
            kept = self.job.kept
            self.stream = (
                SlideStream(viewer, layer, self.image, kept)
                if isinstance(kept, SlideRun)
                else Stream(viewer, layer, self.image)
            )
        self.stream.add(part)
        self.parts += 1
        if self.draft is not None:
            self.draft.give_way(part)
        return self.stream

    def rest(self, translator: ModelEntry | None) -> LabelJob | None:
        """Return what makes the labels of a run of what was only a preview; None where it made them."""
        card = translator.card if translator is not None and self.job.translator else None
        asked, done = self.choice.settings, self.job.settings
        if card is None or evaluations_of(card, done.evaluations) >= evaluations_of(card, asked.evaluations):
            return None
        return replace(self.job, settings=asked)

    def settle(self, report: RunReport | None = None) -> PushedLayers | None:
        """Make one undo step of what has arrived; None where nothing has."""
        return None if self.stream is None else self.stream.finish(report)

    def drop_draft(self) -> None:
        """Take the draft away, if there is one: the run has ended."""
        if self.draft is not None:
            self.draft.drop()


def nothing_predicted(part: PseudoLabel) -> bool:
    """Whether there was nothing to see in a part of an image; it needs no layers."""
    return part.confidence is not None and bool(np.isnan(part.confidence).all())


def labelled_by(pushed: PushedLayers | None) -> float:
    """Share of the image that is labelled after a run, in [0, 1]; 1 where it made no labels."""
    if pushed is None or pushed.labels is None:
        return 1.0
    return share_of(Corrections.of(pushed.labels))


def region_of(
    where: Where, viewer: ViewerModel, layer: ImageLayer, image: Image, canvas_px: CanvasSize
) -> Region | None:
    """Return the part of the planes that is to be labelled; None for all of them.

    Raises
    ------
    InputError
        When nothing is drawn, or nothing of the image is in view or inside of what is drawn.
    """
    if where == "view":
        return visible_region(viewer, layer, image, canvas_px())
    if where == "all":
        return None
    shapes = drawn_shapes(viewer)
    if shapes is None:
        raise InputError("Draw a shape around what shall be labelled first.")
    return shape_region(shapes, layer, image)


def describe(
    choice: LabelChoice,
    viewer: ViewerModel,
    layer: ImageLayer | None,
    image: Image,
    models: ModelPicker,
    canvas_px: CanvasSize,
    *,
    preview: bool,
    workspace: Workspace,
) -> LabelJob:
    """Everything a worker needs, taken from the widgets, the viewer and the workspace at this moment.

    Raises
    ------
    InputError
        When there is nothing to label, or a number is out of range.
    """
    if layer is None:
        raise InputError("The image was removed; choose another one.")
    region = region_of("view" if preview else choice.where, viewer, layer, image, canvas_px)
    if not preview and region is not None and region.shape == image.shape[-2:]:
        region = None  # all of it
    if preview and region is not None:
        gpu = models.has_gpu and choice.settings.tiles.device != "cpu"
        # In the order in which the image meets them.
        met = [models.chosen(role) for role in registry.find(choice.strategy).roles]
        first, second, *_ = *met, None, None
        side = preview_side(choice.settings.scale, image, first, second, gpu=gpu, found=choice.found)
        region = middle_of(region, side)
    if preview:
        choice = replace(choice, settings=replace(choice.settings, evaluations="preview"))
    one = preview or ((choice.where == "view" or not choice.all_planes) and len(image.shape) > 2)
    planes = (current_plane(viewer, layer, image),) if one else None
    return make_label_job(choice, image, region, planes, all_confirmed(viewer, workspace))


def whole_job(
    view: PseudoLabelView,
    viewer: ViewerModel,
    images: ImagePicker,
    modality: ModalityPicker,
    models: ModelPicker,
    workspace: Callable[[], Workspace],
) -> LabelJob:
    """Return the job of all planes of the open image, as which others can be labelled; raises as `describe` does."""
    choice = replace(view.choice(), where="all", all_planes=True)
    layer, image = images.layer(), modality.image()
    return describe(choice, viewer, layer, image, models, lambda: None, preview=False, workspace=workspace())


def focus_of(
    viewer: ViewerModel, layer: ImageLayer, image: Image, canvas_px: CanvasSize
) -> ViewCentre | None:
    """Where the person looks; None while the image is out of view, when any part is as good as another."""
    from napari_pseudolabel.strategies import ViewCentre

    try:
        seen = visible_region(viewer, layer, image, canvas_px())
        plane = current_plane(viewer, layer, image)
    except PseudolabelError:
        return None
    return ViewCentre(plane, (seen.y0 + seen.y1) / 2, (seen.x0 + seen.x1) / 2)


def count_of(job: LabelJob, pushed: PushedLayers) -> CountObjects | None:
    """Return what counts the objects of a run; None where it made no labels."""
    if pushed.labels is None:
        return None
    region = job.whole_region

    def of(layer: Layer) -> Any:
        return np.stack([np.asarray(layer.data[(*plane, *region.window)]) for plane in job.plane_indices])

    sure = of(pushed.confidence) if pushed.confidence is not None else None
    return CountObjects(of(pushed.labels), sure, classes_of(pushed.labels), job.image.placement.pixel_aspect)
