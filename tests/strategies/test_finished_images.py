"""By what a finished image is known again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.formats import formats
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.strategies.finished_images import FinishedImages
from napari_pseudolabel.strategies.registry import find
from napari_pseudolabel.strategies.strategy import LabelRequest


@pytest.mark.parametrize(
    ("strategy", "role"), [("segmentation", "segmenter"), ("feature-regions", "translator")]
)
def test_a_model_that_changed_makes_it_unfinished_however_it_is_used(tmp_path, strategy, role):
    """As it is loaded, and as what another segmenter is made of."""
    (image := tmp_path / "image.tif").write_bytes(b"pixels")
    (model := tmp_path / "model.safetensors").write_bytes(b"weights")
    job = find(strategy).job(from_array(np.zeros((4, 5))), LabelRequest(**{role: str(model)}))

    def key():
        return FinishedImages(tmp_path).key(image, job, formats()[0], confidence=False)

    before = key()
    assert key() == before
    model.write_bytes(b"others!")
    assert key() != before
