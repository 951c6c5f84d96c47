"""nnU-Net v2 model folders with a 2d configuration, without nnU-Net."""

from napari_pseudolabel.models.segmenters.nnunet.choosing import CHECKPOINTS
from napari_pseudolabel.models.segmenters.nnunet.segmenter import NnunetSegmenter, load

__all__ = ["CHECKPOINTS", "NnunetSegmenter", "load"]
