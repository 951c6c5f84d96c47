"""What scripts and notebooks call: a function for each thing that docks and shell do, on arrays, files or open images.

Their names and parameters are kept stable; what else is in the package may change.
"""

from napari_pseudolabel.api.compare_labels import evaluate
from napari_pseudolabel.api.label_images import export, load_segmenter, load_translator, pseudo_label
from napari_pseudolabel.api.measure_labels import measure
from napari_pseudolabel.api.train_models import carry, fine_tune

__all__ = [
    "carry",
    "evaluate",
    "export",
    "fine_tune",
    "load_segmenter",
    "load_translator",
    "measure",
    "pseudo_label",
]
