"""Large images through functions of small tiles; knows no model.

Names are handed out on first use: settings are needed where nothing is computed, and the rest imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pseudolabel.tiling.back_off import MemoryLimits, is_out_of_memory, with_back_off
    from napari_pseudolabel.tiling.devices import pick_device
    from napari_pseudolabel.tiling.freed import give_back
    from napari_pseudolabel.tiling.grid import Axis, Grid, make_grid
    from napari_pseudolabel.tiling.layouts import Covering, Layout, Sliding
    from napari_pseudolabel.tiling.noise import PositionNoise
    from napari_pseudolabel.tiling.runner import (
        TileFunction,
        blend_tiles,
        crop,
        home_of_planes,
        pad,
        run_tiles,
    )
    from napari_pseudolabel.tiling.seams import seam_ratio
    from napari_pseudolabel.tiling.settings import Plan, TileSettings, make_plan, sizes
    from napari_pseudolabel.tiling.window import BlendWindow

__all__ = [
    "Axis",
    "BlendWindow",
    "Covering",
    "Grid",
    "Layout",
    "MemoryLimits",
    "Plan",
    "PositionNoise",
    "Sliding",
    "TileFunction",
    "TileSettings",
    "blend_tiles",
    "crop",
    "give_back",
    "home_of_planes",
    "is_out_of_memory",
    "make_grid",
    "make_plan",
    "pad",
    "pick_device",
    "run_tiles",
    "seam_ratio",
    "sizes",
    "with_back_off",
]

_MODULES = {
    "back_off": ("MemoryLimits", "is_out_of_memory", "with_back_off"),
    "devices": ("pick_device",),
    "freed": ("give_back",),
    "grid": ("Axis", "Grid", "make_grid"),
    "layouts": ("Covering", "Layout", "Sliding"),
    "noise": ("PositionNoise",),
    "runner": ("TileFunction", "blend_tiles", "crop", "home_of_planes", "pad", "run_tiles"),
    "seams": ("seam_ratio",),
    "settings": ("Plan", "TileSettings", "make_plan", "sizes"),
    "window": ("BlendWindow",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
