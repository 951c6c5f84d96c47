"""What counts how much: what a person decided, what a model is sure of, and never the validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tuning_case import corrected_plane

from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane

SHAPE = (5, 7)
masks = arrays(bool, SHAPE)
confidences = arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 0.25, 1.0, np.nan]))


@given(masks, masks, st.none() | confidences, st.sampled_from([0.0, 0.5, 1.0]))
def test_weights_follow_the_rules(touched, validation, confidence, trust):
    plane = AnnotatedPlane(
        name="p",
        key="p",
        image=np.zeros(SHAPE, np.float32),
        limits=IntensityRange(0, 1),
        pixel_size_um=None,
        labels=np.zeros(SHAPE, np.uint8),
        touched=touched,
        confidence=confidence,
        validation=validation,
    )
    weights = plane.weights(trust)
    assert weights.dtype == np.float32
    for index in np.ndindex(SHAPE):
        sure = 0.0 if confidence is None or np.isnan(confidence[index]) else float(confidence[index])
        expected = 0.0 if validation[index] else 1.0 if touched[index] else trust * sure
        assert weights[index] == pytest.approx(expected)
    np.testing.assert_array_equal(plane.held_out, touched & validation)
    assert not (weights[plane.held_out] > 0).any()


def test_arrays_must_have_one_shape():
    plane = corrected_plane()
    with pytest.raises(ValueError, match="same two axes"):
        replace(plane, labels=plane.labels[1:])
