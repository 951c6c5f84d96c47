"""Images of a list that are open in a viewer: their layers, what of them is kept, and closing them again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.collection.image_gain import labels_file, labels_of
from napari_pseudolabel.collection.image_labelling import listed_image
from napari_pseudolabel.collection.kept_labels import KeptLabels
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import FileImage, Image, Placement
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import read
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.image_layers import (
    OWN_READER,
    POSITION_KEY,
    note_modality,
    placement_of,
    position_in_file,
    readings_of,
    source_path,
)
from napari_pseudolabel.viewer.known_size import KnownSize, note_size
from napari_pseudolabel.viewer.records import (
    KEY,
    classes_of,
    find_layer,
    own_record,
    record_of,
    write_classes,
)
from napari_pseudolabel.viewer.result_layers import new_image, new_labels, selection_kept, show_classes

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.collection.image_list import ImageList, ListedImage

LISTED_KEY = "napari_pseudolabel_listed"
"""In the metadata of an Image layer: which image of which list it is, and by which opening it came."""


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image of a list that is open.

    Attributes
    ----------
    list_id, name
        Of the list, and of the image in it.
    mark
        By which this opening is known in the file that it writes.
    before
        Marks of what it may replace there.
    """

    viewer: ViewerModel
    layer: ImageLayer
    list_id: str
    name: str
    mark: str
    before: tuple[str, ...]

    @classmethod
    def of(cls, viewer: ViewerModel, layer: object) -> OpenImage | None:
        """Return what a layer is of a list; None for all others."""
        told = layer.metadata.get(LISTED_KEY) if isinstance(layer, ImageLayer) else None
        if not isinstance(layer, ImageLayer) or not isinstance(told, dict):
            return None
        return cls(viewer, layer, told["list"], told["name"], told["mark"], (told["before"], told["mark"]))

    @property
    def labels(self) -> Labels | None:
        """The layer of its labels; None if there is none, or the person has deleted it."""
        return find_layer(self.viewer, self.layer, "labels")

    def snapshot(self, labels: Labels, *, kept: bool) -> KeptLabels | None:
        """Return what is to be kept of its labels now; None where nobody has done anything to them.

        Parameters
        ----------
        labels
            Its layer, which may be about to be removed.
        kept
            Whether something is kept of it already, which may have to be taken back.
        """
        corrections, record = Corrections.of(labels), record_of(labels) or {}
        corrections.sync()
        flags = corrections.flags_in((...,))
        classes, runs = classes_of(labels), tuple(record.get("runs", ()))
        given = tuple(LabelClass.model_validate(one) for one in record.get("model_classes", ()))
        confidence = find_layer(self.viewer, self.layer, "confidence", tuple(labels.data.shape))
        now = KeptLabels(
            np.array(labels.data),
            corrections.predicted_in((...,)),
            flags,
            classes,
            given,
            runs,
            placement_of(labels),
            None if confidence is None else np.array(confidence.data, np.float32),
            self.mark,
        )
        same = _dates(runs) == self.layer.metadata[LISTED_KEY]["runs"] and classes == given
        return None if same and not kept and not now.touched.any() else now

    def drop_labels(self) -> None:
        """Take out of the viewer what was made of it."""
        uid = str(self.layer.unique_id)
        made = [
            one
            for one in self.viewer.layers
            if (record := own_record(one)) is not None and record["source"]["uid"] == uid
        ]
        for one in made:
            if one in self.viewer.layers:  # whoever hears of one that goes may remove another
                self.viewer.layers.remove(one)

    def close(self) -> None:
        """Take its layers out of the viewer; an image that was open before it was opened from the list stays, hidden."""
        told = self.layer.metadata[LISTED_KEY]
        self.drop_labels()
        if told["own"] and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)
        else:
            self.layer.visible = False
            del self.layer.metadata[LISTED_KEY]


@dataclass(frozen=True, eq=False)
class DecidedImage:
    """What is to be kept of an open image, taken at one moment; `write` may run in any thread."""

    images: ImageList
    one: ListedImage
    now: KeptLabels
    before: tuple[str, ...]

    @classmethod
    def of(
        cls, opened: OpenImage, labels: Labels, images: ImageList, one: ListedImage
    ) -> DecidedImage | None:
        """Take a copy; None where nobody has done anything to the labels."""
        now = opened.snapshot(labels, kept=images.kept_path(one).is_file())
        return None if now is None else cls(images, one, now, opened.before)

    def write(self) -> bool:
        """Bring it to the disk; False where it is there already. Raises as `KeptLabels.write` does."""
        now, there = self.now, labels_file(self.images, self.one)
        if there is not None:
            before = labels_of(self.images, self.one)
            if now.confidence is None and before.labels.shape == now.labels.shape:
                now = replace(
                    now, confidence=before.confidence
                )  # its layer may have been removed a moment before
            if now.same_as(before):
                return False
        now.write(self.images.kept_path(self.one), before=self.before)
        return True


def decided_now(viewer: ViewerModel, images: ImageList) -> list[DecidedImage]:
    """Return what was decided in the open images of a list and may not be on the disk yet."""
    found = []
    for opened in open_images(viewer, images.id):
        labels, one = opened.labels, images.named(opened.name)
        decided = None if labels is None or one is None else DecidedImage.of(opened, labels, images, one)
        found += [] if decided is None else [decided]
    return found


def open_images(viewer: ViewerModel, list_id: str) -> tuple[OpenImage, ...]:
    """Return the images of a list that are open, the newest last."""
    found = [OpenImage.of(viewer, layer) for layer in viewer.layers]
    return tuple(one for one in found if one is not None and one.list_id == list_id)


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An image of a list with its labels, read beside the window.

    Attributes
    ----------
    kept
        Its labels; None while it has none.
    size
        What the last run knew of the size of things in it.
    """

    image: Image
    kept: KeptLabels | None
    size: KnownSize

    @classmethod
    def of(cls, images: ImageList, one: ListedImage) -> ReadImage:
        """Read it; raises as `listed_image` and `KeptLabels.read` do."""
        there, size = labels_file(images, one) is not None, _size(images.standing(one).told)
        return cls(listed_image(one), labels_of(images, one) if there else None, size)


def show_listed(viewer: ViewerModel, list_id: str, one: ListedImage, found: ReadImage) -> Iterator[None]:
    """Make the layers of an image of a list, one after the other; between two a window may do something else.

    Raises
    ------
    InputError
        When the labels do not fit the image, or it is open already with labels of its own.
    """
    image, kept = found.image, found.kept
    if kept is not None and kept.labels.shape != image.shape:
        raise InputError(
            f"{one.place} has the shape {image.shape} now, but its labels have {kept.labels.shape}; bring the image that was labelled back."
        )
    layer = next((it for it in viewer.layers if isinstance(it, ImageLayer) and _shows(it, one)), None)
    own = layer is None or bool(layer.metadata.get(LISTED_KEY, {}).get("own"))
    if layer is not None and find_layer(viewer, layer, "labels") is not None:
        raise InputError(
            f"{layer.name} is open already, with labels that are not those of the list; remove that Labels layer first."
        )
    if layer is None:
        layer = image_layer(image, image.placement if kept is None else kept.placement, one.file)
        if found.size != KnownSize():
            note_size(layer, found.size)
    runs = () if kept is None else kept.runs
    if runs and (modality := runs[-1].get("source", {}).get("modality")):
        note_modality(layer, modality)
    layer.metadata[LISTED_KEY] = {
        "list": list_id,
        "name": one.name,
        "mark": uuid.uuid4().hex,
        "before": "" if kept is None else kept.mark,
        "runs": _dates(runs),
        "own": own,
    }
    if layer not in viewer.layers:
        viewer.layers.append(layer)
    layer.visible = True
    if kept is None:
        viewer.layers.selection.active = layer
        return
    yield
    if kept.confidence is not None and layer in viewer.layers:
        with selection_kept(viewer):
            new_image(viewer, layer, image, "confidence", kept.confidence)
        yield
    if layer not in viewer.layers:
        return
    known = {CORRECTIONS_KEY: Corrections.detached(kept.predicted, kept.flags)}
    labels = new_labels(
        viewer,
        layer,
        kept.labels.shape,
        next((it.placement for it in readings_of(layer) if it.shape == kept.labels.shape), kept.placement),
        kept.model_classes,
        data=kept.labels,
        metadata=known,
    )
    Corrections.of(labels)
    labels.metadata[KEY] = {**labels.metadata[KEY], "runs": list(kept.runs)}
    if kept.classes != kept.model_classes:
        write_classes(labels, kept.classes)
        show_classes(labels, kept.classes)
    viewer.layers.selection.active = labels


def _shows(layer: ImageLayer, one: ListedImage) -> bool:
    """Whether a layer is of the file of an image, and of no other image in it."""
    return (source_path(layer), position_in_file(layer)) == (one.path, one.position)


def image_layer(image: Image, placement: Placement, one: FileImage) -> ImageLayer:
    """Make a layer of an image that was read here; by its file, and which image of that it is, a session opens it again."""
    from napari.layers._source import layer_source

    letters, rgb = image.axes.removesuffix("S"), image.axes.endswith("S")
    if "C" in letters:
        placement = _with_axis(placement, letters.index("C"))
    given = placement.layer_kwargs()
    # So that every dock takes the axes for what they were labelled as.
    given.setdefault("axis_labels", tuple(letters.lower()))
    data: Any = image.data
    own = one.position is not None
    metadata = {POSITION_KEY: one.position} if own else {}
    with layer_source(path=str(one.path), reader_plugin=OWN_READER if own else "napari"):
        return ImageLayer(data, name=one.name, rgb=rgb, metadata=metadata, **given)


def _with_axis(placement: Placement, axis: int) -> Placement:
    """Return a placement with an axis for channels; those of files only scale and move."""

    def inserted(values: Any, value: object) -> Any:
        return None if values is None else (*values[:axis], value, *values[axis:])

    return replace(
        placement,
        scale=inserted(placement.scale, 1.0),
        translate=inserted(placement.translate, 0.0),
        units=inserted(placement.units, "pixel"),
        axis_labels=inserted(placement.axis_labels, "c"),
    )


def _size(told: JsonObject) -> KnownSize:
    """Return what a run knew; nothing where another version told it otherwise, which is found out again then."""
    try:
        scale = read(Scale, told["scale"])
        found = {str(models): read(FoundScale, one) for models, one in told["found"].items()}
    except (InputError, TypeError, ValueError, KeyError, AttributeError):
        return KnownSize()
    return KnownSize(scale, "" if scale == Scale() else "set", found=found)


def _dates(runs: tuple[JsonObject, ...]) -> list[str]:
    """By what runs are known."""
    return [str(run.get("date")) for run in runs]
