"""Adaptation: translate an image into the labelled modality and segment it there.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858).
The labels belong to the original image, because a translation keeps every structure in its place.
"""

from napari_pseudolabel.strategies.strategy import RequiredModel, Strategy

ADAPTATION = Strategy(
    "adaptation",
    "Translate my image",
    "translates the images and segments the translations",
    "Makes your image look as the segmenter knows it. Labels stay on your own pixels.",
    needs=(
        RequiredModel("translator", "a translator that takes the images"),
        RequiredModel("segmenter", "a segmenter of the labelled modality"),
    ),
    captions=("your image", "translated", "labels"),
    term="Adaptation",
)
