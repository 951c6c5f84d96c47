"""napari layers as images, and results as napari layers."""

from napari_pseudolabel.viewer.candidates import Candidates
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.exporting import content_from, content_of
from napari_pseudolabel.viewer.images import image_of, placement_of, possible_channel_axis
from napari_pseudolabel.viewer.known import known_planes, plane_key, source_of
from napari_pseudolabel.viewer.preview import accept_preview, drop_preview, show_preview
from napari_pseudolabel.viewer.records import (
    KEY,
    find,
    how_made,
    is_ours,
    may_belong,
    record_of,
    source_layer,
)
from napari_pseudolabel.viewer.regions import (
    current_plane,
    drawn_shapes,
    middle_of,
    shape_region,
    visible_region,
)
from napari_pseudolabel.viewer.streaming import PushedLayers, Stream, push

__all__ = [
    "KEY",
    "Candidates",
    "Corrections",
    "PushedLayers",
    "Stream",
    "accept_preview",
    "content_from",
    "content_of",
    "current_plane",
    "drawn_shapes",
    "drop_preview",
    "find",
    "how_made",
    "image_of",
    "is_ours",
    "known_planes",
    "may_belong",
    "middle_of",
    "placement_of",
    "plane_key",
    "possible_channel_axis",
    "push",
    "record_of",
    "shape_region",
    "show_preview",
    "source_layer",
    "source_of",
    "visible_region",
]
