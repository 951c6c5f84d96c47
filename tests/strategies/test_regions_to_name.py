"""Regions to be named: the same kinds in every part of an image, by grey levels and by what a translator computes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from families import TRANSLATORS

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.labels.classes import is_unnamed_region
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import Record, Region
from napari_pseudolabel.strategies.again import Extent, again
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.regions import FEATURE_REGIONS, GREY_REGIONS, SLIC_REGIONS
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.strategies.regions.region_options import GreyRegionOptions, RegionOptions
from napari_pseudolabel.strategies.regions.slic_regions import SlicOptions
from napari_pseudolabel.strategies.strategy import LabelRequest

SHAPE = (90, 110)
PART = Region(20, 30, 70, 95)
MODELS = LoadedModels()


def stripes() -> np.ndarray:
    """Dark, grey and bright stripes with noise."""
    bands = np.repeat([40, 120, 200, 120, 40], SHAPE[1] // 5)
    return np.clip(bands[None] + np.random.default_rng(0).normal(0, 8, SHAPE), 0, 255).astype(np.uint8)


IMAGE = from_array(stripes(), name="stripes")


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return str(TRANSLATORS["syndiff"](tmp_path_factory.mktemp("models")))


def run(job):
    return job.run(Control(), MODELS)


@pytest.fixture(scope="module", params=["grey", "features", "pieces"])
def asked(request, translator):
    if request.param == "pieces":
        return SLIC_REGIONS, LabelRequest(options=SlicOptions(pieces=20))
    if request.param == "grey":
        return GREY_REGIONS, LabelRequest(options=GreyRegionOptions(kinds=3, names="axon, myelin"))
    return FEATURE_REGIONS, LabelRequest(
        translator=translator, options=RegionOptions(kinds=4), settings=LabelSettings(find_scale="never")
    )


@pytest.fixture(scope="module")
def whole(asked):
    strategy, request = asked
    return run(strategy.job(IMAGE, request))


def test_a_part_has_the_regions_of_the_whole(asked, whole):
    strategy, request = asked
    part = run(strategy.job(IMAGE, LabelRequest(**{**vars(request), "region": PART})))
    np.testing.assert_array_equal(part.labels, whole.labels[:, *PART.window])
    np.testing.assert_allclose(part.confidence, whole.confidence[:, *PART.window], atol=1e-4)


def test_done_again_from_its_provenance_it_is_the_same(asked, whole):
    record = Record.from_provenance(json.loads(json.dumps(whole.report.provenance())))
    assert record.translator is None  # nothing was translated, and no training shall think so
    again_ = run(again(record, IMAGE, Extent(region=PART)))
    np.testing.assert_array_equal(again_.labels, whole.labels[:, *PART.window])


def test_regions_are_told_to_be_unnamed_and_not_doubted_as_objects(asked, whole):
    values = {one.value for one in whole.classes if is_unnamed_region(one)}
    assert set(np.unique(whole.labels).tolist()) <= values
    assert any("choose a class and press Name regions" in note for note in whole.report.notes)
    assert not whole.report.doubts
    assert whole.confidence.min() > 1 / len(values) - 1e-3


def test_grey_levels_come_from_dark_to_bright_after_the_names(translator):
    found = run(
        GREY_REGIONS.job(IMAGE, LabelRequest(options=GreyRegionOptions(kinds=3, names="axon, myelin")))
    )
    assert [(one.name, one.value) for one in found.classes] == [
        ("background", 0),
        ("axon", 1),
        ("myelin", 2),
        ("region 1", 101),
        ("region 2", 102),
        ("region 3", 103),
    ]
    assert found.labels[0, 45, [11, 33, 55]].tolist() == [101, 102, 103]
    assert [model.role for model in found.report.models] == []


def test_the_translator_is_named_as_what_the_features_are_of(translator):
    found = run(FEATURE_REGIONS.job(IMAGE, LabelRequest(translator=translator)))
    assert [(model.role, model.path) for model in found.report.models] == [("features", translator)]
    with pytest.raises(InputError, match="needs a translator"):
        FEATURE_REGIONS.job(IMAGE, LabelRequest())


def test_translators_without_features_are_refused(tmp_path):
    curve = str(TRANSLATORS["grey-levels"](tmp_path))
    with pytest.raises(InputError, match="has no features of this kind"):
        run(FEATURE_REGIONS.job(IMAGE, LabelRequest(translator=curve)))


@pytest.mark.parametrize("names", ["axon, axon", "axon,,", "background"])
def test_names_have_to_be_names(names):
    with pytest.raises(InputError):
        RegionOptions(names=names)


def test_an_image_of_one_grey_level_has_one_kind():
    flat = np.full(50, 7, np.float32)
    found = Clusters.of(flat[:, None], flat, 6)
    assert found.count == 1
    assert found.chances(np.zeros((1, 3), np.float32)).tolist() == [[1.0, 1.0, 1.0]]
