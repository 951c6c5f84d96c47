"""What the chosen image shows: from its metadata, its name or its folder; asked once where none of them tells."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer.image_layers import note_modality, noted_modality, shown_by
from napari_pseudolabel.viewer.records import is_sample
from napari_pseudolabel.widgets.common.folder_modality import said_of_folder, say_of_folder
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import ShownModality
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.target_layers import OpenImages
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView


class ModalityPicker(QObject):
    """Keeps the line under the image.

    Attributes
    ----------
    models
        The models that are offered.
    changed
        The person has said what the image shows.
    """

    changed = Signal()

    def __init__(
        self, view: PseudoLabelView, images: ImagePicker, models: ModelPicker, recent: RecentChoices
    ) -> None:
        super().__init__()
        self._view, self._images, self.models = view, images, models
        self._remembered = recent
        self._said = ShownModality()
        view.modality_chosen.connect(self._on_chosen)

    def shown(self) -> ShownModality:
        """Return what the image shows, as far as its metadata, its name or, after them, its folder tell."""
        layer = self._images.layer()
        if layer is None:
            return ShownModality()
        colours, modality = bool(layer.rgb), shown_by(layer, self.models.modalities())
        if modality:
            return ShownModality(modality, colours, "" if noted_modality(layer) else "name", is_sample(layer))
        modality = said_of_folder(layer, self._remembered)
        return ShownModality(modality, colours, "folder" if modality else "")

    def image(self) -> Image:
        """Return the chosen image, which knows what it shows; raises as `ImagePicker.image` does."""
        return replace(self._images.image(), modality=self.shown().modality)

    def open_images(self) -> OpenImages | None:
        """Return the chosen image with all others that are open and show the same; None where none is chosen."""
        layer = self._images.layer()
        return None if layer is None else self._images.like(layer, self.shown().modality)

    def show(self) -> None:
        """Offer what images may show, and say what this one does."""
        self._said = self.shown()
        self._view.set_shown_modality(self.models.modalities(), self._said)

    @property
    def outdated(self) -> bool:
        """Whether something else is known than what is said, because the image was renamed."""
        return self.shown() != self._said

    def _on_chosen(self, modality: str) -> None:
        layer = self._images.layer()
        if layer is not None:
            note_modality(layer, modality)
            say_of_folder(layer, self._remembered, modality)
            self.changed.emit()
