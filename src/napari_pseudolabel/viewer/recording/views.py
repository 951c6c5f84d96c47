"""How the layers of a viewer are looked at: their order, what is selected, camera and sliders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_pseudolabel.viewer.recording.plain import plain
from napari_pseudolabel.workspace.sessions import ViewState

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_CAMERA = ("center", "zoom", "angles", "perspective")
_DIMS = ("ndisplay", "order", "point", "margin_left", "margin_right")


def view_of(viewer: ViewerModel, ids: Mapping[str, str]) -> ViewState:
    """How the layers with unique ids in `ids`, which has their ids in the session, are looked at."""
    order = [ids[uid] for uid in (str(layer.unique_id) for layer in viewer.layers) if uid in ids]
    chosen = viewer.layers.selection
    active = None if chosen.active is None else ids.get(str(chosen.active.unique_id))
    selected = {ids.get(str(layer.unique_id)) for layer in chosen}
    return ViewState(
        order=tuple(order),
        active=active,
        selected=tuple(id for id in order if id in selected),
        camera={name: plain(getattr(viewer.scene.camera, name)) for name in _CAMERA},
        dims={name: plain(getattr(viewer.dims, name)) for name in _DIMS},
    )


def choose(viewer: ViewerModel, view: ViewState, layers: Mapping[str, Layer]) -> None:
    """Select what was selected; `layers` by their ids in the session."""
    chosen = [layers[id] for id in view.selected if id in layers]
    viewer.layers.selection = set(chosen)
    if view.active is not None and view.active in layers:
        viewer.layers.selection.active = layers[view.active]


def look_at(viewer: ViewerModel, view: ViewState) -> None:
    """Set sliders and camera as they were; for layers that are all there."""
    fitting = len(view.dims.get("point", ())) == viewer.dims.ndim
    for name in _DIMS if fitting else ("ndisplay",):
        _set(viewer.dims, name, view.dims)
    for name in _CAMERA:
        _set(viewer.scene.camera, name, view.camera)


def _set(model: object, name: str, values: Mapping[str, object]) -> None:
    if name in values:
        value = values[name]
        setattr(model, name, tuple(value) if isinstance(value, list) else value)
