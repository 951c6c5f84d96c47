"""Which labels are corrected, the image behind them, and where the person points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer import (
    find_layer,
    is_ours,
    may_belong,
    source_of,
    visible_region,
)
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.image_layers import image_fitting
from napari_pseudolabel.viewer.records import is_helper
from napari_pseudolabel.viewer.view_regions import LABEL_AXES, as_image, shown_plane
from napari_pseudolabel.widgets.common.layer_box import LayerBox, ours_first, uid_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

NO_LABELS = "There are no labels to correct: make some in the Pseudo-label dock, or add a Labels layer."
RESHAPED = (
    "The layer was given other labels, of another shape, by a script or another plugin: "
    "what was corrected and confirmed in those before does not count any more."
)
OUTSIDE = "Move the cursor over the image first."


@dataclass(frozen=True, eq=False)
class Spot:
    """A pixel of labels.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    at
        Row and column.
    """

    labels: Labels
    plane: Index
    at: tuple[int, int]

    @property
    def values(self) -> np.ndarray:
        """(H, W) labels of the plane, as they are now; not a copy."""
        return np.asarray(self.labels.data[self.plane])


class LabelsPicker(QObject):
    """Keeps the lists of Labels layers, and of the images that they may belong to, in the dock.

    Attributes
    ----------
    changed
        Another layer is corrected now, or none; or another image lies behind it.
    ambiguous
        Whether the labels may belong to several images, so that the person has to see which one is taken.
    replaced
        A script or another plugin has given the layer other labels; True where they have another shape.
    """

    changed = Signal()
    ambiguous = Signal(bool)
    replaced = Signal(bool)

    def __init__(
        self,
        viewer: ViewerModel,
        box: LayerBox,
        images: LayerBox,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._box = box
        self._canvas_px = canvas_px
        self._images = images
        self._chosen: tuple[str | None, str | None] = (None, None)
        # Of each layer of labels, so that an image that comes later takes none over.
        self._image_of: dict[str | None, str] = {}
        self._shape: tuple[int, ...] = ()
        box.currentIndexChanged.connect(lambda _: self._on_labels())
        box.refilled.connect(self._on_labels)
        images.currentIndexChanged.connect(lambda _: self._notify())

    # Which layers.

    def start(self) -> None:
        """Offer what is open, from now on."""
        self._box.follow(self._viewer, lambda: filter(offers, self._viewer.layers), ours_first)
        self._images.follow(self._viewer, self._offered, iter, after=self._box)

    def fill(self, active: Layer | None = None) -> None:
        """Offer what is open.

        Parameters
        ----------
        active
            A layer that the person has just made the active one: it is chosen, or the labels of it.
        """
        ours = find_layer(self._viewer, active, "labels") if isinstance(active, ImageLayer) else None
        self._box.refill(active, ours)
        self._on_labels()

    @property
    def labels(self) -> Labels | None:
        """The layer that is corrected, None if there is none."""
        found: Labels | None = self._box.layer
        return found

    @property
    def source(self) -> ImageLayer | None:
        """The image layer behind the labels: the one that is known, else the chosen one of those that fit."""
        offered, wanted = self._offered(), self._images.currentData()
        return next((one for one in offered if uid_of(one) == wanted), next(iter(offered), None))

    def _offered(self) -> list[ImageLayer]:
        """Return the images that the labels may belong to, the topmost first; one where something says which."""
        labels = self.labels
        if labels is None:
            return []
        if (found := source_of(self._viewer, labels)) is not None:
            return [found]
        return [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, ImageLayer)
            and _fits(layer, labels)
            and may_belong(self._viewer, labels, layer)
        ]

    @property
    def image(self) -> Image | None:
        """The image behind the labels, with the shape that they have."""
        source, labels = self.source, self.labels
        return image_fitting(source, labels) if source is not None and labels is not None else None

    # Where in them.

    def require(self) -> Labels:
        """Return the layer that is corrected.

        Raises
        ------
        InputError
            If there is none.
        """
        labels = self.labels
        if labels is None:
            raise InputError(NO_LABELS)
        return labels

    def plane(self) -> Index:
        """Return the plane on the screen, as index over the axes before Y and X.

        Raises
        ------
        InputError
            If there are no labels, or the canvas does not show planes of them.
        """
        return shown_plane(self._viewer, self.require())

    def spot(self) -> Spot:
        """Return the pixel under the cursor.

        Raises
        ------
        InputError
            As for `plane`; or if it is not over the labels.
        """
        plane, labels = self.plane(), self.require()
        at = self.place(self._viewer.cursor.position)
        row, column = (int(np.round(one)) for one in at)
        height, width = labels.data.shape[-2:]
        if not (0 <= row < height and 0 <= column < width):
            raise InputError(OUTSIDE)
        return Spot(labels, plane, (row, column))

    def place(self, position: Sequence[float]) -> tuple[float, float]:
        """Row and column of a world position, in pixels of the labels."""
        row, column = self.require().world_to_data(position)[-2:]
        return float(row), float(column)

    def window(self) -> Window:
        """Return what the canvas shows of the plane.

        Raises
        ------
        InputError
            As for `plane`; or if the labels are out of view.
        """
        self.plane()
        labels = self.require()
        return visible_region(self._viewer, labels, as_image(labels), self._canvas_px()).window

    def stop(self) -> None:
        """Stop listening to the layers: the dock is closed."""
        self._box.let_go()
        self._images.let_go()

    def on_replaced(self) -> None:
        """All parts begin anew: what they know is about the labels before."""
        before = self._shape
        self._chosen = (None, None)
        self.fill()
        self.replaced.emit(self._shape != before)

    def _on_labels(self) -> None:
        self._box.setEnabled(bool(self._box.layers))
        self._shape = () if self.labels is None else self.labels.data.shape
        offered = self._offered()
        wanted = self._image_of.get(self._box.currentData())
        self._images.refill(*(one for one in offered if uid_of(one) == wanted), *offered)
        self.ambiguous.emit(len(offered) > 1)
        self._notify()

    def _notify(self) -> None:
        labels, image = self._box.currentData(), self._images.currentData()
        if image is not None:
            self._image_of[labels] = image
        if (labels, image) != self._chosen:
            self._chosen = labels, image
            self.changed.emit()


def offers(layer: Layer) -> bool:
    """Whether labels of a layer can be corrected: held in memory, not a preview or another view of labels."""
    return (
        isinstance(layer, Labels)
        and isinstance(layer.data, np.ndarray)
        and layer.ndim <= len(LABEL_AXES)
        and not is_helper(layer)
    )


def _fits(layer: ImageLayer, labels: Labels) -> bool:
    return not is_ours(layer) and image_fitting(layer, labels) is not None
