"""A Labels layer as what the export room writes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import ExportContent, provenance_of_runs
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.labels.spot_check import SpotChecks
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.effort import EFFORT_KEY, EffortLog
from napari_pseudolabel.viewer.file_facts import file_facts
from napari_pseudolabel.viewer.image_layers import image_fitting, placement_from
from napari_pseudolabel.viewer.known_size import known_size
from napari_pseudolabel.viewer.records import (
    QUALITY_KEY,
    classes_in,
    find_layer,
    may_belong,
    own_record,
    record_in,
    source_layer,
)
from napari_pseudolabel.viewer.region_naming import named_regions

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels


def content_of(
    viewer: ViewerModel, layer: Labels, *, effort: bool = False, copied: bool = True
) -> ExportContent:
    """Return what is to be written of a Labels layer now, with the confidence that belongs to it.

    A pixel size that was told of its image counts where the layer says none, as in files that the shell writes.

    Parameters
    ----------
    effort
        Whether what a person did is to be written as well.
    copied
        Whether arrays in memory are copied, so that the person can go on painting while they are written; not needed only to
        look at them now.
    """
    data, attributes, _ = layer.as_layer_data_tuple()
    source = _image_of(viewer, layer)
    whole = None if source is None else source.part_of
    told = partial(with_told_size, viewer, layer)
    # What is labelled is asked for there, so that nothing unannounced is left out of the flags.
    content, corrections = content_from(data, attributes), layer.metadata.get(CORRECTIONS_KEY)
    labels, sure = content.labels, confidence_of(viewer, layer)
    return replace(
        content,
        placement=told(content.placement),
        labels=labels.copy() if copied and isinstance(labels, np.ndarray) else labels,
        confidence=sure.copy() if copied and sure is not None else sure,
        # The whole of a region may be much larger than it.
        source=None if source is None else replace(source, part_of=None, placement=told(source.placement)),
        offset=(0, 0) if whole is None else (whole.y0, whole.x0),
        edits=EffortLog.of(layer).edits() if effort else (),
        flags=corrections.flags_in((...,)) if effort and isinstance(corrections, Corrections) else None,
    )


def _image_of(viewer: ViewerModel, labels: Labels) -> Image | None:
    """Return the image that labels were made on; of labels of a person the only one that fits. None where there is none."""
    found = [image for one in _images_of(viewer, labels) if (image := image_fitting(one, labels)) is not None]
    return found[0] if len(found) == 1 else None


def _images_of(viewer: ViewerModel, labels: Labels) -> list[ImageLayer]:
    """Return the layer that labels were made on, or those that they may belong to."""
    from napari.layers import Image as ImageLayer

    known = source_layer(viewer, labels)
    asked = [known] if known is not None else [*viewer.layers]
    return [
        one
        for one in asked
        if isinstance(one, ImageLayer) and own_record(one) is None and may_belong(viewer, labels, one)
    ]


def with_told_size(viewer: ViewerModel, labels: Labels, placement: Placement) -> Placement:
    """Return the placement with the pixel size that was told of the image of labels, where it has none."""
    told = said_pixel_size(viewer, labels)
    return placement if told is None else placement.with_pixel_size_um(told)


def said_pixel_size(viewer: ViewerModel, labels: Labels) -> float | None:
    """Return the side of a pixel in micrometres of labels that do not say it; None if unknown.

    A person has told it of their image, in the Label dock, or the file of either says it.
    """
    found = {size} if (size := file_facts(labels).pixel_size_um) else set()
    found |= {
        size
        for one in _images_of(viewer, labels)
        if (size := known_size(one).scale.pixel_size_um) and image_fitting(one, labels) is not None
    }
    return found.pop() if len(found) == 1 else None


def with_files(viewer: ViewerModel, labels: Labels) -> list[ImageLayer | Labels]:
    """Return the layers whose files may say the pixel size of labels: they themselves, and their image."""
    return [labels, *_images_of(viewer, labels)]


def confidence_of(viewer: ViewerModel, layer: Labels) -> Any:
    """Return the confidence (..., Y, X) that belongs to labels; None where there is none of their shape."""
    source = source_layer(viewer, layer)
    found = find_layer(viewer, source, "confidence") if source is not None else None
    return found.data if found is not None and found.data.shape == layer.data.shape else None


def content_from(data: Any, attributes: JsonObject) -> ExportContent:
    """Return what is to be written of a layer that napari hands to a writer as data and attributes."""
    metadata = attributes.get("metadata", {})
    record, corrections = record_in(metadata), metadata.get(CORRECTIONS_KEY)
    known = isinstance(corrections, Corrections) and not corrections.own
    provenance = _provenance(record, corrections, metadata.get(QUALITY_KEY))
    if named := named_regions(metadata.get(EFFORT_KEY)):
        provenance["regions_named"] = named
    # A layer of a person's own is all theirs, as long as no model wrote into it.
    judged = known or "strategy" in provenance
    try:
        checks = SpotChecks.of(metadata)
    except InputError as error:
        # Labels are written all the same, and whoever reads them is told.
        checks = SpotChecks()
        provenance["spot_checks"] = [{"void": True, "sentence": str(error)}]
    return ExportContent(
        finest(data),
        classes_in(metadata),
        placement_from(dict(attributes)),
        provenance,
        labelled=corrections.labelled if known else None,
        confirmed=corrections.confirmed if judged and isinstance(corrections, Corrections) else None,
        spot_checks=checks,
    )


def _provenance(record: JsonObject | None, corrections: object, quality: object) -> JsonObject:
    fields: JsonObject = {}
    if isinstance(corrections, Corrections):
        fields = {"share_corrected": corrections.share(), "share_confirmed": corrections.share_confirmed()}
    if quality is not None:
        fields["quality"] = quality
    return fields | provenance_of_runs(record)
