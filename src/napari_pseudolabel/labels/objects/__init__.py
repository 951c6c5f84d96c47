"""Objects: what the pixels of classes make together, such as an axon with its myelin, or one of many nuclei."""

from napari_pseudolabel.labels.objects.census import Counted, census, census_text
from napari_pseudolabel.labels.objects.components import component_at
from napari_pseudolabel.labels.objects.incomplete import HalfFibre, half_fibres
from napari_pseudolabel.labels.objects.instances import to_classes, to_instances
from napari_pseudolabel.labels.objects.lookup import object_at, objects_in
from napari_pseudolabel.labels.objects.numbering import as_numbers, numbered
from napari_pseudolabel.labels.objects.object_mask import ObjectMask
from napari_pseudolabel.labels.objects.parting import LEAST_SURE, apart
from napari_pseudolabel.labels.objects.scheme import FIBRE, Fibre, Scheme, scheme_for
from napari_pseudolabel.labels.windows import Window

__all__ = [
    "FIBRE",
    "LEAST_SURE",
    "Counted",
    "Fibre",
    "HalfFibre",
    "ObjectMask",
    "Scheme",
    "Window",
    "apart",
    "as_numbers",
    "census",
    "census_text",
    "component_at",
    "half_fibres",
    "numbered",
    "object_at",
    "objects_in",
    "scheme_for",
    "to_classes",
    "to_instances",
]
