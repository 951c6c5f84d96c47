"""Labels of images that are larger than the memory: shown while they arrive, corrected region by region."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.image import PartOf
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.labels.windows import Index, key_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.large import LARGE_PX
from napari_pseudolabel.slides.slide_store import SlideStore, confidence_of
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.image_layers import PART_OF_KEY, Whole, image_of, unwrapped
from napari_pseudolabel.viewer.records import KEY, add_run, classes_of, record_of, source_layer
from napari_pseudolabel.viewer.result_layers import new_image, new_labels, selection_kept
from napari_pseudolabel.viewer.slide_labels import held_by, layer_showing, slide_layer, store_of
from napari_pseudolabel.viewer.streaming import PushedLayers

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.slides.slide_run import SlideRun
    from napari_pseudolabel.strategies import PseudoLabel, RunReport

# So large a region is corrected at once, at most.
MOST_REGION_PX = 3072**2
_REGION_KEY = "napari_pseudolabel_slide_region"
_REFRESH_S = 0.3


def is_large(image: Image) -> bool:
    """Whether labels of an image go to the disk and not into memory."""
    return math.prod(image.shape) > LARGE_PX


def is_growing(layer: Layer) -> bool:
    """Whether a run on a large image writes into what a layer shows at this moment."""
    held = held_by(layer)
    stream = held.stream() if held is not None and held.stream is not None else None
    return stream is not None and not stream.ended


class SlideStream:
    """Shows a run on a large image while it goes on; for what it has in common with `Stream` see there.

    The labels are a layer of several levels that reads what it shows from the disk. napari cannot paint on such layers:
    `open_region` makes one of a part that it can.
    """

    late = False

    def __init__(self, viewer: ViewerModel, source: ImageLayer, image: Image, run: SlideRun) -> None:
        self._viewer, self._source, self._image, self._run = viewer, source, image, run
        self._layer: Labels | None = None
        self._refreshed = 0.0
        self._last: PseudoLabel | None = None
        self.ended = False

    @property
    def labels(self) -> Layer | None:
        """The layer that takes the labels; None before the first part, and if the person has deleted it."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def add(self, part: PseudoLabel) -> PushedLayers:
        """Show a part, which is on the disk already."""
        self._last = part
        if self._layer is None:
            self._layer = layer_showing(self._viewer, self._source, self._image, self._run.store)
            held = held_by(self._layer)
            assert held is not None
            held.stream = weakref.ref(self)
            self._note(part.report, part.planes)  # now: a kill ends no run
        now = time.monotonic()
        if now - self._refreshed > _REFRESH_S and self._layer in self._viewer.layers:
            self._layer.refresh(extent=False, thumbnail=False, highlight=False)
            self._refreshed = now
        return PushedLayers(None, None, None)

    def show_late(self) -> None:
        """Do nothing: all there is is shown."""

    def finish(self, report: RunReport | None = None) -> PushedLayers:
        """End the run, complete or not."""
        layer, last = self.labels, self._last
        if layer is not None and last is not None:
            layer.refresh(extent=False)
            self._note(report or last.report, last.planes)
        self._last, self.ended = None, True
        return PushedLayers(None, None, None)

    def _note(self, report: RunReport, planes: Sequence[Index]) -> None:
        """Note the run in the layer and in the folder, once for all its parts however often it went on."""
        layer = self._layer
        assert layer is not None
        height, width = self._image.shape[-2:]
        add_run(layer, report, Region(0, 0, height, width), planes, complete=False)
        *before, own = layer.metadata[KEY]["runs"]
        runs = [*(one for one in before if not _same_run(one, own)), own]
        layer.metadata[KEY] = {**layer.metadata[KEY], "runs": runs}
        self._run.store.note_runs(runs)


def _same_run(one: JsonObject, other: JsonObject) -> bool:
    return all(one.get(name) == other.get(name) for name in ("models", "strategy", "seed", "parameters"))


@dataclass(frozen=True)
class OpenRegion:
    """A region of a large image that is being corrected.

    Attributes
    ----------
    labels
        An ordinary layer of the region alone.
    """

    labels: Labels
    store: SlideStore
    plane: Index
    region: Region


@dataclass(frozen=True, eq=False)
class RegionPixels:
    """What the disk holds of a region.

    Attributes
    ----------
    pixels
        Of the image, (h, w) or with colours.
    labels
        (h, w), with what a person decided; 0 where there is nothing.
    known
        What was predicted and decided there.
    sure
        (h, w) float32, NaN where nothing was predicted; None where the store has no confidence.
    """

    pixels: Array
    labels: Array
    known: Corrections
    sure: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class WantedRegion:
    """A region that can be opened; `read` may run in any thread."""

    source: ImageLayer
    image: Image
    store: SlideStore
    slide: Labels
    region: Region
    plane: Index
    channel: int

    def read(self) -> RegionPixels:
        """Read what the window must not wait for."""
        store, region, key = self.store, self.region, key_of(self.plane, self.region.window)
        values = np.asarray(store.values.levels[0][key])
        reached = np.where(values != store.rest, REACHED, 0).astype(np.uint8)
        shown = store.shown(self.plane, region.window)
        return RegionPixels(
            _pixels(self.image, region, self.plane, self.channel),
            np.where(shown == store.rest, 0, shown).astype(values.dtype),
            Corrections.detached(
                np.where(values == store.rest, 0, values).astype(values.dtype),
                store.flags_in(self.plane, region.window) | reached,
            ),
            None if store.sure is None else confidence_of(np.asarray(store.sure.levels[0][key])),
        )


def wanted_region(
    viewer: ViewerModel,
    source: ImageLayer,
    image: Image,
    region: Region,
    plane: Index,
    channel: int | None = None,
) -> WantedRegion:
    """Look whether a region of a large image can be opened.

    Parameters
    ----------
    source
        The large image, of which there are labels on the disk.
    image
        As it was labelled.
    plane
        Index over the axes before Y and X.
    channel
        Which of several channels is shown; None for the first.

    Raises
    ------
    InputError
        If there are no labels of the image, the region is too large, or is open already.
    """
    slide = slide_layer(viewer, source)
    store = None if slide is None else store_of(slide)
    if slide is None or store is None:
        raise InputError("There are no labels of this image yet; press Run first.")
    if region.area > MOST_REGION_PX:
        side = math.isqrt(MOST_REGION_PX)
        raise InputError(
            f"A region of {region.shape[0]} x {region.shape[1]} pixels is too large to be corrected at once; zoom in until less "
            f"than {side} x {side} pixels are in view."
        )
    if (twin := _overlapping(viewer, store, plane, region)) is not None:
        raise InputError(
            f"A part of this region is being corrected already, in {twin.name}; go on there, or remove that layer."
        )
    return WantedRegion(source, image, store, slide, region, plane, channel or 0)


def show_region(viewer: ViewerModel, wanted: WantedRegion, read: RegionPixels) -> Iterator[OpenRegion | None]:
    """Make layers of what was read, one by one: pixels, confidence and labels, which all tools know how to correct.

    What a person has decided there before is there again. Between two layers a window may do something else.

    Yields
    ------
    OpenRegion or None
        None after layers that come before the labels. Nothing more where the image, its labels or the pixels were
        removed meanwhile.
    """
    source, slide, store, region = wanted.source, wanted.slide, wanted.store, wanted.region
    if source not in viewer.layers or slide not in viewer.layers:
        return
    crop = _crop_layer(source, wanted.image, region, read.pixels)
    taken = wanted.channel if "C" in wanted.image.axes else None
    crop.metadata[PART_OF_KEY] = Whole(PartOf(wanted.image, region.y0, region.x0, taken))
    with selection_kept(viewer):  # the labels are what the person will be at
        viewer.layers.insert(viewer.layers.index(slide) + 1, crop)
    yield None
    if crop not in viewer.layers or slide not in viewer.layers:
        return
    own = image_of(crop)
    if read.sure is not None:
        with selection_kept(viewer):
            new_image(viewer, crop, own, "confidence", read.sure.reshape(own.shape))
        yield None
        if crop not in viewer.layers or slide not in viewer.layers:
            return
    known = {CORRECTIONS_KEY: read.known}
    layer = new_labels(
        viewer, crop, own.shape, own.placement, store.named_classes(), data=read.labels, metadata=known
    )
    Corrections.of(layer)
    _copy_runs(slide, layer, region)
    layer.metadata[_REGION_KEY] = {
        "folder": str(store.folder),
        "plane": list(wanted.plane),
        "region": list(vars(region).values()),
        "channel": taken,
    }
    viewer.layers.selection.active = layer
    yield OpenRegion(layer, store, wanted.plane, region)


def open_region(
    viewer: ViewerModel,
    source: ImageLayer,
    image: Image,
    region: Region,
    plane: Index,
    channel: int | None = None,
) -> OpenRegion:
    """Read and show a region at once, where nobody waits; see `wanted_region`."""
    wanted = wanted_region(viewer, source, image, region, plane, channel)
    *_, opened = show_region(viewer, wanted, wanted.read())
    assert opened is not None
    return opened


def region_of(viewer: ViewerModel, layer: Layer) -> OpenRegion | None:
    """Return which region of which large image a layer is; None for all other layers, or where that image is closed."""
    told = unwrapped(layer).metadata.get(_REGION_KEY)
    if not isinstance(told, dict) or not isinstance(layer, Labels):
        return None
    for other in viewer.layers:
        store = store_of(other)
        if store is not None and str(store.folder) == told["folder"]:
            return OpenRegion(layer, store, tuple(told["plane"]), Region(*told["region"]))
    return None


def named_in(region: Labels) -> tuple[LabelClass, ...]:
    """Return the classes that a person has added or changed in a region since it was opened."""
    given = (record_of(region) or {}).get("model_classes", ())
    return tuple(one for one in classes_of(region) if one.model_dump() not in given)


def know_whole(viewer: ViewerModel, layer: Layer) -> None:
    """See to it that the pixels of a region that came back with a session know what they were cut out of."""
    found = region_of(viewer, layer)
    crop = None if found is None else source_layer(viewer, layer)
    slide = next((one for one in viewer.layers if found is not None and store_of(one) is found.store), None)
    source = None if slide is None else source_layer(viewer, slide)
    if found is None or crop is None or source is None or PART_OF_KEY in crop.metadata:
        return
    channel = layer.metadata[_REGION_KEY].get("channel")
    image = image_of(cast(ImageLayer, source))
    crop.metadata[PART_OF_KEY] = Whole(PartOf(image, found.region.y0, found.region.x0, channel))


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a person decided in a region, taken from the layer at one moment; `write` may run in any thread.

    Attributes
    ----------
    classes
        As `named_in` tells them.
    """

    store: SlideStore
    plane: Index
    region: Region
    labels: NDArray[Any]
    flags: NDArray[np.uint8]
    classes: tuple[LabelClass, ...]

    @classmethod
    def of(cls, found: OpenRegion) -> Decisions:
        """Take a copy."""
        corrections = Corrections.of(found.labels)
        corrections.sync()
        flags = corrections.flags_in((...,)) & np.uint8(CORRECTED | CONFIRMED)
        labels = np.array(found.labels.data)
        return cls(found.store, found.plane, found.region, labels, flags, named_in(found.labels))

    @property
    def any(self) -> bool:
        """Whether there is anything to be written: what was decided, or what has to be taken back."""
        return bool(self.flags.any()) or self.store.human is not None

    def write(self) -> None:
        """Bring it to the disk, and with it what the person calls the classes."""
        self.store.name_classes(self.classes)
        if self.any:
            self.store.correct(self.plane, self.region.window, self.labels, self.flags)


def _overlapping(viewer: ViewerModel, store: SlideStore, plane: Index, region: Region) -> Layer | None:
    for layer in viewer.layers:
        found = region_of(viewer, layer)
        if found is None or found.store is not store or found.plane != plane:
            continue
        other = found.region
        if min(other.y1, region.y1) > max(other.y0, region.y0) and min(other.x1, region.x1) > max(
            other.x0, region.x0
        ):
            return layer
    return None


def _pixels(image: Image, region: Region, plane: Index, channel: int) -> Array:
    """Return the pixels of a region of two axes (and colours)."""
    rest = iter(plane)
    spatial = dict(zip("YX", region.window, strict=True))
    key = tuple(
        spatial[letter]
        if letter in "YX"
        else slice(None)
        if letter == "S"
        else channel
        if letter == "C"
        else next(rest)
        for letter in image.axes
    )
    return np.array(image.data[key])


def _crop_layer(source: ImageLayer, image: Image, region: Region, pixels: Array) -> ImageLayer:
    """Return the pixels of a region as a layer, where they lie in the world."""
    rgb = image.axes.endswith("S")
    look = {} if rgb else {"contrast_limits": source.contrast_limits, "colormap": source.colormap}
    return ImageLayer(
        pixels,
        name=f"{source.name} [{region.y0}:{region.y1}, {region.x0}:{region.x1}]",
        rgb=rgb,
        metadata={name: value for name, value in source.metadata.items() if isinstance(value, str | float)},
        **look,
        **_moved(image.placement, region).layer_kwargs(),
    )


def _moved(placement: Placement, region: Region) -> Placement:
    """Return the placement of a region of the last two axes, which alone are left."""
    while placement.ndim > 2:
        placement = placement.drop_axis(0)
    return placement.moved((region.y0, region.x0))


def _copy_runs(slide: Layer, layer: Labels, region: Region) -> None:
    """Note on a layer which runs its labels come from."""
    runs = [
        {**run, "region": [0, 0, *region.shape], "planes": [[]]}
        for run in (record_of(slide) or {}).get("runs", ())
    ]
    layer.metadata[KEY] = {**layer.metadata[KEY], "runs": runs[-1:]}
