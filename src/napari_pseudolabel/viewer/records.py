"""What the plugin writes into the metadata of the layers it makes, and how it finds them again.

Layers are known by their unique id, never by their name. A duplicate made in napari carries the
metadata of its original but has another id, so it counts as the person's own layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.labels.windows import common_part, key_of, window_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies.provenance import Record
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.image_layers import position_in_file, source_path

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import Region, RunReport

KEY = "napari_pseudolabel"
# Classes of a layer that the plugin did not make, as the person wants them.
CLASSES_KEY = "napari_pseudolabel_classes"
# How good labels probably are, learned from what a person corrected.
QUALITY_KEY = "napari_pseudolabel_quality"
ImageRole = Literal["confidence", "translation", "heat"]
LabelsRole = Literal["labels", "slide", "preview", "draft", "objects", "candidate"]
Role = ImageRole | LabelsRole
# Of what a run makes.
ROLES: tuple[Role, ...] = ("labels", "translation", "confidence")
# Of what only shows something about labels for a while, or what is on the disk: not for saving, exporting or learning.
HELPERS: tuple[Role, ...] = ("heat", "preview", "draft", "objects", "candidate", "slide")


def record_of(layer: Layer) -> JsonObject | None:
    """Return the plugin's record in the metadata of a layer, None if there is none."""
    return record_in(layer.metadata)


def record_in(metadata: Mapping[str, object]) -> JsonObject | None:
    """Return the plugin's record in metadata, None if there is none."""
    record = metadata.get(KEY)
    return record if isinstance(record, dict) and "role" in record else None


def classes_of(layer: Layer) -> tuple[LabelClass, ...]:
    """Classes of a layer, as the model or the person has named them; empty if nobody has."""
    return classes_in(layer.metadata)


def classes_in(metadata: Mapping[str, Any]) -> tuple[LabelClass, ...]:
    """As `classes_of`, from the metadata of a layer."""
    found = (record_in(metadata) or {}).get("classes") or metadata.get(CLASSES_KEY, ())
    return tuple(LabelClass.model_validate(one) for one in found)


def own_record(layer: Layer) -> JsonObject | None:
    """Return the record of a layer that the plugin made, None for others and for their duplicates."""
    record = record_of(layer)
    return record if record is not None and record.get("uid") == str(layer.unique_id) else None


def is_sample(layer: Layer) -> bool:
    """Whether an image is one of the samples, which say where they come from."""
    noted = layer.metadata.get(KEY)
    return isinstance(noted, dict) and "origin" in noted


def is_ours(layer: Layer) -> bool:
    """Return whether it is a layer that the plugin made."""
    return own_record(layer) is not None


def is_helper(layer: Layer) -> bool:
    """Return whether it is a layer of ours that only shows something for a while: heat, a preview, a draft, objects, a candidate."""
    return (own_record(layer) or {}).get("role") in HELPERS


def is_slide(layer: Layer) -> bool:
    """Return whether it is a layer of ours that shows the labels of a large image, which are on the disk."""
    return (own_record(layer) or {}).get("role") == "slide"


@overload
def find_layer(
    viewer: ViewerModel, source: Layer, role: ImageRole, shape: tuple[int, ...] | None = None
) -> Image | None: ...


@overload
def find_layer(
    viewer: ViewerModel, source: Layer, role: LabelsRole, shape: tuple[int, ...] | None = None
) -> Labels | None: ...


@overload
def find_layer(
    viewer: ViewerModel, source: Layer, role: Role, shape: tuple[int, ...] | None = None
) -> Image | Labels | None: ...


def find_layer(
    viewer: ViewerModel, source: Layer, role: Role, shape: tuple[int, ...] | None = None
) -> Image | Labels | None:
    """Return the layer of a role that the plugin made for a source layer, None if it is gone.

    Parameters
    ----------
    shape
        Of its data; layers of another shape, made with other channels, do not count.
    """
    for layer in viewer.layers:
        record = own_record(layer)
        wanted = record and (record["role"], record["source"]["uid"]) == (role, str(source.unique_id))
        if wanted and isinstance(layer, Image | Labels) and shape in (None, layer.data.shape):
            return layer
    return None


def source_layer(viewer: ViewerModel, layer: Layer) -> Layer | None:
    """Return the layer from which one of ours was made, None if it is gone or `layer` is not ours."""
    record = record_of(layer)
    uid = (record or {}).get("source", {}).get("uid")
    return next((one for one in viewer.layers if str(one.unique_id) == uid), None)


def may_belong(viewer: ViewerModel, labels: Layer, image: Layer) -> bool:
    """Whether labels may have been made on an image; those of a person may on any.

    Labels of a run, and duplicates of them, belong to the layer that was labelled. Where it is gone, they may belong
    to the same file, opened again, or without a file to an image of the same name.
    """
    source = (record_of(labels) or {}).get("source")
    if source is None:
        return True
    if source_layer(viewer, labels) is not None:
        return bool(source["uid"] == str(image.unique_id))
    path = source_path(image)
    if not path:
        return bool(source.get("name") == image.name)
    return bool((source.get("path"), source.get("position")) == (path, position_in_file(image)))


def write_record(layer: Layer, role: Role, source: Layer, classes: Sequence[LabelClass]) -> None:
    """Note in the metadata of a layer what the plugin made it for.

    Runs that are noted there stay, and so does what the person has added to the classes, or changed about
    those that mean the same as before.
    """
    before = own_record(layer) or {}
    given = [label_class.model_dump() for label_class in classes]
    layer.metadata[KEY] = {
        "version": 1,
        "uid": str(layer.unique_id),
        "role": role,
        "source": {
            "uid": str(source.unique_id),
            "name": source.name,
            "path": source_path(source),
            "position": position_in_file(source),
        },
        "classes": _as_edited(given, before),
        "model_classes": given,
        "runs": before.get("runs", []),
    }


def write_classes(layer: Layer, classes: Sequence[LabelClass]) -> None:
    """Note the classes of a layer as the person wants them."""
    dumped = [label_class.model_dump() for label_class in classes]
    if record_of(layer) is None:
        layer.metadata[CLASSES_KEY] = dumped
    else:
        layer.metadata[KEY] = {**layer.metadata[KEY], "classes": dumped}


def write_quality(layer: Layer, expected_dice: float, regions: int) -> None:
    """Note how good labels probably are, by a calibration that was learned from so many corrected regions."""
    layer.metadata[QUALITY_KEY] = {"expected_dice": round(expected_dice, 3), "learned_from_regions": regions}


def how_made(
    layer: Layer, plane: tuple[int, ...] | None = None, window: tuple[slice, slice] | None = None
) -> Record | None:
    """How labels were made, by the newest run; None for labels that no run has written into.

    Parameters
    ----------
    plane, window
        Where it matters: the newest run that wrote there, if there is one.

    Raises
    ------
    InputError
        If the record of that run cannot be understood.
    """
    runs = (record_of(layer) or {}).get("runs") or []
    if plane is not None and window is not None:
        runs = [run for run in runs if _wrote(run, plane, window)] or runs
    return Record.from_provenance(runs[-1]) if runs else None


def channel_of(layer: Layer | None) -> Channel | None:
    """Return the channel that was labelled last; None for the default of the image."""
    try:
        made = how_made(layer) if layer is not None else None
    except InputError:
        return None
    return made.settings.channel if made is not None else None


def _wrote(run: JsonObject, plane: tuple[int, ...], window: tuple[slice, slice]) -> bool:
    here = common_part(window_of(run["region"]), window) is not None
    return here and tuple(plane) in {tuple(index) for index in run["planes"]}


def add_run(
    layer: Layer,
    report: RunReport,
    region: Region,
    planes: Sequence[tuple[int, ...]],
    *,
    complete: bool = True,
) -> None:
    """Note in the record of a layer that a run wrote into it.

    Runs on parts of the image add up; those whose pixels were all written again are forgotten.

    Parameters
    ----------
    complete
        False for a run that was ended before all of the region was reached; nothing is forgotten then.
    """
    run = {
        **report.provenance(),
        "region": [region.y0, region.x0, region.y1, region.x1],
        "planes": [list(index) for index in planes],
    }
    if not complete:
        run["complete"] = False
    record = layer.metadata[KEY]
    kept = [old for old in record["runs"] if not (complete and _covers(run, old))]
    layer.metadata[KEY] = {**record, "runs": [*kept, run]}


def evidence(record: JsonObject | None, labels: Array) -> NDArray[np.bool_]:
    """Where predictions must have been, as far as the labels and the record of their layer tell.

    A label is evidence, and so is a run that reached all of its region, unless none of its labels is left
    there: then it was undone. The rest counts as never predicted, because a person can say that something
    is background, but nobody can see that it was taken for background by mistake.

    Parameters
    ----------
    record
        Of a layer that the plugin made, see `records`.
    labels
        (..., Y, X) as the predictions have left them.

    Returns
    -------
    NDArray
        bool, shape of the labels.
    """
    # Zeros take no memory until they are written.
    found = np.zeros(labels.shape, bool)
    if not labels.any():
        return found
    found |= labels != 0
    for run in (record or {}).get("runs", ()):
        if run.get("complete") is False:
            continue  # which of its parts arrived is not noted
        for index in map(tuple, run["planes"]):
            part = key_of(index, window_of(run["region"]))
            if labels[part].any():
                found[part] = True
    return found


def _covers(new: JsonObject, old: JsonObject) -> bool:
    (y0, x0, y1, x1), (b0, a0, b1, a1) = new["region"], old["region"]
    inside = y0 <= b0 and x0 <= a0 and b1 <= y1 and a1 <= x1
    planes = {tuple(index) for index in new["planes"]}
    return inside and all(tuple(index) in planes for index in old["planes"])


def _as_edited(given: list[JsonObject], before: Mapping[str, Any]) -> list[JsonObject]:
    """Classes of a model with what the person has made of them on a layer that had classes before."""
    shown = {one["value"]: one for one in before.get("classes", [])}
    known = {one["value"]: one for one in before.get("model_classes", before.get("classes", []))}
    kept = [shown.get(one["value"], one) if known.get(one["value"]) == one else one for one in given]
    values = {one["value"] for one in given} | set(known)
    return [*kept, *(one for value, one in shown.items() if value not in values)]
