"""Recipes that make pseudo labels, and the frozen descriptions of the jobs that run them."""

from napari_pseudolabel.strategies.chunks import Focus, LabelPlan, join
from napari_pseudolabel.strategies.description import LabelSettings, ModelUse, PseudoLabel, Region, RunReport
from napari_pseudolabel.strategies.jobs import ChunkedJob, ImageJob, Job, LabelJob, SegmentJob, TranslateJob

__all__ = [
    "ChunkedJob",
    "Focus",
    "ImageJob",
    "Job",
    "LabelJob",
    "LabelPlan",
    "LabelSettings",
    "ModelUse",
    "PseudoLabel",
    "Region",
    "RunReport",
    "SegmentJob",
    "TranslateJob",
    "join",
]
