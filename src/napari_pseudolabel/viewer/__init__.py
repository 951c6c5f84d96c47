"""napari layers as images, and results as napari layers."""

from napari_pseudolabel.viewer.annotated_planes import annotated_planes, source_of
from napari_pseudolabel.viewer.candidates import Candidates
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.drafts import Draft
from napari_pseudolabel.viewer.exporting import content_from, content_of
from napari_pseudolabel.viewer.image_layers import image_of, placement_of, possible_channel_axis
from napari_pseudolabel.viewer.preview import accept_preview, drop_preview, show_preview
from napari_pseudolabel.viewer.records import (
    KEY,
    find_layer,
    how_made,
    is_ours,
    may_belong,
    record_of,
    source_layer,
)
from napari_pseudolabel.viewer.streaming import PushedLayers, Stream, push
from napari_pseudolabel.viewer.view_regions import (
    current_plane,
    drawn_shapes,
    middle_of,
    shape_region,
    visible_region,
)

__all__ = [
    "KEY",
    "Candidates",
    "Corrections",
    "Draft",
    "PushedLayers",
    "Stream",
    "accept_preview",
    "annotated_planes",
    "content_from",
    "content_of",
    "current_plane",
    "drawn_shapes",
    "drop_preview",
    "find_layer",
    "how_made",
    "image_of",
    "is_ours",
    "may_belong",
    "middle_of",
    "placement_of",
    "possible_channel_axis",
    "push",
    "record_of",
    "shape_region",
    "show_preview",
    "source_layer",
    "source_of",
    "visible_region",
]
