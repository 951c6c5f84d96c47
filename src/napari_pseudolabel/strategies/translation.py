"""Translation: no labels, but its results say how they were made like all others."""

from napari_pseudolabel.strategies.fixed_settings import FixedSetting
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.strategy import RequiredModel, Strategy

TRANSLATION = Strategy(
    "translation",
    "Translation",
    "translates the images",
    "Translates your image into another modality.",
    needs=(RequiredModel("translator", "a translator that takes the images"),),
    labels=False,
    fixes=tuple(
        FixedSetting(key, getattr(LabelSettings(), key), "makes no labels")
        for key in ("flips", "smallest_object")
    ),
)
