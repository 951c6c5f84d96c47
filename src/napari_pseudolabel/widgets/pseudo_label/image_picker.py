"""The image of the dock: which layers are offered, what their axes are, what was made of them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.viewer import find_layer, image_of, is_ours, possible_channel_axis
from napari_pseudolabel.viewer.file_facts import file_facts
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.records import ROLES, Role
from napari_pseudolabel.widgets.pseudo_label.target_layers import OpenImages
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer


class ImagePicker(QObject):
    """Keeps what depends on the image that is chosen."""

    def __init__(self, viewer: ViewerModel, view: PseudoLabelView) -> None:
        super().__init__()
        self._viewer = viewer
        self._view = view
        self._asked: tuple[str | None, bool] | None = None
        view.show_toggled.connect(self._on_show_toggled)

    def start(self) -> None:
        """Offer the image layers that the plugin did not make, from now on."""
        self._view.image.follow(
            self._viewer,
            lambda: filter(self.offers, self._viewer.layers),
            lambda images: (self._viewer.layers.selection.active, *reversed(images)),
        )
        self._view.image.refill()

    def offers(self, layer: Layer) -> bool:
        """Whether a layer can be chosen."""
        return isinstance(layer, ImageLayer) and not is_ours(layer)

    def update(self) -> bool:
        """Offer channels and planes of the chosen image; True when it, or what its axes mean, is new."""
        layer = self.layer()
        self._view.set_first_axis(layer is not None and possible_channel_axis(layer) is not None)
        choice = self._view.choice()
        asked = (choice.layer, choice.first_axis_channels)
        if asked == self._asked:
            return False
        self._asked = asked
        image = self.known
        self._view.set_planes(prod(image.shape[:-2]) if image is not None else 1)
        self._view.set_channels(_channels(image))
        self.show_layers()
        return True

    def look_again(self) -> None:
        """Take the chosen image for a new one at the next `update`: more is known of it."""
        self._asked = None

    def layer(self, uid: str | None = None) -> ImageLayer | None:
        """Return the chosen layer, or one by its unique id; None if it is gone."""
        box = self._view.image
        found: ImageLayer | None = box.layer_of(uid) if uid else box.layer
        return found

    def image(self) -> Image:
        """Return the chosen layer as an image.

        Raises
        ------
        InputError
            When it cannot be labelled.
        """
        layer = self.layer()
        if layer is None:
            raise InputError("The image was removed; choose another one.")
        image = image_of(layer, 0 if self._view.choice().first_axis_channels else None)
        names = tuple(file_facts(layer).channel_names)
        return replace(image, channel_names=names) if len(names) == image.channels else image

    @property
    def known(self) -> Image | None:
        """The chosen layer as an image; None where none is chosen, or it cannot be labelled."""
        try:
            return self.image()
        except PseudolabelError:
            return None

    def like(self, layer: ImageLayer, modality: str) -> OpenImages:
        """Return an image with all others that are open and show the same; `modality` is empty if unknown."""
        return OpenImages.like(self._viewer, layer, modality)

    @property
    def file_note(self) -> str:
        """How the chosen layer shows something else than its file; empty where it does not."""
        layer = self.layer()
        return "" if layer is None else file_facts(layer).differs

    def problem(self) -> str | None:
        """Why the chosen layer cannot be labelled; None if it can, or none is chosen."""
        if self.layer() is None:
            return None
        try:
            self.image()
        except PseudolabelError as error:
            return str(error)
        return None

    @property
    def labelled(self) -> bool:
        """Whether the chosen image has pseudo labels already."""
        return self._made("labels") is not None

    def show_layers(self) -> None:
        """Offer to show and hide what was made of the image."""
        found = {role: one for role in ROLES if (one := self._made(role)) is not None}
        for one in found.values():
            unwrapped(one).events.visible.connect(self._on_visible)
        self._view.set_shown({role: one.visible for role, one in found.items()})

    def _made(self, role: Role) -> ImageLayer | Labels | None:
        layer = self.layer()
        return find_layer(self._viewer, layer, role) if layer is not None else None

    def _on_show_toggled(self, role: Role, on: bool) -> None:
        layer = self._made(role)
        if layer is not None:
            layer.visible = on

    def _on_visible(self, event: object = None) -> None:
        try:
            self.show_layers()
        except RuntimeError:
            # The dock is closed, and its widgets are gone.
            return


def _channels(image: Image | None) -> list[tuple[Channel | None, str]]:
    """Channels to choose from; none where there is but one."""
    if image is None or image.channels == 1:
        return []
    mean: tuple[Channel | None, str] = ("mean", "Mean of all")
    if "S" in image.axes:
        return [("luminance", "Luminance"), (0, "Red"), (1, "Green"), (2, "Blue"), mean]
    # Where nobody chooses, the run says that it took the first, and the list of many images asks.
    names = image.channel_names or ("",) * image.channels
    numbered = ((index, f"Channel {index}{f': {name}' * bool(name)}") for index, name in enumerate(names))
    return [(None, "The first, unless chosen"), *numbered, mean]
