"""A part of an image gets the labels that it has in the whole, whatever model made them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cellpose_case
import numpy as np
import pytest
import sam_case
import torch
from families import PAIRS, SEGMENTERS, TRANSLATORS, nnunet_folder, sam_of, syndiff_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.measure import label

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.families import families, family_named
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import named_checkpoints
from napari_pseudolabel.models.segmenters.sam import segmenter as sam_segmenter
from napari_pseudolabel.models.segmenters.sam.grid_masks import FoundMask, GridMasks, painted
from napari_pseudolabel.sample_data.looks import render_purple
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region, ViewCentre
from napari_pseudolabel.strategies.chunks import cut, join
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.data.nuclei_fields import NucleiParams, nuclei_field

pytestmark = pytest.mark.usefixtures("one_process")

SHAPE = (84, 100)


def test_no_family_is_left_out():
    made = {"segmenter": SEGMENTERS, "translator": TRANSLATORS}
    assert {kind: {one.name for one in families(kind)} for kind in made} == {
        kind: set(models) for kind, models in made.items()
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory, one_thread):
    """Jobs on an image with a dark margin, and what they give in one piece."""
    folder = tmp_path_factory.mktemp("families")
    paths = {name: make(folder) for name, make in {**SEGMENTERS, **TRANSLATORS}.items()}
    paths["syndiff of three"] = syndiff_of(folder, 3)
    paths["sam by clicks"] = sam_of(folder, decoder=False)
    return World(paths)


class World:
    def __init__(self, paths: dict[str, Path]) -> None:
        self.paths, self.models = paths, LoadedModels()
        rng = np.random.default_rng(0)
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        wave = 120 + 90 * np.sin(x / 9) * np.cos(y / 7) + 0.3 * x
        plane = np.clip(wave + rng.normal(0, 15, SHAPE), 1, 255).astype(np.uint8)
        plane[:, :11] = 0
        plane[78:] = 0
        # The planes differ much, so that statistics of one of them are not those of the layer.
        self.image = from_array(np.stack([plane, plane // 3]), "ZYX", name="waves")
        # Objects are told apart only where there are some.
        found = cellpose_case.discs(SHAPE)[0].astype(np.uint8)
        found[:, :11] = found[78:] = 0
        self.discs = from_array(np.stack([found, found // 3]), "ZYX", name="discs")
        self.dark_discs = from_array(np.stack([255 - found, 200 - found]), "ZYX", name="dark discs")
        self.whole = cache(self._whole)

    def job(self, translator, segmenter, factor, **changes):
        changes = {"mode": "tiled", **changes}
        chosen = LabelSettings(scale=Scale(factor=factor), tiles=TileSettings(device="cpu"), **changes)
        image = self.image
        if family_named(segmenter.split()[0]).own_objects:
            image = self.discs if translator is None else self.dark_discs
        if translator is None:
            return LabelJob(image, segmenter=str(self.paths[segmenter]), settings=chosen)
        return LabelJob(image, str(self.paths[translator]), str(self.paths[segmenter]), settings=chosen)

    def plan(self, job):
        survey = job.survey.run(Control(), self.models)
        more = job.second_survey(survey, Control())
        return job.plan(survey if more is None else more.run(Control(), self.models), Control())

    def run(self, job, tiles):
        plan = self.plan(job)
        judged = plan.statistics[len(plan.statistics) - len(plan.survey.segmenters) :]
        chunks = cut(job, plan.survey, plan.factors, judged, tiles=tiles)
        own = replace(plan, chunks=chunks)
        parts = [own.load(chunk).run(Control(), self.models) for chunk in chunks]
        return join(job, parts, own.report)

    def _whole(self, translator, segmenter, factor, flips):
        return self.run(self.job(translator, segmenter, factor, flips=flips), 1000)


@pytest.mark.parametrize(("translator", "segmenter"), [*PAIRS, (None, "sam by clicks")])
@settings(
    max_examples=settings.default.max_examples // 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    y=st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(1, SHAPE[0])),
    x=st.tuples(st.integers(0, SHAPE[1] - 1), st.integers(1, SHAPE[1])),
    plane=st.integers(0, 1),
    tiles=st.integers(1, 3),
    factor=st.sampled_from([1.0, 0.8]),
    flips=st.sampled_from([0, 1]),
)
def test_any_cut_gives_the_labels_of_the_whole(
    world, translator, segmenter, y, x, plane, tiles, factor, flips
):
    whole = world.whole(translator, segmenter, factor, flips)
    region = Region(y[0], x[0], min(y[0] + y[1], SHAPE[0]), min(x[0] + x[1], SHAPE[1]))
    job = replace(world.job(translator, segmenter, factor, flips=flips), region=region, planes=((plane,),))
    part = world.run(job, tiles)
    at = plane, slice(region.y0, region.y1), slice(region.x0, region.x1)
    np.testing.assert_allclose(part.confidence[0], whole.confidence[at], atol=2e-3)
    # Labels may differ where two classes are equally likely up to the rounding of float32.
    differs = part.labels[0] != whole.labels[at]
    assert differs.mean() <= 2e-3, f"{differs.sum()} of {differs.size} labels"
    assert len(np.unique(whole.labels)) > 1


# Of all that comes along and whose translations depend on what is near alone.
FAST = [
    one.name
    for one in named_checkpoints()
    if one.name.startswith("sample:") and one.card is not None and one.card.family == "small-unet"
]


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("factor", [1.0, 0.8])
def test_any_cut_gives_the_translation_of_the_whole(world, name, factor):
    """Of fast versions that come along: every part has tiles of its own, and not up to a blend but exactly."""
    image = from_array(np.pad(world.image.data[0], ((0, 100), (0, 130)), "symmetric"), "YX")
    chosen = LabelSettings(scale=Scale(factor=factor), tiles=TileSettings(device="cpu"))
    job = LabelJob(image, name, settings=chosen)
    (whole,) = world.run(job, 1000).translation
    for region in (Region(70, 90, 110, 131), Region(0, 61, 33, 230), Region(101, 0, 184, 64)):
        (part,) = world.run(replace(job, region=region), 1).translation
        np.testing.assert_allclose(part, whole[region.window], atol=2e-5)
    assert whole.std() > 0.01


@pytest.mark.parametrize("translator", [None, "syndiff"])
@settings(
    max_examples=settings.default.max_examples // 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(y=st.integers(-5, SHAPE[0] + 5), x=st.integers(-5, SHAPE[1] + 5), plane=st.integers(0, 1))
def test_what_comes_first_and_a_draft_of_it_change_no_label(world, translator, y, x, plane):
    whole = world.whole(translator, "monai-unet", 1.0, 1)
    plan = world.plan(world.job(translator, "monai-unet", 1.0, flips=1))
    focus = ViewCentre((plane,), y, x)
    begun, draft = plan.begun_at(focus), plan.draft(focus)
    assert (draft is None) == (translator is None)
    if draft is not None:
        look = draft.run(Control(), world.models)
        assert look.planes == ((plane,),)
        assert look.labels.shape[1:] == look.region.shape
        assert look.candidates is None
    parts = [begun.load(chunk).run(Control(), world.models) for chunk in begun.chunks]
    found = join(begun.job, parts, begun.report)
    np.testing.assert_allclose(found.confidence, whole.confidence, atol=2e-3)
    assert (found.labels != whole.labels).mean() <= 2e-3


@pytest.mark.parametrize("mode", ["tiled", "joint"])
@pytest.mark.parametrize("evaluations", ["quality", "fast", "preview"])
@pytest.mark.parametrize("segmenter", ["monai-unet", "nnunet"])
def test_a_part_is_translated_as_thoroughly_as_the_whole(world, mode, evaluations, segmenter):
    how = {"mode": mode, "evaluations": evaluations, "flips": 0}
    job = world.job("syndiff of three", segmenter, 1.0, **how)
    whole = world.run(job, 1000)
    region = Region(38, 41, 71, 90)
    part = world.run(replace(job, region=region, planes=((1,),)), 1)
    at = 1, slice(region.y0, region.y1), slice(region.x0, region.x1)
    np.testing.assert_allclose(part.translation[0], whole.translation[at], atol=1e-4)
    assert (part.labels[0] != whole.labels[at]).mean() <= 2e-3
    assert whole.report.settings.evaluations == evaluations


def test_statistics_of_translations_are_those_of_the_same_mode(world):
    found = {}
    for evaluations in ("quality", "fast", "preview"):
        plan = world.plan(world.job("syndiff of three", "nnunet", 1.0, evaluations=evaluations))
        found[evaluations] = plan.survey.translated
        assert plan.report.settings.evaluations == evaluations
        # A draft shows first predictions, so its segmenter is told what those are like.
        if (draft := plan.draft(None)) is not None:
            (own,) = draft.statistics[1].channels
            assert own.moments.mean == pytest.approx(plan.survey.first_translated.mean * 255)
    assert found["preview"] == plan.survey.first_translated
    assert len(set(found.values())) == 3
    assert world.plan(world.job("syndiff of three", "nnunet", 1.0)).survey.translated == found["quality"]


def test_what_is_no_diffusion_names_no_mode(world):
    for translator in (None, "grey-levels"):
        job = world.job(translator, "monai-unet", 1.0, evaluations="preview")
        assert world.plan(job).report.settings.evaluations == "auto"


def test_there_is_no_draft_of_what_is_a_first_prediction_anyway(world):
    for evaluations, drafted in (("quality", True), ("fast", True), ("preview", False)):
        plan = world.plan(world.job("syndiff of three", "monai-unet", 1.0, evaluations=evaluations))
        assert (plan.draft(None) is not None) == drafted


def test_planes_that_are_alike_are_translated_alike(world):
    """A stack does not flicker: the noise of a diffusion belongs to rows and columns, and not to planes."""
    job = world.job("syndiff of three", "monai-unet", 1.0, flips=0, evaluations="quality")
    plane = world.image.data[0, :40, :48]
    found = world.run(replace(job, image=from_array(np.stack([plane, plane]), "ZYX")), 1)
    np.testing.assert_allclose(found.translation[0], found.translation[1], atol=1e-5)
    assert found.translation[0].std() > 0


SCHEMES = {
    "z-score": {},
    "z-score of what is not zero": {"masked": True},
    "range": {"schemes": ("RescaleTo01Normalization",)},
    "CT": {"schemes": ("CTNormalization",)},
    "colours": {"schemes": ("RGBTo01Normalization",)},
    "as it is": {"schemes": ("NoNormalization",)},
    "rows and columns exchanged": {"transpose": (0, 2, 1)},
    "two channels": {"schemes": ("ZScoreNormalization", "RescaleTo01Normalization"), "masked": True},
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nnunet_sees_one_case(world, tmp_path, scheme):
    """One plane is segmented in chunks as nnU-Net itself segments it: cropped and normalised as a whole."""
    path = nnunet_folder(tmp_path, **SCHEMES[scheme])
    plane = world.image.data[0]
    data = np.stack([plane, np.where(plane, plane // 2 + 9, 0)]) if scheme == "two channels" else plane
    image = from_array(data, "CYX" if data.ndim == 3 else "YX")
    chosen = LabelSettings(
        flips=0, scale=Scale(factor=1), tiles=TileSettings(device="cpu"), smallest_object=0
    )
    job = LabelJob(image, segmenter=str(path), settings=chosen)
    found = world.run(job, 1)
    model = world.models.segmenter(str(path))
    expected = model.labels(model.probabilities(data.astype(np.float32)))
    # nnU-Net adds up its statistics in float32.
    assert (found.labels[0] != expected).mean() <= 1e-3
    assert len(np.unique(expected)) > 1
    assert not expected[:, :11].any()


def test_pixels_of_a_unit_that_nobody_names_are_told(world, tmp_path):
    path = nnunet_folder(tmp_path)
    job = LabelJob(world.image, segmenter=str(path), settings=LabelSettings(flips=0, scale=Scale(factor=1)))
    assert not any("unit" in note for note in world.plan(job).report.notes)
    plans = (path / "plans.json").read_text()
    (path / "plans.json").write_text(plans.replace('"spacing": [1.0, 1.0]', '"spacing": [0.5, 2.0]'))
    survey = job.survey.run(Control(), LoadedModels())
    (note,) = (note for note in job.plan(survey, Control()).report.notes if "unit" in note)
    assert "pixels of 0.5 x 2 in a unit that they do not name" in note


def test_channels_are_taken_together_or_refused(world, tmp_path):
    path = str(nnunet_folder(tmp_path, schemes=("ZScoreNormalization",) * 2))
    chosen = LabelSettings(flips=0, scale=Scale(factor=1), tiles=TileSettings(device="cpu"), channel=1)
    planes = world.image.data
    both = LabelJob(from_array(planes, "CYX"), segmenter=path, settings=chosen).run(Control(), world.models)
    assert any("takes all 2 channels together" in note for note in both.report.notes)
    for job, why in (
        (LabelJob(from_array(planes[0], "YX"), segmenter=path), "has 1 channel, but .* takes 2"),
        (
            LabelJob(from_array(np.stack([*planes, planes[0]]), "CYX"), segmenter=path),
            "has 3 channels, but .* takes 2",
        ),
        (
            LabelJob(from_array(planes, "CYX"), str(world.paths["resnet"]), path),
            "takes 2 channels, but .* makes 1",
        ),
    ):
        with pytest.raises(InputError, match=why):
            job.run(Control(), world.models)


def test_translations_are_measured_once_for_the_layer(world):
    """A view and the whole agree about what translations are like, whatever is asked for."""
    whole = world.job("resnet", "nnunet", 1.0)
    view = replace(whole, region=Region(20, 30, 40, 60), planes=((1,),))
    assert world.plan(view).statistics == world.plan(whole).statistics
    (channel,) = world.plan(view).statistics[1].channels
    assert channel.moments.std > 1
    assert 0 <= channel.moments.low < channel.moments.mean < channel.moments.high <= 255


def test_a_mask_gives_way_to_a_surer_one_that_reaches_nowhere_into_the_part(tmp_path, monkeypatch):
    """The tile that sees the surer one holds no pixel of the part, so it is only known from the context around that."""
    origins = set()

    def answers(network, tiles):
        """Bright and dim pixels together are a mask, unless the tile cuts it; then the bright ones are, and surer."""
        found = []
        for image, sides in tiles.numpy():
            masks = []
            for numbers in (label(image > 0.2), label(image > 0.8)):
                whole = set(np.unique(numbers)) - set(np.unique(numbers[sides > 0])) - {0}
                apart = [numbers == number for number in whole]
                known = np.any(masks, 0) if masks else np.zeros(image.shape, bool)
                masks += [one for one in apart if not known[one].any()]
            shown = [
                FoundMask(
                    one[np.ix_(one.any(1), one.any(0))],
                    *np.argwhere(one).min(0).tolist(),
                    0.6 if (image[one] < 0.8).any() else 0.9,
                )
                for one in masks
            ]
            found.append(painted(shown, image.shape))
        return torch.from_numpy(np.stack(found))

    monkeypatch.setattr(GridMasks, "forward", answers)
    cut_sides = sam_segmenter.cut_sides

    def noted(at, *rest):
        origins.update(at[:, 1].tolist())
        return cut_sides(at, *rest)

    monkeypatch.setattr(sam_segmenter, "cut_sides", noted)
    world = World({"sam by clicks": sam_of(tmp_path, decoder=False)})

    def job(plane):
        world.discs = from_array(plane, name="blocks")
        return world.job(None, "sam by clicks", 1.0, flips=0, smallest_object=0.0)

    plane = np.zeros((32, 100), np.float32)
    plane[::9, ::9] = 1  # where nothing is, nothing is looked for
    world.run(job(plane), 1000)
    ends = [x + sam_case.TILE for x in origins if x + sam_case.TILE < 100]
    assert ends
    plane = np.zeros((32, 100), np.float32)
    for end in ends:
        plane[8:20, end - 11 : end + 1] = 0.5
        plane[8:20, end - 11 : end - 2] = 1
    job = job(plane)
    whole = world.run(job, 1000)
    for end in ends:
        assert whole.labels[0, 8:20, end - 11 : end - 2].all()
        assert not whole.labels[0, 8:20, end].any()
        part = world.run(replace(job, region=Region(0, end, 32, 100)), 1)
        np.testing.assert_array_equal(part.labels[0], whole.labels[0, :, end:])


def test_any_cut_tells_nuclei_apart_as_the_whole(world):
    """Nuclei in crowds, which are told apart by their size as it was found."""
    field = nuclei_field((300, 330), seed=5, params=NucleiParams(covered=0.5))
    image = from_array(render_purple(field, seed=5), "YX", name="crowd")
    found = FoundScale(1.0, True, object_size_px=20, tried=(TriedScale(1.0, 0.95, 0.4, wider=0.0),))
    chosen = LabelSettings(flips=1, tiles=TileSettings(device="cpu"))
    job = LabelJob(image, segmenter="sample:purple-proxy", settings=chosen, found=found, across=True)
    (whole,) = world.run(job, 1000).labels
    plain = replace(job, settings=replace(chosen, scale=Scale(factor=1)), found=None)
    assert (world.run(plain, 1000).labels[0] != whole).mean() > 0.005
    for region in (Region(90, 100, 150, 170), Region(0, 61, 133, 250), Region(201, 0, 300, 104)):
        (part,) = world.run(replace(job, region=region), 1).labels
        assert (part != whole[region.window]).mean() <= 2e-3
