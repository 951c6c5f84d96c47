"""napari says with every new layer that the layers of a viewer have other units; once is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import notification_manager

from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.records import is_ours

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

# How napari's sentence begins.
_SAYS = "Inconsistent units across layers"


class UnitsNotice:
    """Keeps napari from saying again, for layers of ours, what it has said about the layers of the person.

    Layers of ours have exactly the units of their image. So where an image with a pixel size and one without are open
    side by side, they change nothing; napari repeats its notice for each of them nevertheless, in the middle of a run.
    Where they would be what differs, or the person has opened something with yet another unit, it is heard.

    Whoever makes it holds on to it.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = unwrapped(viewer)
        self._said = self._kinds() if self._differ() else None
        self._viewer.layers.events.removed.connect(self._on_removed)
        notification_manager.notification_ready.connect(self._on_notification, position="first")

    def _on_removed(self, event: object = None) -> None:
        if not self._differ():
            self._said = None

    def _on_notification(self, notification: Any) -> None:
        if str(notification.message).startswith(_SAYS) and self._differ():
            kinds = self._kinds()
            notification.blocked = kinds == self._said
            self._said = kinds

    def _theirs(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if not is_ours(layer)]

    def _differ(self) -> bool:
        """Whether layers of the person have units that do not go together."""
        theirs = self._theirs()
        return bool(theirs) and self._viewer.layers.get_extent(theirs).units is None

    def _kinds(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(str(unit) for unit in layer.units) for layer in self._theirs())
