"""Translation: no labels, but its results say how they were made like all others."""

from napari_pseudolabel.strategies.strategy import RequiredModel, Strategy

TRANSLATION = Strategy(
    "translation",
    "Translation",
    "translates the images",
    "Translates your image into another modality.",
    needs=(RequiredModel("translator", "a translator that takes the images"),),
    labels=False,
)
