"""Lists say one number per class: of what a model is mainly for, and not of what it is compared with."""

from __future__ import annotations

import pytest

from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.models.headline import headline


def card(*measures):
    return Card(
        kind="segmenter",
        family="monai-unet",
        quality=tuple(Measure(metric=metric, value=value, data=data) for metric, value, data in measures),
    )


@pytest.mark.parametrize(
    ("measures", "told"),
    [
        ((), ""),
        ((("Dice axon", 0.853, "target"), ("Dice myelin", 0.79, "target")), "axon .85 · myelin .79"),
        ((("Dice axon", 0.853, "target"), ("F1 axon", 0.8, "target"), ("Dice myelin", 1.0, "target")),
         "axon .85 F1 .80 · myelin 1.00"),
        # Another method, and pixels that chose the step, do not count, however good.
        ((("Dice axon", 0.5, "target"), ("Dice axon (supervised bound)", 0.9, "target"), ("Dice axon", 0.95, "validation")),
         "axon .50"),
        ((("F1 nucleus", 0.729, "target"),), "nucleus F1 .73"),
        # A fast version: it was measured on other images than translators are.
        ((("Dice axon", 0.87, "held out"), ("F1 axon", 0.7, "held out"), ("Dice myelin", 0.817, "held out"),
          ("Dice axon (its translator)", 0.86, "held out"), ("Dice myelin (its translator)", 0.829, "held out")),
         "its translator's −.01"),
        ((("Dice nucleus", 0.911, "held out"), ("Dice nucleus (its translator)", 0.912, "held out")), "as its translator"),
        ((("content", 0.7, "crops"),), ""),
    ],
)  # fmt: skip
def test_the_headline_is_of_the_first_data_and_one_per_class(measures, told):
    assert headline(card(*measures)) == told
