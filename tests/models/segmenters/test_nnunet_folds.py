"""Which folds and checkpoints of a folder are taken, and what a trainer did to the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nnunet_files import ModelFolder

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspect, load_segmenter, write_sidecar
from napari_pseudolabel.models.segmenters import nnunet
from napari_pseudolabel.tiling import TileSettings

CPU = TileSettings(device="cpu")
PICTURE = np.random.default_rng(0).uniform(1, 255, (1, 40, 40)).astype(np.float32)
BATCH_NORM = "torch.nn.modules.batchnorm.BatchNorm2d"


def everything(folder: Path, labels: dict[str, int] | None = None) -> ModelFolder:
    """A folder with numbered folds and fold_all, each with a best and a final checkpoint that differ."""
    model = ModelFolder(folder)
    if labels is not None:
        model.dataset["labels"] = labels
    model.write(folds=(0, 1, "all"), seed=1)
    model.write(folds=(0, 1, "all"), name="best", seed=11)
    return model


def taken(segmenter) -> tuple[tuple[object, ...], str]:
    return segmenter.folds, segmenter.card.architecture["checkpoint"]


@pytest.mark.parametrize(
    "name", ["model_seg_generalist_light", "model_seg_x/nnUNetTrainer__nnUNetPlans__2d", "my model"]
)
def test_folders_of_axondeepseg_in_its_order(tmp_path, name):
    model = everything(tmp_path / name)
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == (("all",), "best")
    expected = nnunet.load(model.path, "best", ["all"]).probabilities(PICTURE, settings=CPU)
    np.testing.assert_array_equal(segmenter.probabilities(PICTURE, settings=CPU), expected)
    said = "fold_all with checkpoint_best was taken, as AxonDeepSeg does; there too: fold_0, fold_1, checkpoint_final."
    assert said in segmenter.card.notes
    assert said in inspect(model.path).warnings


def test_ensembles_of_axondeepseg(tmp_path):
    model = ModelFolder(tmp_path / "model_seg_x_ensemble")
    model.write(folds=(0, 1))
    assert taken(load_segmenter(model.path)) == ((0, 1), "final")
    model.write(folds=(0, 1), name="best")
    assert taken(load_segmenter(model.path)) == ((0, 1), "best")
    (model.path / "fold_1" / "checkpoint_best.pth").unlink()
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((0,), "best")
    assert any("left out: fold_1" in note for note in segmenter.card.notes)


def test_folders_of_nnunet_in_its_order(tmp_path):
    model = everything(tmp_path / "nnUNetTrainer__nnUNetPlans__2d", {"background": 0, "nucleus": 1})
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((0, 1), "final")
    assert segmenter.card.notes == (
        "fold_0, fold_1 with checkpoint_final was taken, as nnU-Net does; there too: fold_all, checkpoint_best.",
    )
    assert not {"folds", "checkpoint"} & set(segmenter.card.assumed)
    (model.path / "fold_0" / "checkpoint_final.pth").unlink()
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((1,), "final")
    assert any("left out: fold_0" in note for note in segmenter.card.notes)
    (model.path / "fold_1" / "checkpoint_final.pth").unlink()
    assert taken(load_segmenter(model.path)) == (("all",), "final"), "a training that ended before others"
    (model.path / "fold_all" / "checkpoint_final.pth").unlink()
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((0, 1), "best")
    assert any("No fold has a checkpoint_final.pth" in note for note in segmenter.card.notes)


def test_where_both_are_possible_the_other_is_named(tmp_path):
    """Classes of axons in a folder called as nnU-Net calls it: trained there, and perhaps used in the other program."""
    model = everything(tmp_path / "nnUNetTrainer__nnUNetPlans__2d")
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((0, 1), "final")
    assert {"folds", "checkpoint"} <= set(segmenter.card.assumed)
    assert any(
        "AxonDeepSeg would take fold_all with checkpoint_best" in note for note in segmenter.card.notes
    )


def test_the_card_and_the_caller_choose(tmp_path):
    model = everything(tmp_path / "model_seg_generalist_light")
    write_sidecar(model.path, {"folds": [1, 0], "checkpoint": "final"})
    segmenter = load_segmenter(model.path)
    assert taken(segmenter) == ((1, 0), "final")
    assert segmenter.card.notes == ()
    assert taken(load_segmenter(model.path, {"checkpoint": "best"})) == ((1, 0), "best")
    for wrong in ([], ["some"], [-1], [True]):
        with pytest.raises(CheckpointError, match="card asks for"):
            load_segmenter(model.path, {"folds": wrong})


def test_one_fold_with_one_checkpoint_needs_no_words(tmp_path):
    assert load_segmenter(ModelFolder(tmp_path / "a__b__2d").write()).card.notes == ()


def test_a_training_that_has_not_ended(tmp_path):
    model = ModelFolder(tmp_path / "a__b__2d")
    model.write(name="latest")
    with pytest.raises(CheckpointError, match="has not ended"):
        load_segmenter(model.path)


def with_batch_norm(folder: Path, trainer: str) -> ModelFolder:
    """What nnUNetTrainerBN writes: plans that name instance normalisation, weights of the other."""
    model = ModelFolder(folder)
    model.checkpoint["trainer_name"] = trainer
    plain = dict(model.arguments)
    model.arguments["norm_op"] = BATCH_NORM
    model.write()
    path = model.path / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    torch.manual_seed(2)
    for name, value in content["network_weights"].items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
    torch.save(content, path)
    model.arguments.update(plain)
    model.write_texts()
    return model


@pytest.mark.parametrize("trainer", ["nnUNetTrainerBN", "MyTrainer"])
def test_batch_normalisation_of_a_trainer(tmp_path, trainer):
    model = with_batch_norm(tmp_path / f"{trainer}__nnUNetPlans__2d", trainer)
    segmenter = load_segmenter(model.path)
    assert segmenter.card.architecture["norm_op"] == BATCH_NORM
    assert segmenter.card.architecture["trainer"] == trainer
    assert ("trainer" in segmenter.card.assumed) == (trainer == "MyTrainer")
    found = segmenter.probabilities(PICTURE, settings=CPU)
    model.arguments["norm_op"] = BATCH_NORM  # plans that say what the trainer did
    model.write_texts()
    np.testing.assert_array_equal(found, load_segmenter(model.path).probabilities(PICTURE, settings=CPU))
    tensors = segmenter.network(0).state_dict()
    assert any(name.endswith("running_mean") and value.abs().sum() > 0 for name, value in tensors.items())


@pytest.mark.parametrize(
    ("trainer", "known"),
    [
        ("nnUNetTrainer", True),
        ("nnUNetTrainer_250epochs_NoMirroring", True),
        ("nnUNetTrainerNoDeepSupervision", True),
        ("nnUNetTrainerDA5", True),
        ("nnUNetTrainerDiceCELoss_noSmooth", True),
        ("nnUNetTrainerVanillaAdam1en3", True),
        ("nnUNetTrainerTopk10Loss", True),
        ("nnUNetTrainerUMambaBot", False),
        ("nnUNetTrainerReLU", False),
    ],
)
def test_trainers_that_may_change_the_network(tmp_path, trainer, known):
    model = ModelFolder(tmp_path / f"{trainer}__nnUNetPlans__2d")
    model.checkpoint["trainer_name"] = trainer
    assert ("trainer" in load_segmenter(model.write()).card.assumed) != known


def test_weights_that_a_foreign_trainer_changed_are_its_doing(tmp_path):
    model = ModelFolder(tmp_path / "t__p__2d")
    model.checkpoint["trainer_name"] = "nnUNetTrainerUMambaBot"
    model.write()
    model.arguments["features_per_stage"] = [4, 8, 16]
    model.write_texts()
    with pytest.raises(
        CheckpointError, match=r"nnUNetTrainerUMambaBot is not one of nnU-Net .* does not fit"
    ):
        load_segmenter(model.path)
