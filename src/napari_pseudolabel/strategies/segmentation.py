"""Segmentation alone: a segmenter of the modality of the images, without any translation."""

from napari_pseudolabel.strategies.strategy import RequiredModel, Strategy

SEGMENTATION = Strategy(
    "segmentation",
    "Segmentation alone",
    "segments the images as they are",
    "Segments your image as it is, with a segmenter of its own modality, such as a proxy that a tutorship has trained.",
    needs=(RequiredModel("segmenter", "a segmenter of the modality of the images"),),
)
