"""What labels look like, added up over parts, and whether they are of any use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pseudolabel.labels.confidence import agreement, entropy
from napari_pseudolabel.labels.contrast import contrast
from napari_pseudolabel.labels.evidence import Evidence, total
from napari_pseudolabel.labels.usability import Usability, usability, warning
from napari_pseudolabel.models.cards import LabelClass, TypicalLabels

CLASSES = tuple(
    LabelClass(name=name, value=value) for value, name in enumerate(("background", "myelin", "axon"))
)


def rings(shape=(120, 160), step=40, shift=0):
    """Axons of 16 pixels in rings of myelin of 4, and how sure two looks are of them, of which one is shifted."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot((y % step) - step / 2, ((x + shift) % step) - step / 2)
    return np.where(distance < 8, 2, np.where(distance < 12, 1, 0)).astype(np.uint8)


def looked(labels, other=None, sure=0.95, image=None):
    looks = np.stack([labels, labels if other is None else other])
    chances = np.where(np.arange(3)[None, :, None, None] == looks[:, None], sure, (1 - sure) / 2).astype(
        np.float32
    )
    mean = chances.mean(axis=0)
    doubt = entropy(mean, CLASSES)
    grey = np.array([0.5, 0.1, 0.8], np.float32)
    return {
        "labels": labels,
        "doubt": doubt,
        "unshared": doubt - np.mean([entropy(one, CLASSES) for one in chances], axis=0),
        "candidates": looks,
        "seen": grey[labels] if image is None else image,
        "counted": np.ones(labels.shape, bool),
    }


def typical(found):
    return TypicalLabels(
        agreement=found.agreement,
        hesitation=found.hesitation,
        contrast=tuple((*pair, share) for pair, share in found.contrast.items()),
        widths=tuple(found.width_px.items()),
    )


@pytest.fixture(scope="module")
def usual():
    return Evidence.of(**looked(rings(), rings(shift=1)))


def test_evidence_is_what_others_measure(usual):
    labels, other = rings(), rings(shift=1)
    assert usual.agreement == pytest.approx(agreement([labels, other]), abs=1e-6)
    noisy = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    found = Evidence.of(**looked(labels, image=noisy)).contrast
    expected = contrast([noisy], [labels])
    assert found.keys() == expected.keys()
    for pair, share in found.items():
        assert share == pytest.approx(expected[pair], abs=0.02)
    assert usual.foreground == pytest.approx((labels > 0).mean())
    # A disc of 16 pixels: pi times its area over the sides of its pixels, which are 4 diameters long.
    assert usual.width_px[2] == pytest.approx(np.pi**2 / 16 * 16, rel=0.1)


def test_parts_add_up_to_the_whole(usual):
    whole = looked(rings(), rings(shift=1))
    parts = []
    for window in (np.s_[:, :80], np.s_[:50, 80:], np.s_[50:, 80:]):
        parts.append(Evidence.of(**{name: values[..., *window] for name, values in whole.items()}))
    found = total([*parts, None])
    assert found.pixels == usual.pixels
    for name in ("agreement", "hesitation", "quarrel", "foreground"):
        assert getattr(found, name) == pytest.approx(getattr(usual, name))
    assert found.contrast == usual.contrast
    # Borders on the cuts are not seen.
    assert found.width_px[2] == pytest.approx(usual.width_px[2], rel=0.1)
    assert total([None, None]) is None


def test_what_does_not_count_has_no_part():
    given = looked(rings())
    given["counted"][:, 80:] = False
    half = Evidence.of(**given)
    other = Evidence.of(**{name: values[..., :80] for name, values in given.items()})
    assert replace(half, edges={}) == replace(other, edges={})


def test_nothing_speaks_against_usual_labels(usual):
    assert usability(usual, CLASSES, typical(usual)).doubts == ()
    assert usability(usual, CLASSES, None).doubts == ()


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (looked(np.zeros((120, 160), np.uint8)), "hardly anything"),
        (looked(np.full((120, 160), 2, np.uint8)), "100% of it"),
        (looked(rings(), rings(shift=3), sure=0.5), "far less sure"),
        (looked(rings(), rings(shift=20), sure=0.99), "mirrored"),
        (looked(rings(), image=np.array([0.5, 0.8, 0.1], np.float32)[rings()]), "axon is not brighter than myelin"),
        (looked(np.kron(rings((40, 40)), np.ones((4, 4), np.uint8))), "4.0 times as wide"),
    ],
    ids=["nothing", "everything", "unsure", "quarrel", "inverted", "size"],
)  # fmt: skip
def test_what_speaks_against_labels_is_said(case, word, usual):
    found = usability(Evidence.of(**case), CLASSES, typical(usual)).doubts
    assert any(word in one for one in found)
    assert word in warning(found)


def test_another_scale_of_the_image_is_no_reason(usual):
    large = Evidence.of(**looked(np.kron(rings((40, 40)), np.ones((4, 4), np.uint8))))
    assert not any("wide" in one for one in usability(large, CLASSES, typical(usual), grid_px=0.25).doubts)


def test_a_few_pixels_say_nothing(usual):
    few = Evidence.of(**looked(np.zeros((20, 20), np.uint8)))
    assert usability(few, CLASSES, typical(usual)) == Usability()
    # Unless each is many of those that the segmenter sees.
    assert usability(few, CLASSES, typical(usual), grid_px=4).doubts == ("hardly anything was found",)


def test_one_look_alone_is_judged_by_how_sure_it_is(usual):
    def alone(sure):
        given = looked(rings(), sure=sure)
        return Evidence.of(**{**given, "candidates": given["candidates"][:1]})

    known = typical(usual)
    assert alone(0.9).agreement is None
    assert usability(alone(0.9), CLASSES, known).doubts == ()
    assert any("far less sure" in one for one in usability(alone(0.4), CLASSES, known).doubts)
