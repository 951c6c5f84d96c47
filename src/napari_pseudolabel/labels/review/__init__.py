"""Which regions a person should look at next, and when they may stop."""

from napari_pseudolabel.labels.review.calibration import Calibration
from napari_pseudolabel.labels.review.forecast import REVIEWED, TARGET, Forecast, forecast
from napari_pseudolabel.labels.review.pace import Pace
from napari_pseudolabel.labels.review.queue import Place, RegionScore, measure, order
from napari_pseudolabel.labels.review.region_grid import Box, object_diameter, side_for

__all__ = [
    "REVIEWED",
    "TARGET",
    "Box",
    "Calibration",
    "Forecast",
    "Pace",
    "Place",
    "RegionScore",
    "forecast",
    "measure",
    "object_diameter",
    "order",
    "side_for",
]
