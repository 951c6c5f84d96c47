"""Segmentation alone: a segmenter of the modality of the images, without any translation."""

from napari_pseudolabel.strategies.strategy import RequiredModel, Strategy

SEGMENTATION = Strategy(
    "segmentation",
    "My image is already of this kind",
    "segments the images as they are",
    "Labels your image as it is, with a segmenter that knows images like yours. Nothing is translated.",
    needs=(RequiredModel("segmenter", "a segmenter of the modality of the images"),),
    term="Segmentation alone",
)
