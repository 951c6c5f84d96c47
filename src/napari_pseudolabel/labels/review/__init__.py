"""Which regions a person should look at next, and when they may stop."""

from napari_pseudolabel.labels.review.calibration import Calibration
from napari_pseudolabel.labels.review.outlook import TARGET, Outlook, outlook
from napari_pseudolabel.labels.review.pace import Pace
from napari_pseudolabel.labels.review.queue import Place, RegionScore, measure, order
from napari_pseudolabel.labels.review.regions import Box, object_diameter, side_for

__all__ = [
    "TARGET",
    "Box",
    "Calibration",
    "Outlook",
    "Pace",
    "Place",
    "RegionScore",
    "measure",
    "object_diameter",
    "order",
    "outlook",
    "side_for",
]
