"""nnU-Net folders of all kinds: what they mean, and what is wrong with the broken ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters import nnunet
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.segmenters.nnunet.prediction import SlidingWindow, importance
from napari_pseudolabel.models.segmenters.nnunet.preprocessing import nonzero_box
from napari_pseudolabel.strategies import LabelJob
from napari_pseudolabel.tiling import TileSettings

CPU = TileSettings(device="cpu")


def picture(height: int = 50, width: int = 45, channels: int = 1) -> np.ndarray:
    image = np.random.default_rng(0).uniform(1, 255, (channels, height, width)).astype(np.float32)
    image[:, :4] = 0
    return image


def old_plans(model, name: str) -> None:
    """Describe the same network as plans of nnU-Net 2.2 do."""
    del model.configuration["architecture"]
    model.configuration.update(
        UNet_class_name=name,
        UNet_base_num_features=4,
        unet_max_num_features=8,
        n_conv_per_stage_encoder=[1, 1, 1],
        n_conv_per_stage_decoder=[1, 1],
        num_pool_per_axis=[2, 2],
        pool_op_kernel_sizes=[[1, 1], [2, 2], [2, 2]],
        conv_kernel_sizes=[[3, 3]] * 3,
    )


def test_is_a_segmenter(model):
    segmenter = load_segmenter(model.write(), {"source": {"name": "TEM", "pixel_size_um": 0.1}})
    assert isinstance(segmenter, Segmenter)
    assert [(c.name, c.value) for c in segmenter.classes] == [("background", 0), ("myelin", 1), ("axon", 2)]
    assert segmenter.card.name == "Dataset001_Test"
    assert segmenter.card.family == "nnunet"
    assert segmenter.card.source.name == "TEM"
    assert len(segmenter.sha256) == 64
    probabilities = segmenter.probabilities(picture(), settings=CPU)
    assert probabilities.shape == (3, 50, 45)
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    assert (probabilities[0, :4] == 1).all(), "outside of the box is background"
    assert len(np.unique(segmenter.labels(probabilities))) > 1


def test_two_generations_of_plans_are_the_same_network(model, tmp_path):
    new = nnunet.load(model.write())
    old_plans(model, "PlainConvUNet")
    model.write_texts()
    old = nnunet.load(model.path)
    assert new.card.architecture.keys() - old.card.architecture.keys() == set()
    np.testing.assert_array_equal(
        new.probabilities(picture(), settings=CPU), old.probabilities(picture(), settings=CPU)
    )


def test_residual_encoder_of_both_generations(model):
    model.residual()
    new = nnunet.load(model.write())
    names = list(new.network(0).state_dict())
    assert "encoder.stem.convs.0.conv.weight" in names
    assert "encoder.stages.1.blocks.0.conv1.conv.bias" in names
    assert "encoder.stages.1.blocks.0.conv2.norm.weight" in names
    assert "encoder.stages.1.blocks.0.skip.1.conv.weight" in names, "after the pooling, which is skip.0"
    assert "encoder.stages.1.blocks.0.skip.1.conv.bias" not in names
    assert not any("stages.0.blocks.0.skip" in name or "stages.2.blocks.0.skip" in name for name in names)
    old_plans(model, "ResidualEncoderUNet")
    model.write_texts()
    np.testing.assert_array_equal(
        new.probabilities(picture(), settings=CPU),
        nnunet.load(model.path).probabilities(picture(), settings=CPU),
    )


def test_bottleneck_blocks(model):
    model.residual()
    model.arguments.update(block="a.b.BottleneckD", bottleneck_channels=2)
    segmenter = nnunet.load(model.write())
    assert "encoder.stages.2.blocks.0.conv3.conv.weight" in segmenter.network(0).state_dict()


def test_folds_average_logits(model):
    model.write(folds=(0, 2, "all"))
    both = nnunet.load(model.path)
    assert both.folds == (0, 2), "fold_all is no part of the cross-validation"
    assert nnunet.load(model.path, folds=["all"]).folds == ("all",)
    image = picture()
    single = [nnunet.load(model.path, folds=[fold]) for fold in (0, 2)]
    first, second, mean = (s.probabilities(image, exact=False, settings=CPU)[:, 4:] for s in (*single, both))
    geometric = np.sqrt(first * second)  # the softmax of mean logits
    np.testing.assert_allclose(mean, geometric / geometric.sum(0), atol=5e-3)
    assert both.sha256 != single[0].sha256 != single[1].sha256


def test_a_checkpoint_file_loads_its_fold(model):
    model.write(folds=(0, 1))
    model.write(folds=(0, 1), name="best")
    for fold in (0, 1):
        (model.path / f"fold_{fold}" / "checkpoint_final.pth").unlink()
    assert load_segmenter(model.path).folds == (0, 1), "the best ones, if there are no final ones"
    segmenter = load_segmenter(model.path / "fold_1" / "checkpoint_best.pth")
    assert segmenter.folds == (1,)
    assert segmenter.sha256 == nnunet.load(model.path, "best", [1]).sha256


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes(model, prefix):
    expected = nnunet.load(model.write()).probabilities(picture(), settings=CPU)
    segmenter = nnunet.load(model.write(prefix=prefix))
    np.testing.assert_array_equal(segmenter.probabilities(picture(), settings=CPU), expected)


def test_regions(model):
    model.dataset["labels"] = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": 3, "ignore": 4}
    model.dataset["regions_class_order"] = [1, 2, 3]
    segmenter = nnunet.load(model.write())
    assert [(c.name, c.value) for c in segmenter.classes] == [("whole", 1), ("core", 2), ("inner", 3)]
    probabilities = segmenter.probabilities(picture(), settings=CPU)
    assert (probabilities[:, :4] == 0).all()
    overlapping = np.zeros((3, 2, 2), np.float32)
    overlapping[0, :, 0], overlapping[1, 0], overlapping[2, 0, 0] = 0.6, 0.7, 0.5
    np.testing.assert_array_equal(segmenter.labels(overlapping), [[2, 2], [1, 0]])
    del model.dataset["regions_class_order"]
    model.write_texts()
    with pytest.raises(CheckpointError, match="regions_class_order"):
        nnunet.load(model.path)


def test_labels_are_ordered_by_value_and_ignore_is_none(model):
    model.dataset["labels"] = {"axon": 2, "ignore": 3, "background": 0, "myelin": 1}
    assert [c.name for c in nnunet.load(model.write()).classes] == ["background", "myelin", "axon"]


def test_two_channels_are_normalised_on_their_own_and_resampled(model):
    model.dataset["channel_names"] = {"0": "CT", "1": "MR"}
    model.configuration.update(
        normalization_schemes=["CTNormalization", "ZScoreNormalization"],
        use_mask_for_norm=[False, True],
        spacing=[0.5, 2.0],
    )
    segmenter = nnunet.load(model.write())
    image = picture(channels=2)
    image[:, 10:20, 10:20] = 0
    data, box = segmenter.preprocessing.forward(image, (1.0, 1.0))
    assert box.shape == (46, 45)
    assert data.shape == (2, 92, 22), "46 * 2 and round-half-even of 45 / 2"
    unscaled, _ = segmenter.preprocessing.forward(image, (0.5, 2.0))
    np.testing.assert_allclose(unscaled[0], (np.clip(image[0, 4:], 10, 240) - 100) / 50, rtol=1e-5)
    inside = image[1, 4:] != 0
    assert abs(unscaled[1][inside].mean()) < 1e-4
    assert abs(unscaled[1][inside].std() - 1) < 1e-4
    assert (unscaled[1][~inside] == 0).all(), "pixels outside of the mask are left alone"
    assert segmenter.probabilities(image, settings=CPU).shape == (3, 50, 45)
    with pytest.raises(InputError, match="1 channel, but the segmenter was trained on 2"):
        segmenter.probabilities(image[0])


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("NoNormalization", lambda x: x),
        ("RGBTo01Normalization", lambda x: x / 255),
        ("RescaleTo01Normalization", lambda x: (x - x.min()) / (x.max() - x.min())),
        ("ZScoreNormalization", lambda x: (x - x.mean()) / x.std()),
    ],
)
def test_normalisation_schemes(model, scheme, expected):
    model.configuration["normalization_schemes"] = [scheme]
    segmenter = nnunet.load(model.write())
    data, _ = segmenter.preprocessing.forward(picture(), (1, 1))
    np.testing.assert_allclose(data[0], expected(picture()[0, 4:].astype(np.float64)), rtol=1e-4, atol=1e-5)
    if scheme == "RGBTo01Normalization":
        with pytest.raises(InputError, match="8-bit colours"):
            segmenter.probabilities(picture() * 2)


def test_rows_and_columns_exchanged(model):
    expected = nnunet.load(model.write()).probabilities(picture().swapaxes(1, 2), settings=CPU)
    model.plans["transpose_forward"] = [0, 2, 1]
    model.write_texts()
    swapped = nnunet.load(model.path).probabilities(picture(), settings=CPU)
    np.testing.assert_allclose(swapped, expected.swapaxes(1, 2), atol=2e-3)
    model.plans["transpose_forward"] = [2, 0, 1]
    model.write_texts()
    with pytest.raises(CheckpointError, match="another axis"):
        nnunet.load(model.path)


def test_mirroring_is_only_as_allowed(model):
    image, settings = picture(), CPU
    model.checkpoint["inference_allowed_mirroring_axes"] = (1,)
    segmenter = nnunet.load(model.write())
    assert segmenter.mirror_axes == (1,)
    mirrored, plain = (segmenter.probabilities(image, mirror=m, settings=settings) for m in (True, False))
    assert np.abs(mirrored - plain).max() > 1e-3
    del model.checkpoint["inference_allowed_mirroring_axes"]
    segmenter = nnunet.load(model.write())
    np.testing.assert_array_equal(segmenter.probabilities(image, settings=settings), plain)


def test_batches_progress_and_cancel(model):
    segmenter = nnunet.load(model.write(folds=(0, 1)))
    reports: list = []
    one = segmenter.probabilities(
        picture(80, 70), settings=TileSettings(batch=1, device="cpu"), control=Control(report=reports.append)
    )
    many = segmenter.probabilities(picture(80, 70), settings=TileSettings(batch=5, device="cpu"))
    np.testing.assert_allclose(one, many, atol=2e-3)
    assert reports[-1].done == reports[-1].total == 2 * 4 * 4 == len(reports) - 1
    asked = iter([False] * 5 + [True])
    with pytest.raises(Cancelled):
        segmenter.probabilities(picture(80, 70), settings=CPU, control=Control(cancelled=lambda: next(asked)))


def test_float16_that_overflows_falls_back_to_float32(model):
    segmenter = nnunet.load(model.write())
    with torch.no_grad():
        last = segmenter.network(0).decoder.seg_layers[-1]
        last.bias.copy_(torch.tensor([0.0, 1e4, 1e4 + 100]))
    probabilities = segmenter.probabilities(picture(), settings=CPU)
    assert np.isfinite(probabilities).all()
    assert probabilities[2, 10:].mean() > 0.9


@pytest.mark.parametrize("image", [np.zeros((20, 20)), np.full((33, 7), np.nan), np.ones((1, 1, 1))])
def test_images_without_content(model, image):
    probabilities = nnunet.load(model.write()).probabilities(image, settings=CPU)
    assert probabilities.shape == (3, *image.shape[-2:])
    assert np.isfinite(probabilities).all()


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([0.25, 0.5, 0.75, 1.0]), st.integers(8, 64))
def test_windows_cover_everything(height, width, step, patch):
    window = SlidingWindow((patch, patch), step, True, (), torch.float32)
    shape = (max(height, patch), max(width, patch))
    seen = np.zeros(shape, bool)
    for y, x in window.grid(shape).origins:
        assert 0 <= y <= shape[0] - patch
        assert 0 <= x <= shape[1] - patch
        seen[y : y + patch, x : x + patch] = True
    assert seen.all()
    assert len(window.grid((height, width))) == len(window.grid(shape))


def test_importance_has_no_zeros():
    weight = importance((128, 256))
    assert weight.dtype == torch.float16
    assert weight.max() == 10
    assert weight.min() > 0
    assert weight[64, 128] == 10


def test_box():
    image = np.zeros((2, 10, 12), np.float32)
    image[0, 3, 4], image[1, 7, 2] = 1, -1
    box = nonzero_box(image)
    assert (box.y0, box.y1, box.x0, box.x1) == (3, 8, 2, 5)


def change(model, where: str, **values) -> None:
    {"plans": model.plans, "configuration": model.configuration, "network": model.arguments}[where].update(
        values
    )


@pytest.mark.parametrize(
    ("where", "values", "sentence"),
    [
        ("configuration", {"patch_size": [32, 32, 32]}, "not 2D"),
        ("configuration", {"previous_stage": "3d_lowres"}, "cascade"),
        ("configuration", {"normalization_schemes": ["MagicNormalization"]}, "MagicNormalization .* not"),
        ("configuration", {"normalization_schemes": ["NoNormalization"] * 2}, "2 channels, dataset.json"),
        ("configuration", {"resampling_fn_data": "resample_torch"}, "resample_torch .* not supported"),
        ("configuration", {"patch_size": "big"}, "configuration 2d is wrong at patch_size"),
        ("configuration", {"architecture": None}, "names no network"),
        ("network", {"nonlin": "os.system"}, "os.system .* not supported"),
        ("network", {"norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d"}, "InstanceNorm3d .* not"),
        ("network", {"norm_op": "evil.BatchNorm2d"}, "evil.BatchNorm2d .* not supported"),
        ("network", {"conv_op": "torch.nn.modules.conv.Conv3d"}, "only 2D convolutions"),
        ("network", {"nonlin_kwargs": {"wrong": 1}}, "impossible layer"),
        ("network", {"n_stages": 4}, "one entry for each of 4 stages"),
        ("network", {"features_per_stage": [4, 8, 12]}, r"is 8x\d+x3x3 instead of 12x.* and \d+ more"),
        ("network", {"n_conv_per_stage": [1, 2, 1]}, r"lacks encoder.stages.1.0.convs.1.conv.weight"),
        ("plans", {"configurations": {}}, "no configuration “2d”"),
        ("plans", {"configurations": {"2d": {"inherits_from": "2d"}}}, "inherits from itself"),
    ],
)  # fmt: skip
def test_plans_that_cannot_be_used(model, where, values, sentence):
    model.write()
    change(model, where, **values)
    model.write_texts()
    with pytest.raises(CheckpointError, match=sentence) as caught:
        nnunet.load(model.path)
    assert "\n" not in str(caught.value)


def test_unknown_networks_and_inheritance(model):
    model.plans["configurations"]["2d_small"] = {"inherits_from": "mid", "patch_size": [16, 32]}
    model.plans["configurations"]["mid"] = {"inherits_from": "2d", "spacing": [2.0, 2.0]}
    model.checkpoint["init_args"]["configuration"] = "2d_small"
    segmenter = nnunet.load(model.write())
    assert segmenter.patch == (16, 32)
    assert segmenter.preprocessing.spacing == (2.0, 2.0)
    model.configuration["architecture"]["network_class_name"] = "a.b.Primus"
    model.write_texts()
    with pytest.raises(
        CheckpointError, match="Primus is not supported; PlainConvUNet and ResidualEncoderUNet"
    ):
        nnunet.load(model.path)


def test_folders_that_are_incomplete(model, tmp_path):
    with pytest.raises(CheckpointError, match="is not a folder"):
        nnunet.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"no plans\.json"):
        nnunet.load(tmp_path)
    model.write_texts()
    with pytest.raises(CheckpointError, match=r"no fold_0/checkpoint_final\.pth, nor one of another fold"):
        nnunet.load(model.path)
    model.write()
    with pytest.raises(CheckpointError, match=r"no fold_3/checkpoint_final\.pth .* fold_0 are there"):
        nnunet.load(model.path, folds=[3])
    with pytest.raises(CheckpointError, match=r"no fold_0/checkpoint_best\.pth"):
        nnunet.load(model.path, "best")
    with pytest.raises(CheckpointError, match="“final” or “best”"):
        nnunet.load(model.path, "latest")
    with pytest.raises(InputError, match="Fold 4 was not loaded; fold_0"):
        nnunet.load(model.path).network(4)
    (model.path / "dataset.json").unlink()
    with pytest.raises(CheckpointError, match=r"no dataset\.json"):
        nnunet.load(model.path)
    (model.path / "dataset.json").write_text('{"labels": {"0": "background"}, "modality": {"0": "x"}}')
    with pytest.raises(CheckpointError, match="nnU-Net v1"):
        nnunet.load(model.path)
    (model.path / "dataset.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"dataset\.json is no valid JSON"):
        nnunet.load(model.path)


def test_checkpoints_that_are_something_else(model):
    model.write()
    path = model.path / "fold_0" / "checkpoint_final.pth"
    torch.save({"weights": 1}, path)
    with pytest.raises(CheckpointError, match="not an nnU-Net v2 checkpoint"):
        nnunet.load(model.path)
    torch.save({"network_weights": {"encoder.stages.0.0.convs.0.conv.weight": "text"}}, path)
    with pytest.raises(CheckpointError, match="lacks"):
        nnunet.load(model.path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match="incomplete or damaged"):
        nnunet.load(model.path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"tile_step_size": 0}, "tile step size"),
        ({"spacing": (0, 1)}, "two positive numbers"),
        ({"spacing": (1e-4, 1e-4)}, "smaller than one pixel"),
    ],
)
def test_arguments_that_cannot_be_used(model, arguments, sentence):
    segmenter = nnunet.load(model.write())
    with pytest.raises(InputError, match=sentence):
        segmenter.probabilities(picture(), settings=CPU, **arguments)


def test_answers_that_are_no_numbers_are_no_background(model):
    model.arguments["norm_op_kwargs"] = {"eps": -1e9, "affine": True}
    segmenter = nnunet.load(model.write())
    with pytest.raises(CheckpointError, match=r"no numbers \(NaN\)"):
        segmenter.probabilities(picture(), settings=CPU)


@pytest.mark.parametrize("spacing", [1e-3, 1e3])
def test_a_grid_of_absurd_pixels_is_refused(model, spacing):
    model.configuration["spacing"] = [spacing, spacing]
    job = LabelJob(from_array(picture()[0]), segmenter=str(model.write()))
    with pytest.raises(InputError, match="asks for pixels that differ 1e\\+03 times"):
        job.run(Control(), LoadedModels())
