"""What a session consists of: layers, tiles of their arrays, the view, and a log of edits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_pseudolabel.types import Array, JsonObject

TILE_PX = 128

Index = tuple[int, ...]
"""Position on the axes of an array before its last two."""

Box = tuple[int, int, int, int]
"""y0, x0, y1, x1 in pixels, half open."""


@dataclass(frozen=True)
class TileKey:
    """Where a tile belongs.

    Attributes
    ----------
    layer, array
        Id of the layer, and name of one of its arrays.
    plane
        Position on the axes before the last two; empty for a 2-D array.
    row, column
        Number of the tile; it begins at pixel ``row * TILE_PX``, ``column * TILE_PX``.
    """

    layer: str
    array: str
    plane: Index
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Tile:
    """A square of an array.

    Attributes
    ----------
    values
        (TILE_PX, TILE_PX) in the dtype of the array; smaller at the lower and the right border.
    """

    key: TileKey
    values: Array


class _State(BaseModel):
    # A limit of contrast may be infinite, which JSON itself cannot say.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")


class ArrayState(_State):
    """An array of a layer, without its values.

    Attributes
    ----------
    shape
        (..., Y, X); at least two axes.
    dtype
        As numpy writes it, such as ``uint8``: booleans, integers and floating point.
    fill
        Value of the tiles that were never written; None for NaN.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    fill: float | int | None = 0


class SourceState(_State):
    """The file that a layer was read from.

    Attributes
    ----------
    reader
        Name of the plugin that read it; None if unknown.
    position
        Which of the layers that the reader makes.
    fingerprint
        Of the pixels, to tell whether the file is still the same.
    """

    path: str
    reader: str | None = None
    position: int = 0
    fingerprint: str = ""


class LayerState(_State):
    """A layer without the values of its arrays.

    Attributes
    ----------
    attributes
        Everything else that belongs to the layer, as far as JSON can hold it. Tuples come back as lists.
    source
        The file whose pixels the layer shows; None where they are in its arrays.
    """

    id: str
    kind: Literal["labels", "image", "shapes", "points"]
    arrays: tuple[ArrayState, ...] = ()
    attributes: JsonObject = {}
    source: SourceState | None = None


class ViewState(_State):
    """How the layers are looked at.

    Attributes
    ----------
    order
        Ids of the layers, bottom to top; those that are not open now keep their places.
    active
        Id of the active layer.
    selected
        Ids of the selected layers.
    camera, dims
        As far as JSON can hold them.
    """

    order: tuple[str, ...] = ()
    active: str | None = None
    selected: tuple[str, ...] = ()
    camera: JsonObject = {}
    dims: JsonObject = {}

    def keeping(self, before: ViewState, removed: Collection[str]) -> ViewState:
        """Return the same with the places of layers that were there `before`, and are neither open nor `removed`.

        An image that could not be opened this time comes back below its labels, not over them.
        """
        order, last = list(self.order), -1
        for id in before.order:
            if id not in order and id not in removed:
                order.insert(last + 1, id)
            if id in order:
                last = order.index(id)
        return self.model_copy(update={"order": tuple(order)})


class Summary(_State):
    """What a list of sessions tells about one.

    Attributes
    ----------
    title
        Names of the images.
    share_corrected, share_confirmed
        Of the pixels of all Labels layers, 0 to 1.
    regions_reviewed
        How many regions of the review queue were accepted or mended.
    """

    title: str = ""
    share_corrected: float = 0.0
    share_confirmed: float = 0.0
    regions_reviewed: int = 0


@dataclass(frozen=True)
class Edit:
    """One thing that a person did to labels.

    Attributes
    ----------
    at
        When it ended, in Unix seconds.
    layer
        Id of the layer.
    tool
        Such as ``paint`` or ``split``.
    plane
        Position on the axes before the last two.
    box
        y0, x0, y1, x1 of the pixels it reached.
    pixels
        How many pixels it changed.
    seconds
        How long it took the person.
    """

    at: float
    layer: str
    tool: str
    plane: Index
    box: Box
    pixels: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Batch:
    """What is written in one step, completely or not at all.

    It is applied in this order: layers are removed, then added or changed, then tiles are written.

    Attributes
    ----------
    tiles
        Their arrays must be known from `layers` of this batch or of one before.
    layers
        New or changed ones. An array whose shape, dtype or fill differs from before begins anew, without tiles; one
        that is no longer there is forgotten.
    removed
        Ids of layers to be forgotten together with their arrays. Their edits stay.
    view, summary
        None where nothing changed.
    edits
        To be added to those before.
    """

    tiles: Sequence[Tile] = ()
    layers: Sequence[LayerState] = ()
    removed: Sequence[str] = ()
    view: ViewState | None = None
    edits: Sequence[Edit] = ()
    summary: Summary | None = None
