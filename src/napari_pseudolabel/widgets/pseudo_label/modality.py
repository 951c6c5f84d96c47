"""What the chosen image shows: proposed from its metadata or its name, asked once where neither tells."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.viewer.image_layers import note_modality, noted_modality, shown_by
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import ShownModality
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView


class ModalityPicker(QObject):
    """Keeps the line under the image.

    Attributes
    ----------
    changed
        The person has said what the image shows.
    """

    changed = Signal()

    def __init__(self, view: PseudoLabelView, images: ImagePicker, models: ModelPicker) -> None:
        super().__init__()
        self._view, self._images, self._models = view, images, models
        self._said = ShownModality()
        view.modality_chosen.connect(self._on_chosen)

    def shown(self) -> ShownModality:
        """Return what the image shows, as far as its metadata or its name tell."""
        layer = self._images.layer()
        if layer is None:
            return ShownModality()
        modality = shown_by(layer, self._models.modalities())
        return ShownModality(modality, bool(layer.rgb), bool(modality) and not noted_modality(layer))

    def show(self) -> None:
        """Offer what images may show, and say what this one does."""
        self._said = self.shown()
        self._view.set_shown_modality(self._models.modalities(), self._said)

    @property
    def outdated(self) -> bool:
        """Whether something else is known than what is said, because the image was renamed."""
        return self.shown() != self._said

    def _on_chosen(self, modality: str) -> None:
        layer = self._images.layer()
        if layer is not None:
            note_modality(layer, modality)
            self.changed.emit()
