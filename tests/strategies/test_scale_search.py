"""The scale of an image without a size is looked for in the whole image, told, remembered, and used again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from fake_models import CPU, Models, OnePass, Threshold
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.imaging import Placement, from_array
from napari_pseudolabel.imaging.scale import Scale, texture_of
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.strategies import (
    FindScaleJob,
    FoundScale,
    LabelJob,
    LabelSettings,
    Record,
    Region,
    known_scales,
    scale_looks,
    scale_search,
)
from napari_pseudolabel.strategies import again as once_more

SIGMA = 3.0
"""Smoothness of what the toy was made for, in pixels."""


def clouds(shape, sigma, seed=0):
    values = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return ((values - values.min()) / (values.max() - values.min())).astype(np.float32)


def slope(image):
    return np.abs(np.diff(gaussian_filter(image, 0.5), axis=-1)).mean() / image.std()


NATIVE = slope(clouds((240, 300), SIGMA))
TEXTURE = texture_of([clouds((160, 160), SIGMA, seed) for seed in range(3)])


@dataclass
class Fitting(Threshold):
    """Finds bright clouds; the further their size is from what it knows, the more it sees beside them.

    What is beside them moves with the mirror, so that looks contradict each other.
    """

    texture: object = TEXTURE
    asked: list = field(default_factory=list)

    @property
    def card(self):
        card = super().card
        source = Modality(name="B", pixel_size_um=self.pixel_size_um, object_size_px=20, texture=self.texture)
        return card.model_copy(update={"source": source})

    def probabilities(self, image, *, settings=CPU, control=None, part=None):
        self.asked.append(np.shape(image))
        found = super().probabilities(image, settings=settings, control=control, part=part)
        wrong = np.log2(slope(image) / NATIVE) ** 2
        return np.roll(found, min(round(4 * wrong), 40), axis=-1)


def image_at(factor, shape=(240, 300), seed=7, **size):
    """An image that has to be magnified by a factor."""
    return from_array(clouds(shape, SIGMA / factor, seed), **size)


def job(image, **changes):
    return LabelJob(image, None, "s", settings=LabelSettings(tiles=CPU, flips=0, **changes))


def found_in(image, toy=None):
    return FindScaleJob(image, None, "s", settings=LabelSettings(tiles=CPU)).run(
        Control(), Models(other=toy or Fitting())
    )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(known_scales, "folder", lambda: tmp_path / "scales")
    return tmp_path / "scales"


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.8])
@pytest.mark.parametrize("texture", [TEXTURE, None], ids=["with texture", "without"])
def test_the_scale_is_found(factor, texture):
    found = found_in(image_at(factor), Fitting(texture=texture))
    assert found.sure, found.why
    assert abs(np.log2(found.factor / factor)) < 0.4
    assert found.object_size_px == pytest.approx(20 / found.factor)
    assert (found.by_correlation is None) == (texture is None)


def test_a_part_is_magnified_as_the_whole_is():
    image, models = image_at(0.5), Models(other=Fitting())
    whole = job(image).run(Control(), models)
    part = replace(job(image), region=Region(10, 20, 70, 120)).run(Control(), models)
    assert part.report.factor == whole.report.factor != 1.0
    assert part.report.found == whole.report.found
    np.testing.assert_array_equal(part.labels[0], whole.labels[0, 10:70, 20:120])


def test_planes_of_a_stack_have_one_scale():
    stack = from_array(np.stack([clouds((120, 140), 6, seed) for seed in range(4)]), "ZYX")
    models = Models(other=Fitting())
    whole = job(stack).run(Control(), models)
    one = replace(job(stack), planes=((2,),)).run(Control(), models)
    assert one.report.factor == whole.report.factor


def test_it_is_told_and_comes_back_from_the_provenance_without_another_search():
    image, toy = image_at(0.5), Fitting()
    report = job(image).run(Control(), Models(other=toy)).report
    assert report.found is not None
    told = f"The image does not say its pixel size. {report.found.sentence}"
    assert told in report.notes
    record = Record.from_provenance(report.provenance())
    assert record.found == report.found
    assert Record.of(report).found == report.found
    repeated = once_more.again(record, image)
    assert not repeated.second_survey(repeated.survey.run(Control(), Models(other=toy)), Control())
    second = repeated.run(Control(), Models(other=toy)).report
    assert second.factor == report.factor
    assert told in second.notes
    # Other weights under the same name, or another grid: then it is looked for again.
    trained = replace(toy, sha256="trained since")
    assert repeated.run(Control(), Models(other=trained)).report.found.models == ("trained since",)
    coarser = repeated.run(Control(), Models(other=Fitting(pixel_size_um=0.4))).report
    assert coarser.found.grid == (0.4, 20) != report.found.grid
    # What the person says now goes first.
    settings = replace(record.settings, scale=Scale(factor=1.0))
    assert (
        once_more.again(record, image, settings=settings).run(Control(), Models(other=toy)).report.factor == 1
    )


def test_labels_of_an_older_version_are_made_again_as_they_were():
    provenance = (
        job(image_at(0.5), find_scale="never").run(Control(), Models(other=Fitting())).report.provenance()
    )
    del provenance["parameters"]["find_scale"]
    repeated = once_more.again(Record.from_provenance(provenance), image_at(0.5))
    assert repeated.run(Control(), Models(other=Fitting())).report.factor == 1.0


def test_who_does_not_want_it_gets_the_image_as_it_is():
    toy = Fitting()
    image = image_at(0.5, (200, 220))
    report = job(image, find_scale="never").run(Control(), Models(other=toy)).report
    assert (report.factor, report.found, len(toy.asked)) == (1.0, None, 1)
    assert any("used as it is" in note for note in report.notes)


@pytest.mark.parametrize("said", [Scale(factor=0.7), Scale(object_size_px=40), Scale(pixel_size_um=0.1)])
def test_what_the_person_says_goes_first(said):
    toy = Fitting()
    report = job(image_at(0.5), scale=said).run(Control(), Models(other=toy)).report
    assert report.factor == pytest.approx({0.7: 0.7}.get(said.factor, 0.5))
    assert report.found is None
    assert len(toy.asked) == 1


def test_a_size_that_is_far_off_is_named():
    size = Placement((1.6, 1.6), (0.0, 0.0), units=("micrometer",) * 2)
    image = image_at(0.5, placement=size)  # 0.1 um would be right for a model of 0.2 um
    report = job(image).run(Control(), Models(other=Fitting())).report
    assert report.factor == pytest.approx(8)
    (doubt,) = [note for note in report.notes if "would fit better" in note]
    assert re.match(r"A pixel is said to be 1.6 µm wide, but 0\.(09|1)", doubt)
    asked = job(image, find_scale="always").run(Control(), Models(other=Fitting())).report
    assert abs(np.log2(asked.factor / 0.5)) < 0.4
    assert any("said to be 1.6" in note for note in asked.notes)
    right = Placement((0.1, 0.1), (0.0, 0.0), units=("micrometer",) * 2)
    for wish in ("if-unknown", "always"):
        report = (
            job(image_at(0.5, placement=right), find_scale=wish)
            .run(Control(), Models(other=Fitting()))
            .report
        )
        assert not [note for note in report.notes if "would fit better" in note]


def test_what_agrees_alike_at_all_scales_claims_nothing():
    report = (
        LabelJob(image_at(0.5), None, "s", settings=LabelSettings(tiles=CPU, flips=0))
        .run(Control(), Models(other=Threshold()))
        .report
    )
    assert report.factor == 1.0
    assert not report.found.sure
    assert any("alike at all scales" in note for note in report.notes)


def test_in_an_empty_image_nothing_is_looked_for():
    toy = Fitting()
    found = found_in(from_array(np.full((64, 64), 3.0, np.float32)), toy)
    assert not found.sure
    assert not toy.asked


@pytest.mark.parametrize("shape", [(64, 64), (40, 900), (3, 80, 200)])
def test_an_image_that_shows_too_little_costs_no_look_and_is_used_as_it_is(shape):
    toy = Fitting()
    image = from_array(clouds(shape, 6), "ZYX"[-len(shape) :])
    assert not found_in(image, toy).sure
    assert not toy.asked
    report = job(image).run(Control(), Models(other=toy)).report
    assert report.factor == 1.0
    told = "shows too little (96 are needed); the image was used as it is."
    assert any(f"{min(shape[-2:])} pixels across {told}" in note for note in report.notes)


def test_what_is_looked_at_stays_within_bounds_whatever_the_texture_says():
    for seed, shape in enumerate([(96, 96), (130, 400), (700, 700)]):
        toy = Fitting()
        found_in(from_array(np.random.default_rng(seed).normal(size=shape).astype(np.float32)), toy)
        pixels = sum(np.prod(one[-2:]) for one in toy.asked)
        assert 0 < pixels <= 2 * 14 * 400 * 400
        assert min(min(one[-2:]) for one in toy.asked) >= 44


def test_a_translator_is_asked_too_and_its_texture_counts():
    one = OnePass(card=OnePass().card.model_copy(update={"source": Modality(name="A", texture=TEXTURE)}))
    image = image_at(0.5)
    found = FindScaleJob(image, "t", "s", settings=LabelSettings(tiles=CPU)).run(
        Control(), Models(one, Fitting(texture=None))
    )
    assert found.sure, found.why
    assert abs(np.log2(found.factor / 0.5)) < 0.4
    alone = LabelJob(image, "t", settings=LabelSettings(tiles=CPU)).run(Control(), Models(one)).report
    assert alone.found.evidence == "by texture"
    assert abs(np.log2(alone.factor / 0.5)) < 0.4


def test_the_same_search_is_done_once(cache, monkeypatch):
    monkeypatch.setattr(scale_search, "_WORTH_KEEPING_S", 0.0)
    toy, image = Fitting(), image_at(0.5)
    first = found_in(image, toy)
    looks = len(toy.asked)
    assert found_in(image, toy) == first
    assert len(toy.asked) == looks
    # Another image, another model, another channel: another search.
    assert found_in(image_at(0.5, seed=8), toy) != first
    more = len(toy.asked)
    found_in(image, replace(toy, sha256="another"))
    assert len(toy.asked) > more > looks
    # And another card of the same weights.
    assert found_in(image, replace(toy, pixel_size_um=0.4)).grid == (0.4, 20)
    for path in cache.iterdir():
        path.write_text("{damaged")
    assert found_in(image, toy) == first


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(scale_search, "_WORTH_KEEPING_S", 0.0)
    (tmp_path / "file").touch()
    monkeypatch.setattr(known_scales, "folder", lambda: tmp_path / "file")
    assert found_in(image_at(0.5)).sure


def test_a_search_can_be_cancelled_and_says_how_far_it_is():
    heard = []
    FindScaleJob(image_at(0.5), None, "s", settings=LabelSettings(tiles=CPU)).run(
        Control(heard.append), Models(other=Fitting())
    )
    assert {"Finding the scale"} <= {one.stage for one in heard}
    with pytest.raises(Cancelled):
        FindScaleJob(image_at(0.5), None, "s", settings=LabelSettings(tiles=CPU)).run(
            Control(cancelled=lambda: bool(heard)), Models(other=Fitting())
        )


def test_a_search_that_was_stopped_is_gone_on_with(monkeypatch):
    tried, whole = [], found_in(image_at(0.5))
    at = scale_looks.Looks.at

    def looked(self, factor):
        found = at(self, factor)
        tried.append(factor)
        return found

    monkeypatch.setattr(scale_looks.Looks, "at", looked)
    with pytest.raises(Cancelled):
        FindScaleJob(image_at(0.5), None, "s", settings=LabelSettings(tiles=CPU)).run(
            Control(cancelled=lambda: len(tried) == 2), Models(other=Fitting())
        )
    assert found_in(image_at(0.5)) == whole
    assert sorted(tried) == sorted(one.factor for one in whole.tried)
    found_in(image_at(0.5))
    assert len(tried) == 2 * len(whole.tried)


def test_what_was_found_is_plain_values():
    found = found_in(image_at(0.5))
    from napari_pseudolabel.options import read, written

    assert read(FoundScale, written(found)) == found


@pytest.mark.parametrize(("pixel_um", "wide"), [(None, True), (0.2, False)])
def test_objects_are_measured_where_the_model_learned_by_their_size_alone(pixel_um, wide):
    """Discs of 40 pixels, and crumbs, for a model of objects of 20 pixels that agrees alike at all scales."""
    rows, columns = np.mgrid[:240, :300]
    discs = ((rows % 60 - 30) ** 2 + (columns % 60 - 30) ** 2 <= 20**2).astype(np.float32)
    discs[::60, ::6] = 1.0
    toy = Threshold(pixel_size_um=pixel_um, object_size_px=20)
    found = FindScaleJob(from_array(discs), None, "s", settings=LabelSettings(tiles=CPU)).run(
        Control(), Models(other=toy)
    )
    assert all((one.wider is not None) == wide for one in found.tried)
    assert found.sure == wide
    if wide:
        assert abs(np.log2(found.factor / 0.5)) < 0.3
