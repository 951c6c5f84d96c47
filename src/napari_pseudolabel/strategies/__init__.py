"""Recipes that make pseudo labels, and the frozen descriptions of the jobs that run them."""

from napari_pseudolabel.strategies.description import LabelSettings, ModelUse, PseudoLabel, Region, RunReport
from napari_pseudolabel.strategies.jobs import Job, LabelJob, SegmentJob, TranslateJob

__all__ = [
    "Job",
    "LabelJob",
    "LabelSettings",
    "ModelUse",
    "PseudoLabel",
    "Region",
    "RunReport",
    "SegmentJob",
    "TranslateJob",
]
