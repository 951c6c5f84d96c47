"""What a segmenter of discs is, and settings of a training that takes a second."""

from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings

DISC = 5
CARD = Card(
    kind="segmenter",
    family="monai-unet",
    architecture={"filters": (4, 8, 8), "tile": 48},
    source=Modality(name="discs"),
    classes=(LabelClass(name="background", value=0), LabelClass(name="disc", value=DISC)),
)
SETTINGS = SegmenterSettings(steps=6, batch=2, patch=32, lr=1e-2, validate_every=2)
