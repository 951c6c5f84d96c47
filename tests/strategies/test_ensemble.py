"""Samples, flips and second opinions: one mean, and what each member said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from fake_models import CLASSES, CPU, Models, OnePass, Threshold
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.confidence import agreement
from napari_pseudolabel.models.cards import LabelClass, Normalisation
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.strategies.chunks import cut, join
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale


@pytest.fixture
def image(disc_image):
    return from_array(disc_image((40, 52), 1)[0], name="discs")


def settings(**changes):
    return LabelSettings(**{"tiles": CPU, "scale": Scale(factor=1), "flips": 0, **changes})


def run(job, models):
    return job.run(Control(), models)


@dataclass
class Sided(Threshold):
    """Sees a gradient from left to right that is not there: wrong in the same way whatever the flip."""

    def probabilities(self, image, **kwargs):
        found = super().probabilities(image, **kwargs)
        ramp = np.linspace(-0.3, 0.3, found.shape[2], dtype=np.float32)
        bright = np.clip(found[1] + ramp, 0, 1)
        return np.stack([1 - bright, bright])


@dataclass
class Several(Models):
    """Segmenters by reference."""

    segmenters: dict[str, Any] = field(default_factory=dict)

    def segmenter(self, ref):
        return self.segmenters[ref]


class Swapped(Threshold):
    """The same classes in another order of channels."""

    @property
    def card(self):
        return super().card.model_copy(update={"classes": self.classes, "name": "swapped"})

    def probabilities(self, image, **kwargs):
        return super().probabilities(image, **kwargs)[::-1] * 0.5 + 0.25

    def labels(self, probabilities):
        return np.array([3, 0], np.uint8)[probabilities.argmax(axis=0)]


def test_one_member_is_no_ensemble(image):
    found = run(LabelJob(image, "t", "s", settings=settings()), Models(OnePass(), Threshold()))
    assert found.candidates is None
    assert found.members == ("sample 1",)
    assert found.report.agreement is None


@pytest.mark.parametrize("flips", [1, 2, 3])
def test_flips_are_undone(image, flips):
    """A segmenter that looks at single pixels says the same in every mirror."""
    models = Models(OnePass(), Threshold())
    plain = run(LabelJob(image, "t", "s", settings=settings()), models)
    models.other.seen.clear()
    found = run(LabelJob(image, "t", "s", settings=settings(flips=flips)), models)
    seen = [picture for picture, _ in models.other.seen]
    assert len(seen) == flips + 1
    for picture, axes in zip(seen, [(), (-1,), (-2,), (-1, -2)], strict=False):
        np.testing.assert_array_equal(picture, np.flip(seen[0], axes))
    assert found.candidates.shape == (1, flips + 1, 40, 52)
    assert found.candidates.dtype == np.uint8
    names = ("sample 1", "sample 1 flipped", "sample 1 upside down", "sample 1 turned")
    assert found.members == names[: flips + 1]
    for candidate in found.candidates[0]:
        np.testing.assert_array_equal(candidate, plain.labels[0])
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_allclose(found.confidence, plain.confidence, atol=1e-6)
    assert found.report.agreement == 1


def test_flips_average_out_what_depends_on_the_side(image):
    straight = run(LabelJob(image, segmenter="s", settings=settings()), Models(other=Threshold()))
    tilted = run(LabelJob(image, segmenter="s", settings=settings()), Models(other=Sided()))
    both = run(LabelJob(image, segmenter="s", settings=settings(flips=1)), Models(other=Sided()))
    assert (tilted.labels != straight.labels).any()
    assert (both.labels != straight.labels).sum() < (tilted.labels != straight.labels).sum()
    np.testing.assert_array_equal(both.candidates[0, 0], tilted.labels[0])
    assert both.report.agreement == pytest.approx(agreement(list(both.candidates[0])))
    assert both.report.agreement < 1


def pooled_agreement(candidates):
    """Pairwise Dice of all members together, mean over the classes."""
    pairs = [(one, other) for one, other in permutations(candidates, 2)]
    return np.mean(
        [
            sum(((one == value) & (other == value)).sum() for one, other in pairs)
            / sum((one == value).sum() for one, _ in pairs)
            for value in np.unique(candidates)
            if value
        ]
    )


def test_members_of_real_models_are_samples_times_flips(image, tiny_translator, tiny_segmenter):
    job = LabelJob(image, str(tiny_translator), str(tiny_segmenter), settings=settings(samples=2, flips=3))
    found = run(job, LoadedModels())
    assert len(found.members) == found.candidates.shape[1] == 8
    assert found.members[5] == "sample 2 flipped"
    assert len({candidate.tobytes() for candidate in found.candidates[0]}) > 4
    # Over all parts together, which are cut as where they are.
    assert found.report.agreement == pytest.approx(pooled_agreement(found.candidates[0]))
    # The first member is what one sample without flips gives.
    alone = run(replace(job, settings=settings()), LoadedModels())
    np.testing.assert_array_equal(found.candidates[0, 0], alone.labels[0])
    told = json.loads(json.dumps(found.report.provenance()))
    assert (told["parameters"]["samples"], told["parameters"]["flips"]) == (2, 3)


def test_second_opinions_are_averaged_class_by_class(image):
    classes = tuple(reversed(CLASSES))
    models = Several(OnePass(), segmenters={"a": Threshold(), "b": Swapped(classes=classes)})
    job = LabelJob(image, "t", "a", settings=settings(), second_opinions=("b",))
    assert job.survey.checkpoints == ("t", "a", "b")
    found = run(job, models)
    alone = run(replace(job, second_opinions=()), models)
    assert found.members == ("sample 1", "swapped, sample 1")
    np.testing.assert_array_equal(found.candidates[0, 0], alone.labels[0])
    # One says p, the other p / 2 + 1/4, so the mean is 3/4 p + 1/8.
    np.testing.assert_allclose(found.confidence, 0.75 * alone.confidence + 0.125, atol=1e-5)
    np.testing.assert_array_equal(found.labels, alone.labels)
    assert [(one.role, one.path) for one in found.report.models] == [
        ("translator", "t"),
        ("segmenter", "a"),
        ("second opinion", "b"),
    ]


def test_second_opinions_of_the_same_name_stay_apart(image):
    swapped = {ref: Swapped(classes=tuple(reversed(CLASSES))) for ref in ("b", "c")}
    models = Several(OnePass(), segmenters={"a": Threshold(), **swapped})
    found = run(LabelJob(image, "t", "a", settings=settings(), second_opinions=("b", "c")), models)
    assert found.members == ("sample 1", "b, sample 1", "c, sample 1")


def test_a_second_opinion_sees_its_own_grid(image):
    coarse = Threshold(pixel_size_um=0.4)
    models = Several(OnePass(), segmenters={"a": Threshold(), "b": coarse})
    run(LabelJob(image, "t", "a", settings=settings(), second_opinions=("b",)), models)
    assert coarse.seen[0][0].shape == (20, 26)


def test_second_opinions_with_other_classes_are_refused(image):
    other = (*CLASSES, LabelClass(name="dark", value=4))
    models = Several(OnePass(), segmenters={"a": Threshold(), "b": Threshold(classes=other)})
    with pytest.raises(InputError, match="b knows background = 0, bright = 3, dark = 4, but the segmenter"):
        run(LabelJob(image, "t", "a", settings=settings(), second_opinions=("b",)), models)


@pytest.mark.parametrize("flips", [-1, 4])
def test_flips_are_none_to_three(flips):
    with pytest.raises(InputError, match="Flips must be from 0 to 3"):
        settings(flips=flips)


def test_candidates_of_chunks_are_joined_where_they_belong(disc_image):
    """Of a segmenter that looks at single pixels, chunks give what the plane gives in one piece."""
    planes = np.stack([disc_image((90, 76), seed)[0] for seed in (1, 2)])
    job = LabelJob(from_array(planes, "ZYX"), "t", "s", settings=settings(flips=1))
    models = Models(OnePass(), Sided())
    region = Region(5, 3, 85, 70)
    plan = replace(job, region=region).plan(job.survey.run(Control(), models), Control())
    whole = run(replace(job, region=region), models)
    chunks = cut(plan.job, plan.survey, plan.factors, tiles=1)
    parts = [plan.load(chunk).run(Control(), models) for chunk in chunks]
    found = join(plan.job, parts, plan.conclude([part.report for part in parts], 1.0))
    assert found.candidates.shape == whole.candidates.shape == (2, 2, 80, 67)
    assert found.members == whole.members
    # Sided tilts each chunk on its own, so the members differ from those of the whole; what they are joined
    # from does not.
    for part in parts:
        y, x = part.region.y0 - 5, part.region.x0 - 3
        height, width = part.region.shape
        np.testing.assert_array_equal(
            found.candidates[part.planes[0][0], :, y : y + height, x : x + width], part.candidates[0]
        )


def spotted(sides):
    """Bright squares of these sides on a dark plane of 64 x 200 pixels, none at the edge."""
    plane = np.zeros((64, 200), np.float32)
    for number, side in enumerate(sides):
        plane[8 : 8 + side, 8 + 32 * number : 8 + 32 * number + side] = 1
    return plane


# A twentieth of a disc of 20 pixels has 15.7; on a grid half or a quarter as fine that is 63 or 251 pixels of the image.
@pytest.mark.parametrize(
    ("factor", "share", "kept"),
    [
        (1, 0.05, (5, 10, 20)),
        (0.5, 0.05, (10, 20)),
        (0.25, 0.05, (20,)),
        (1, 0.5, (20,)),
        (1, 0, (3, 5, 10, 20)),
    ],
)
def test_specks_are_left_out_by_the_size_of_objects(factor, share, kept):
    sides = (3, 5, 10, 20)
    plane = spotted(sides)
    models = Models(
        OnePass(), Threshold(object_size_px=20, normalisation=Normalisation(kind="range", low=0, high=1))
    )
    changes = {"scale": Scale(factor=factor), "smallest_object": share, "flips": 1}
    for job in (
        LabelJob(from_array(plane), segmenter="s", settings=settings(**changes)),
        LabelJob(from_array(plane), "t", "s", settings=settings(**changes)),
    ):
        found = run(job, models)
        for number, side in enumerate(sides):
            column = slice(4 + 32 * number, 28 + 32 * number)
            assert found.labels[0][:, column].any() == (side in kept), side
            assert found.candidates[0][..., column].any() == (side in kept), side


def shown(plane):
    """An image of what the segmenter was trained on."""
    return replace(from_array(plane), modality="B")


def test_what_was_left_out_is_as_sure_as_the_background_there():
    plane = spotted((3,))
    models = Models(
        other=Threshold(object_size_px=20, normalisation=Normalisation(kind="range", low=0, high=1.25))
    )
    found = run(LabelJob(shown(plane), segmenter="s", settings=settings()), models)
    assert not found.labels.any()
    assert found.confidence[0, 9, 9] == pytest.approx(0.2, abs=1e-3)
    assert found.confidence[0, 50, 50] == pytest.approx(1)
    assert found.report.notes == (
        "Islands of labels below 16 pixels were left out or given to what is around them, 5 % of a typical object.",
    )


def test_a_few_specks_are_not_worth_a_word():
    range_ = Normalisation(kind="range", low=0, high=1)
    models = Models(other=Threshold(object_size_px=20, normalisation=range_))
    found = run(LabelJob(shown(spotted((1, 20))), segmenter="s", settings=settings()), models)
    assert np.count_nonzero(found.labels) == 400
    assert not found.report.notes


def test_without_a_size_of_objects_nothing_is_left_out():
    plane = spotted((1, 2))
    found = run(LabelJob(shown(plane), segmenter="s", settings=settings()), Models(other=Threshold()))
    assert np.count_nonzero(found.labels) == 5
    assert not found.report.notes


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_the_smallest_object_is_a_share(share):
    with pytest.raises(InputError, match="from 0 to 1"):
        settings(smallest_object=share)


NUCLEI = Threshold(
    classes=(CLASSES[0], LabelClass(value=3, name="nucleus")),
    pixel_size_um=None,
    object_size_px=24,
    normalisation=Normalisation(kind="range", low=0, high=1),
)
FOUND = FoundScale(
    1.0, True, object_size_px=24, tried=(TriedScale(1.0, 0.95, 0.2, wider=0.0),), grid=(None, 24)
)


def two_that_touch(grey=0.99, beside=0.0):
    y, x = np.mgrid[:60, :140]
    plane = np.zeros((60, 140), np.float32)
    plane[((y - 30) ** 2 + (x - 105) ** 2) <= 144] = beside
    plane[((y - 30) ** 2 + np.minimum((x - 30) ** 2, (x - 50) ** 2)) <= 144] = grey
    return shown(plane)


@pytest.mark.parametrize("flips", [0, 1])
@pytest.mark.parametrize(
    ("scale", "found", "parts"),
    [
        (Scale(), FOUND, 2),
        (Scale(object_size_px=24), None, 2),
        (Scale(factor=1), None, 1),
        (Scale(factor=1, object_size_px=24), None, 1),
        (Scale(), replace(FOUND, sure=False, why="of something"), 1),
        (Scale(), replace(FOUND, tried=(TriedScale(1.0, 0.95, 0.2),)), 1),
    ],
)
def test_nuclei_that_touch_are_told_apart_where_their_size_is_known(scale, found, parts, flips):
    job = LabelJob(two_that_touch(), segmenter="s", settings=settings(scale=scale, flips=flips), found=found)
    made = run(job, Models(other=NUCLEI))
    assert ndi.label(made.labels[0], np.ones((3, 3)))[1] == parts
    assert np.count_nonzero(made.labels) > 820
    line = (two_that_touch().data > 0) & (made.labels[0] == 0)
    assert line.any() == (parts == 2)
    assert (made.confidence[0][line] < 0.1).all()  # the models say a nucleus there


def test_objects_of_nuclei_wider_than_those_of_the_model_are_told_apart_by_their_own_size():
    wide = replace(FOUND, object_size_px=12, tried=(TriedScale(1.0, 0.95, 0.2, wider=1.0),))
    assert wide.typical_px == 24
    assert replace(wide, sure=False).typical_px is None


@pytest.mark.parametrize(("smallest", "kept"), [(0.05, False), (0, True)])
def test_nuclei_that_are_hardly_believed_in_are_left_out_and_said(smallest, kept):
    image = two_that_touch(beside=0.7)
    job = LabelJob(
        image, segmenter="s", settings=settings(scale=Scale(), smallest_object=smallest), found=FOUND
    )
    made = run(job, Models(other=NUCLEI))
    assert made.labels[0][30, 105] == (3 if kept else 0)
    assert made.labels[0][30, 30] == 3
    assert any("less than 78 % sure were left out" in note for note in made.report.notes) == (not kept)
