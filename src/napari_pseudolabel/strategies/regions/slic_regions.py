"""Superpixels: Achanta et al., SLIC superpixels compared to state-of-the-art superpixel methods (TPAMI 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.classes import MOST_REGIONS
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.regions.plane_regions import PlaneRegions
from napari_pseudolabel.strategies.regions.region_options import NamedRegionOptions

_FEWER = 0.8

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True)
class SlicOptions(NamedRegionOptions):
    """How an image is divided into superpixels."""

    pieces: Annotated[
        int,
        Option(
            "Into about how many connected pieces a plane is divided. Each is named by a click of its own: few are quickly named, many "
            "follow the edges better.",
            title="Pieces",
            term="superpixels",
            least=4,
            most=MOST_REGIONS,
        ),
    ] = 100
    compactness: Annotated[
        float,
        Option(
            "How much nearness counts against likeness: small values follow the edges, large ones give squares.",
            title="Evenly shaped",
            term="compactness",
            above=0,
            most=10,
            step=0.01,
            group="advanced",
        ),
    ] = 0.3


@dataclass(frozen=True)
class SlicRegions(PlaneRegions):
    """Finds superpixels; see `PlaneFactory`."""

    options: SlicOptions
    name: str = "SLIC superpixels"
    longest_px: int = 1024

    told: ClassVar[str] = (
        "These are pieces, not classes yet: in Correct, choose a class and press Name regions, then click on every piece of it; "
        "Shift+click calls it background. Pieces without a name stay pieces."
    )

    @override
    def regions_in(
        self, picture: NDArray[np.float32], models: LoadedModels, device: str, control: Control
    ) -> tuple[NDArray[np.intp], str]:
        from skimage.segmentation import slic

        stage = control.stage("Finding regions", 1)
        pieces = self.options.pieces
        # About as many come, and never more than there are values for.
        while (
            found := slic(picture, pieces, self.options.compactness, channel_axis=None, start_label=0)
        ).max() >= MOST_REGIONS:
            pieces = int(_FEWER * pieces)
        stage.advance()
        return np.asarray(found, np.intp), ""
