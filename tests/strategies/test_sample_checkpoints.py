"""The shipped checkpoints do the main job on the bundled sample, without seams and without a shift."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Placement, from_array, intensity_range, normalise
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models import load_translator, named_checkpoints
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import sample_folder
from napari_pseudolabel.models.translators.curve_file import CURVE
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.sample_data.fields import axon_field
from napari_pseudolabel.sample_data.looks import render_sem
from napari_pseudolabel.sample_data.samples import PURPLE_LIKE, SEM_LIKE
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import TileSettings, make_grid
from napari_pseudolabel.tiling.seams import seam_ratio
from napari_pseudolabel.training.translator.grey_levels_fit import apply

CLASSES = {"myelin": 1, "axon": 2}
# Mirror images make it better, and take four times as long.
QUICK = LabelSettings(flips=0)


@pytest.fixture(scope="module")
def field() -> tuple[np.ndarray, np.ndarray]:
    """A SEM-like image that no training saw, and its labels."""
    labels = axon_field((256, 256), seed=77)
    return render_sem(labels, seed=77), labels


SHIPPED = {
    *("sample:sem-to-tem", "sample:tem-to-sem", "sample:tem-axons", "sample:sem-axons", "sample:sem-proxy"),
    *("sample:purple-to-fluorescence", "sample:fluorescence-to-purple", "sample:purple-to-fluorescence-fast"),
    *("sample:tem-to-sem-fast", "sample:fluorescence-to-purple-fast"),
    *("sample:fluorescence-nuclei", "sample:purple-proxy", "sample:lavender-proxy"),
    *("sample:sem-to-tem-grey-levels", "sample:tem-to-sem-grey-levels"),
    *("sample:purple-to-fluorescence-grey-levels", "sample:fluorescence-to-purple-grey-levels"),
}


def test_all_are_there_small_and_described() -> None:
    shipped = {item.name: item for item in named_checkpoints() if item.name.startswith("sample:")}
    assert set(shipped) == SHIPPED
    for item in shipped.values():
        assert item.path.stat().st_size < 10e6
        assert item.card.licence
        assert item.card.training.data
        if item.card.family != "grey-levels":  # fitted, not trained
            assert item.card.training.steps
            assert item.card.training.seed is not None
        assert item.card.quality, f"{item.name} does not say how good it is"


def test_adaptation_labels_the_sample_and_source_only_does_not(field: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = (plane[:128, :160] for plane in field)
    placement = Placement(scale=(0.12, 0.12), translate=(0.0, 0.0), units=("micrometer", "micrometer"))
    source = from_array(image, "YX", placement)
    models = LoadedModels()
    result = LabelJob(source, "sample:sem-to-tem", "sample:tem-axons", settings=QUICK).run(Control(), models)
    assert result.labels is not None
    dice = evaluate(result.labels[0], truth, CLASSES).dice
    assert min(dice.values()) > 0.8, dice
    shift = result.report.shift_px
    assert shift is not None
    assert max(map(abs, shift)) <= 1
    plain = LabelJob(source, segmenter="sample:tem-axons", settings=QUICK).run(Control(), models)
    assert plain.labels is not None
    assert (
        np.mean(list(evaluate(plain.labels[0], truth, CLASSES).dice.values()))
        < np.mean(list(dice.values())) - 0.3
    )


def test_grey_levels_label_the_sample_too(field: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = field
    source = from_array(image, "YX")
    settings = LabelSettings(flips=0, scale=Scale(factor=1.0), tiles=TileSettings(device="cpu"))
    job = LabelJob(source, "sample:sem-to-tem-grey-levels", "sample:tem-axons", settings=settings)
    result = job.run(Control(), LoadedModels())
    assert result.labels is not None
    dice = evaluate(result.labels[0], truth, CLASSES).dice
    assert min(dice.values()) > 0.8, dice
    assert result.translation is not None
    plane = normalise(image.astype(np.float32), intensity_range(source))
    np.testing.assert_allclose(result.translation[0], apply(_curve("sem-to-tem"), plane), atol=1e-5)


def _curve(name: str) -> np.ndarray:
    return load_file(sample_folder() / f"{name}-grey-levels.safetensors")[CURVE]


def test_nuclei_of_the_purple_sample_are_labelled_and_proxies_know_their_modality() -> None:
    models = LoadedModels()
    image, truth = PURPLE_LIKE.render((192, 256), 78)
    settings = LabelSettings(flips=0, scale=Scale(object_size_px=20))
    job = LabelJob(
        from_array(image, "YX"),
        "sample:purple-to-fluorescence",
        "sample:fluorescence-nuclei",
        settings=settings,
    )
    labels = job.run(Control(), models).labels
    assert labels is not None
    assert evaluate(labels[0], truth, {"nucleus": 1}).dice["nucleus"] > 0.85
    labels = (
        LabelJob(from_array(image, "YX"), segmenter="sample:purple-proxy", settings=settings)
        .run(Control(), models)
        .labels
    )
    assert labels is not None
    assert evaluate(labels[0], truth, {"nucleus": 1}).dice["nucleus"] > 0.85
    image, truth = SEM_LIKE.render((192, 256), 78)
    labels = (
        LabelJob(from_array(image, "YX"), segmenter="sample:sem-proxy", settings=QUICK)
        .run(Control(), models)
        .labels
    )
    assert labels is not None
    assert min(evaluate(labels[0], truth, CLASSES).dice.values()) > 0.8


@pytest.mark.parametrize("seed", [77, pytest.param(82, marks=pytest.mark.soak)])
def test_joint_mode_shows_no_seams(seed: int) -> None:
    translator = load_translator("sample:sem-to-tem")

    def seams(overlap: int | None, shape: tuple[int, int]) -> float:
        plane = render_sem(axon_field(shape, seed=seed), seed=seed).astype(np.float32) / 255
        settings = TileSettings(overlap=overlap, device="cpu")
        result = translate(translator, plane, mode="joint", evaluations="quality", settings=settings)
        grid = make_grid(*plane.shape, result.plan.tile, result.plan.overlap, translator.stride)
        return seam_ratio(result.mean, grid)

    # Large planes: what lies under few borders may be brighter or darker by chance.
    assert seams(None, (384, 512)) == pytest.approx(1, abs=0.05)
    # Without an overlap the seams of whole tiles are plain to see, so the measure can tell.
    assert seams(0, (256, 256)) > 1.5
