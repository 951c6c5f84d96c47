"""nnU-Net v2 model folders with a 2d configuration, without nnU-Net."""

from napari_pseudolabel.models.segmenters.nnunet.segmenter import CHECKPOINTS, NnunetSegmenter, load

__all__ = ["CHECKPOINTS", "NnunetSegmenter", "load"]
