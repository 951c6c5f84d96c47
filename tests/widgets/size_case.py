"""Segmenters that say, or do not say, how large their pixels and objects are."""

from __future__ import annotations

from scripted_engine import CLASSES

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry


def segmenter(ref: str, **sizes: float) -> ModelEntry:
    card = Card(kind="segmenter", family="monai-unet", source=Modality(name="SEM", **sizes), classes=CLASSES)
    return ModelEntry(ref, ref.partition(":")[2], "segmenter", card)


SIZED = (
    segmenter("sample:one", pixel_size_um=0.1, object_size_px=20),
    segmenter("sample:two", pixel_size_um=0.05, object_size_px=40),
    segmenter("sample:nuclei", object_size_px=30),
    segmenter("sample:mute"),
)
