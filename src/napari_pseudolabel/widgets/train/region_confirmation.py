"""Confirming: what is labelled in a part of the image is labelled rightly now."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.viewer import current_plane, drawn_shapes, shape_region, visible_region
from napari_pseudolabel.viewer.confirmed_confidence import confidence_beside
from napari_pseudolabel.widgets.common.confirmation import Confirmed, confirm, unconfirm
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.layer_picker import LayerPicker
from napari_pseudolabel.widgets.train.train_context import TrainContext


class RegionConfirmation(QObject):
    """Marks regions as right, in the layer and in the split of the workspace.

    Attributes
    ----------
    changed
        A region was confirmed, or taken back.
    """

    changed = Signal()

    def __init__(self, context: TrainContext, layers: LayerPicker) -> None:
        super().__init__()
        self._context = context
        self._layers = layers
        self._last: Confirmed | None = None

    def confirm(self, where: str) -> None:
        """Confirm the view, or the shape that is drawn."""
        tools = self._context
        if (chosen := self._layers.chosen()) is None:
            return
        source, labels, image = chosen
        try:
            if where == "view":
                region = visible_region(tools.viewer, source, image, tools.canvas_px())
            else:
                shapes = drawn_shapes(tools.viewer)
                if shapes is None:
                    raise InputError("Add a Shapes layer and draw a shape around what is right, or use View.")
                region = shape_region(shapes, source, image)
            self._last = confirm(
                labels,
                image,
                current_plane(tools.viewer, source, image),
                region.window,
                workspace=tools.session.workspace,
                executor=tools.executor,
                done=self.changed.emit,
                failed=tools.failed,
                confidence=confidence_beside(tools.viewer, labels),
            )
        except PseudolabelError as error:
            tools.failed(Failure.of(error))
            return
        tools.view.segmenter.set_confirmed(train_sentences.confirmed(*region.shape, self._last.left_out))

    def take_back(self) -> None:
        """Take the last confirmation back; the split remembers it all the same."""
        last = self._last
        if last is not None and last.labels in self._context.viewer.layers:
            unconfirm(
                last.labels,
                last.image,
                last.plane,
                last.window,
                workspace=self._context.session.workspace,
                executor=self._context.executor,
                failed=self._context.failed,
            )
            self.changed.emit()
        self.forget()

    def forget(self) -> None:
        """There is nothing to take back any more."""
        self._last = None
        self._context.view.segmenter.set_confirmed("")
