"""A run that arrives in parts: each is shown at once, the whole is one undo step and one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.windows import key_of
from napari_pseudolabel.types import ArrayKey
from napari_pseudolabel.viewer.candidates import Candidates
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.filling import Filling
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.viewer.records import Role, add_run, classes_of, find_layer, is_ours, write_record
from napari_pseudolabel.viewer.result_layers import (
    new_image,
    new_labels,
    put_in_place,
    selection_kept,
    show_classes,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import PseudoLabel, Region, RunReport

_IMAGES: tuple[Role, ...] = ("translation", "confidence")


@dataclass(frozen=True, eq=False)
class PushedLayers:
    """The layers that hold a result; None for what the job did not make."""

    labels: Labels | None
    confidence: ImageLayer | None
    translation: ImageLayer | None


class Stream:
    """Shows a run while it goes on.

    The first part makes the layers, above the source and on exactly its place in the world; later ones,
    and later runs, write their region into them, where the source lies then. Labels that a person touched keep their value, also when
    they are painted while the run goes on. Pixels that no run has reached are transparent: label 0, and
    NaN in images.

    Parameters
    ----------
    source
        The layer that is labelled.
    image
        The image that the job works on, where it is not simply `image_of(source)`.
    labels
        A Labels layer that takes the labels instead of the plugin's own for `source`.

    Raises
    ------
    InputError
        When the source cannot be understood, or `labels` has another shape than the image.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        source: ImageLayer,
        image: Image | None = None,
        labels: Labels | None = None,
    ) -> None:
        self._viewer = viewer
        self._source = source
        self._image = image_of(source) if image is None else image
        if labels is not None and labels.data.shape != self._image.shape:
            raise InputError(
                f"{labels.name} has the shape {labels.data.shape}, but the image {self._image.shape}; "
                "choose labels that were drawn on this image."
            )
        self._target = labels
        self._layers: dict[Role, Layer] = {}
        self._filling: Filling | None = None
        self._late: dict[Role, list[PseudoLabel]] = {}
        self._growing: Layer | None = None
        self._last: PseudoLabel | None = None
        self._places: dict[tuple[tuple[int, ...], Region], None] = {}

    def add(self, part: PseudoLabel) -> PushedLayers:
        """Show a part; takes as long as the part is large.

        napari needs a tenth of a second for a new layer. So at most one is made at a time, the labels first:
        images of the first parts may appear with the next part, or in the end.
        """
        self._last = part
        self._places |= dict.fromkeys((index, part.region) for index in part.planes)
        with selection_kept(self._viewer):
            count = len(self._viewer.layers)
            if part.labels is not None:
                self._fill(part, part.labels)
            for role in _IMAGES:
                if getattr(part, role) is not None:
                    self._late.setdefault(role, []).append(part)
                if self._image_layer(role) is not None or len(self._viewer.layers) == count:
                    self._show(role)
        return self._shown()

    @property
    def labels(self) -> Layer | None:
        """The layer that takes the labels; None before the first part, and if the person has deleted it."""
        return self._present("labels")

    @property
    def late(self) -> bool:
        """Whether `add` has put off a layer."""
        return any(self._late.values())

    def show_late(self) -> None:
        """Make one of the layers that `add` has put off.

        Whoever does so before `finish`, and lets the window live in between, spares it a stall of several layers.
        """
        with selection_kept(self._viewer):
            self._show(next(role for role in _IMAGES if self._late.get(role)))

    def finish(self, report: RunReport | None = None) -> PushedLayers:
        """End the run, complete or not: one undo step, and one record of it in the layers.

        Parameters
        ----------
        report
            Of the whole run; that of the last part when None.
        """
        with selection_kept(self._viewer):
            for role in _IMAGES:
                self._show(role)
        if self._growing is not None and self._growing in self._viewer.layers:
            self._growing.visible = self._present("labels") is None
        if self._filling is not None:
            self._filling.finish()
        if self._last is not None:
            region, planes, complete = _covered(self._places)
            for layer in filter(None, map(self._present, ("labels", *_IMAGES))):
                if is_ours(layer):
                    add_run(layer, report or self._last.report, region, planes, complete=complete)
        self._last, self._filling, self._growing = None, None, None
        self._places.clear()
        return self._shown()

    def _show(self, role: Role) -> None:
        """Write what is waiting to be shown in an image; makes the layer if need be."""
        waiting = self._late.pop(role, ())
        if not waiting:
            return
        layer = self._image_layer(role)
        if layer is None:
            layer = new_image(self._viewer, self._source, self._image, role)
            if (
                role == "translation"
            ):  # it is seen growing; afterwards labels are looked at on the image itself
                layer.visible = True
                self._growing = layer
        if role not in self._layers:
            put_in_place(layer, self._image.placement)
            write_record(layer, role, self._source, waiting[-1].classes)
        self._layers[role] = layer
        for part in waiting:
            for index, plane in zip(part.planes, getattr(part, role), strict=True):
                key = key_of(index, part.region.window)
                layer.data[key] = (
                    self._beside_labels(key, plane, layer.data[key]) if role == "confidence" else plane
                )
        layer.refresh(extent=False)

    def _beside_labels(
        self, key: ArrayKey, sure: NDArray[np.float32], before: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Confidence of a part; where a person has touched labels that of the prediction they touched, which is the one that is kept."""
        labels = self._present("labels")
        if not isinstance(labels, Labels):
            return sure
        corrections = Corrections.of(labels)
        kept = corrections.touched_in(key) & corrections.reached_in(key) & np.isfinite(before)
        return np.where(kept, before, sure)

    def _image_layer(self, role: Role) -> Layer | None:
        """Return the layer that takes the images of a role, None if it is still to be made."""
        return self._present(role) or find_layer(self._viewer, self._source, role, self._image.shape)

    def _fill(self, part: PseudoLabel, labels: NDArray[np.uint8]) -> None:
        gone = self._target is None and self._present("labels") is None
        if self._filling is None or gone:
            layer = self._labels_layer(part)
            self._layers["labels"] = layer
            self._filling = Filling(Corrections.of(layer))
        # Where there is nothing to see no model says how sure it is, and nothing is predicted.
        predicted = None if part.confidence is None else ~np.isnan(part.confidence)
        self._filling.add(part.planes, part.region.window, labels, predicted)
        _note_candidates(self._filling.corrections, part)

    def _labels_layer(self, part: PseudoLabel) -> Labels:
        """Return the layer that takes the labels, with the classes of the run."""
        layer = self._target or find_layer(self._viewer, self._source, "labels", self._image.shape)
        if layer is None:
            image = self._image
            return new_labels(self._viewer, self._source, image.shape, image.placement, part.classes)
        if is_ours(layer):
            put_in_place(layer, self._image.placement)
            before = classes_of(layer)
            write_record(layer, "labels", self._source, part.classes)
            # Those of the run, with what the person has made of them.
            classes = classes_of(layer)
            if classes != before:
                show_classes(layer, classes)
        return layer

    def _present(self, role: Role) -> Layer | None:
        """Return a layer of this run, None if there is none or the person has deleted it."""
        layer = self._layers.get(role)
        return layer if layer is not None and layer in self._viewer.layers else None

    def _shown(self) -> PushedLayers:
        return PushedLayers(
            *(cast(Any, self._present(role)) for role in ("labels", "confidence", "translation"))
        )


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


def _note_candidates(corrections: Corrections, part: PseudoLabel) -> None:
    """Keep what the members of the run said; what those of earlier runs said there is out of date."""
    layer = corrections.layer
    if layer is None:
        return
    window = part.region.window
    known = Candidates.of(layer)
    if known is not None:
        known.clear(part.planes, window)
    if part.candidates is not None:
        Candidates.made_for(layer).add(part.planes, window, part.candidates, part.members)


def _covered(
    places: dict[tuple[tuple[int, ...], Region], None],
) -> tuple[Region, tuple[tuple[int, ...], ...], bool]:
    """Return the rectangle around all parts, their planes, and whether the parts (which do not overlap) fill it."""
    planes = tuple(dict.fromkeys(index for index, _ in places))
    regions = [region for _, region in places]
    whole = type(regions[0])(
        min(one.y0 for one in regions),
        min(one.x0 for one in regions),
        max(one.y1 for one in regions),
        max(one.x1 for one in regions),
    )
    reached = sum(one.shape[0] * one.shape[1] for one in regions)
    return whole, planes, reached >= len(planes) * whole.shape[0] * whole.shape[1]
