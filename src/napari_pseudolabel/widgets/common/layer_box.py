"""The list of layers from which a person chooses one; the docks share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox

from napari_pseudolabel.viewer import is_ours
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.widgets.common.narrow_boxes import make_narrow
from napari_pseudolabel.widgets.common.small_widgets import fill_combo

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class LayerBox(QComboBox):
    """Offers layers of a viewer, and follows what comes, goes, moves and is renamed; its data are unique ids.

    Attributes
    ----------
    refilled
        The list is up to date after something happened in the viewer.
    """

    refilled = Signal()

    def __init__(self, tooltip: str, placeholder: str = "") -> None:
        super().__init__()
        # Names of what was made of an image begin alike.
        make_narrow(self, tooltip, Qt.TextElideMode.ElideMiddle)
        self.setPlaceholderText(placeholder)
        self._layers: list[Layer] = []
        self._followed: tuple[Any, ...] = ()
        self._offered: Callable[[], Iterable[Layer]] = tuple
        self._proposed: Callable[[Sequence[Layer]], Iterable[Layer | None]] = reversed
        self._other = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers to choose from."""
        return tuple(self._layers)

    @property
    def layer(self) -> Any:
        """The layer that is chosen, None if none is."""
        return self.layer_of(self.currentData())

    def layer_of(self, uid: str | None) -> Any:
        """Return a layer that is offered, by its unique id; None if it is gone."""
        return next((layer for layer in self._layers if uid_of(layer) == uid), None)

    def follow(
        self,
        viewer: ViewerModel,
        offered: Callable[[], Iterable[Layer]],
        proposed: Callable[[Sequence[Layer]], Iterable[Layer | None]] = reversed,
        *,
        after: LayerBox | None = None,
    ) -> None:
        """Keep itself up to date until `let_go`.

        Parameters
        ----------
        offered
            The layers to choose from.
        proposed
            Given those: what is chosen where nothing is, or it is gone, the best first; by default the topmost.
        after
            The list on whose choice it depends; it is up to date before this one.
        """
        self._offered, self._proposed = offered, proposed
        events = unwrapped(viewer).layers.events
        self._followed = (
            (events.inserted, events.removed, events.reordered, events.renamed)
            if after is None
            else (after.refilled,)
        )
        for event in self._followed:
            event.connect(self._on_layers)

    def let_go(self) -> None:
        """Follow nothing any more: the dock is closed, and its widgets may be gone."""
        followed, self._followed = self._followed, ()
        for event in followed:
            with suppress(RuntimeError):  # Qt has deleted the list that this one came after
                event.disconnect(self._on_layers)
        self._layers = []

    def set_other(self, title: str, *, chosen: bool = False) -> None:
        """Offer one thing that is no layer, below them, and choose it if wanted; its data are an empty text."""
        self._other = title
        self._fill("" if chosen else self.currentData())

    def refill(self, *wishes: Layer | None) -> None:
        """Offer what there is now, without telling anybody; wishes go before what is chosen."""
        self._layers = [unwrapped(layer) for layer in self._offered()]
        uids = [uid_of(layer) for layer in self._layers]
        proposed = map(uid_of, self._proposed(self._layers))
        wanted = (*map(uid_of, wishes), self.currentData(), *proposed)
        self._fill(next((one for one in wanted if one in uids), None))

    def _fill(self, chosen: str | None) -> None:
        entries = [(uid_of(layer), str(layer.name)) for layer in self._layers]
        other = [("", self._other)] if self._other else []
        fill_combo(self, [*entries, *other], chosen or "")

    def _on_layers(self, event: object = None) -> None:
        self.refill()
        self.refilled.emit()


def uid_of(layer: Layer | None) -> str | None:
    """Return what tells a layer from all others; None for none."""
    return None if layer is None else str(layer.unique_id)


def ours_first(layers: Sequence[Layer]) -> list[Layer]:
    """Return the topmost layer that the plugin made, and so on, then the topmost of all."""
    return [*(layer for layer in reversed(layers) if is_ours(layer)), *reversed(layers)]
