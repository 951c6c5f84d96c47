"""napari layers as images, and results as napari layers."""

from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.exporting import ExportContent, content_from, content_of
from napari_pseudolabel.viewer.images import image_of, placement_of, possible_channel_axis
from napari_pseudolabel.viewer.pushing import PushedLayers, push
from napari_pseudolabel.viewer.records import KEY, find, is_ours, record_of, source_layer
from napari_pseudolabel.viewer.regions import (
    current_plane,
    drawn_shapes,
    middle_of,
    shape_region,
    visible_region,
)

__all__ = [
    "KEY",
    "Corrections",
    "ExportContent",
    "PushedLayers",
    "content_from",
    "content_of",
    "current_plane",
    "drawn_shapes",
    "find",
    "image_of",
    "is_ours",
    "middle_of",
    "placement_of",
    "possible_channel_axis",
    "push",
    "record_of",
    "shape_region",
    "source_layer",
    "visible_region",
]
