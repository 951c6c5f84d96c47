"""What the best of the ways that were tried so far says of what is in view: shown until the run that follows has made the labels."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from napari_pseudolabel.slides.large import LARGE_PX
from napari_pseudolabel.viewer import Draft

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer

    from napari_pseudolabel.imaging import Image
    from napari_pseudolabel.strategies.choice.found_way import FoundWay


class WayDraft:
    """Keeps the draft of a search; a person sees first labels when the first way was tried, not when all were."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._draft: Draft | None = None
        self._number: int | None = None

    def show(self, layer: ImageLayer | None, image: Image, found: FoundWay) -> None:
        """Show what the best way says, if its labels look usable, in place of what was shown before."""
        # Only on images whose labels are one array.
        if layer is None or not found.sure or found.best == self._number or prod(image.shape) > LARGE_PX:
            return
        self.drop()
        self._number = found.best
        self._draft = Draft(self._viewer, layer, image, found.look(found.best))

    def hand_over(self) -> Draft | None:
        """Return the draft to the run that makes the labels; None without one."""
        draft, self._draft, self._number = self._draft, None, None
        return draft

    def drop(self) -> None:
        """Take it away: there will be no labels."""
        if (draft := self.hand_over()) is not None:
            draft.drop()
