"""Large images through functions of small tiles; knows no model."""

from napari_pseudolabel.tiling.back_off import KnownLimits, is_out_of_memory, with_back_off
from napari_pseudolabel.tiling.devices import pick_device
from napari_pseudolabel.tiling.grid import Axis, Grid, make_grid
from napari_pseudolabel.tiling.noise import PositionNoise
from napari_pseudolabel.tiling.runner import blend_tiles, crop, home_of_planes, pad, run_tiles
from napari_pseudolabel.tiling.seams import seam_ratio
from napari_pseudolabel.tiling.settings import Plan, TileSettings, make_plan
from napari_pseudolabel.tiling.window import Window

__all__ = [
    "Axis",
    "Grid",
    "KnownLimits",
    "Plan",
    "PositionNoise",
    "TileSettings",
    "Window",
    "blend_tiles",
    "crop",
    "home_of_planes",
    "is_out_of_memory",
    "make_grid",
    "make_plan",
    "pad",
    "pick_device",
    "run_tiles",
    "seam_ratio",
    "with_back_off",
]
