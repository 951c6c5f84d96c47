"""Recipes that make pseudo labels, and the frozen descriptions of the jobs that run them."""

from napari_pseudolabel.strategies.chunks import ViewCentre, join
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale
from napari_pseudolabel.strategies.jobs import AnsweringJob, ChunkedJob, Job, LabelJob, Origin
from napari_pseudolabel.strategies.label_plan import LabelPlan
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Region
from napari_pseudolabel.strategies.provenance import Record
from napari_pseudolabel.strategies.scale_search import FindScaleJob

__all__ = [
    "AnsweringJob",
    "ChunkedJob",
    "FindScaleJob",
    "FoundScale",
    "Job",
    "LabelJob",
    "LabelPlan",
    "LabelSettings",
    "ModelUse",
    "Origin",
    "PseudoLabel",
    "Record",
    "Region",
    "RunReport",
    "TriedScale",
    "ViewCentre",
    "join",
]
