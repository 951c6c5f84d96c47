"""Phrase grounding, from a folder on disk that is made and trained here, offline, to labels."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace

import numpy as np
import phrase_case
import pytest
import tifffile
import torch
from safetensors.torch import load_file, save_file
from scipy.stats import rankdata

from napari_pseudolabel.cli.running import run as run_command
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.small_planes import small_plane
from napari_pseudolabel.models import inspect
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.text_to_image.diffusers_folder import look_through
from napari_pseudolabel.models.text_to_image.picture_features import merged_regions
from napari_pseudolabel.strategies import Record, Region
from napari_pseudolabel.strategies.again import Extent, again
from napari_pseudolabel.strategies.grounding import PHRASES
from napari_pseudolabel.strategies.grounding.phrase_options import PhraseOptions
from napari_pseudolabel.strategies.regions import ATTENTION_REGIONS, QUERY_REGIONS
from napari_pseudolabel.strategies.regions.diffusion_regions import (
    AttentionRegionOptions,
    DiffusionRegionOptions,
)
from napari_pseudolabel.strategies.strategy import LabelRequest

MODELS = LoadedModels()
STEPS = 10
WORDS = phrase_case.WORDS[:2]
PART = Region(11, 20, 50, 61)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = phrase_case.build(tmp_path_factory.mktemp("phrases"))
    phrase_case.trained(made)
    return made


@pytest.fixture(scope="module")
def options(folder):
    return PhraseOptions(diffusion=folder, phrases=["disc", "lines=stripes"], steps=STEPS)


def image_of(*seeds):
    """Two pixels for each of a picture, and the masks of all planes; one without an axis for planes."""
    rng = np.random.default_rng(0)
    drawn = [phrase_case.picture(np.random.default_rng(1000 + seed)) for seed in seeds]
    planes = np.stack([np.kron(picture, np.ones((2, 2))) for picture, _ in drawn])
    planes = (planes * 200 + rng.normal(0, 2, planes.shape) + 20).clip(0, 255).astype(np.uint8)
    axes = "ZYX" if len(seeds) > 1 else "YX"
    return from_array(planes if len(seeds) > 1 else planes[0], axes, name="things"), [
        masks for _, masks in drawn
    ]


def run(job, heard=None, **control):
    return job.run(Control(emit=(heard if heard is not None else []).append, **control), MODELS)


def auc(values, mask):
    ranks, count = rankdata(values.ravel()), mask.sum()
    return (ranks[mask.ravel()].sum() - count * (count + 1) / 2) / (count * (mask.size - count))


def test_heat_is_where_the_thing_is_and_not_where_the_other_one_is(options, monkeypatch):
    monkeypatch.setattr(
        socket, "socket", lambda *_, **__: pytest.fail("something was looked for in the internet")
    )
    heard = []
    image, masks = image_of(*range(6))
    found = run(PHRASES.job(image, LabelRequest(options=options)), heard)
    assert [one.plane for one in heard] == [(number,) for number in range(6)]
    own, other = ([], [])
    for heat, truth in zip(heard, masks, strict=True):
        for number, word in enumerate(WORDS):
            large = np.kron(truth[word], np.ones((2, 2))) > 0
            own.append(auc(heat.maps["attention"][number], large))
            other.append(auc(heat.maps["attention"][1 - number], large))
    assert np.mean(own) > 0.75
    assert np.mean(own) - np.mean(other) > 0.1
    # As one label image, too: what is labelled as a disc is a disc more often than not.
    discs = np.stack([np.kron(one["disc"], np.ones((2, 2))) > 0 for one in masks])
    assert (found.labels == 1)[discs].mean() > 3 * (found.labels == 1)[~discs].mean()
    assert [one.name for one in found.classes] == ["background", "disc", "lines"]


def test_a_part_is_as_the_whole_and_provenance_makes_it_again(options, folder):
    image, _ = image_of(1, 2)
    whole = run(PHRASES.job(image, LabelRequest(options=replace(options, threshold=0.4))))
    told = json.loads(json.dumps(whole.report.provenance()))
    kept = told["parameters"]["options"]
    assert (kept["phrases"], kept["threshold"]) == (["disc", "lines=stripes"], 0.4)
    assert told["models"][0]["sha256"] == look_through(folder).sha256
    assert any("hint where to look" in note for note in whole.report.notes)
    job = again(Record.from_provenance(told), image, Extent(region=PART, planes=((1,),)))
    part = run(job)
    np.testing.assert_array_equal(part.labels[0], whole.labels[1][PART.window])
    np.testing.assert_allclose(part.confidence[0], whole.confidence[1][PART.window], atol=1e-6)
    hotter = run(replace(job, segmenter=replace(job.segmenter, options=replace(options, threshold=0.9))))
    assert 0 < (hotter.labels > 0).sum() < (part.labels > 0).sum()
    other = run(replace(job, segmenter=replace(job.segmenter, options=replace(options, map="difference"))))
    assert (other.labels != part.labels).any()


def test_the_folder_is_called_by_its_name_where_models_are_asked_for(folder):
    found = inspect(folder)
    assert not found.usable
    assert "give it to the strategy phrases" in found.problem


def test_what_is_not_read_of_a_phrase_is_said(folder):
    model = MODELS.phrase_model(str(folder))
    assert model.read("a disc").notes == ()
    assert model.read("a disc").tokens == slice(1, 3)
    (long,) = model.read("a disc of a disc of stripes").notes
    assert "read “a disc of a disc of” and not “stripes”" in long
    (strange,) = model.read("a xdisc").notes
    assert "does not know “xdisc”" in strange
    (pieces,) = model.read("discs").notes
    assert "reads it in pieces" in pieces
    with pytest.raises(InputError, match="knows no word of “zyx”"):
        model.read("zyx")


def test_a_cancel_takes_effect_between_two_steps(options):
    reports = []
    job = PHRASES.job(image_of(77)[0], LabelRequest(options=options))
    steps = lambda: [one for one in reports if one.stage == "Looking for the phrases"]  # noqa: E731
    with pytest.raises(Cancelled):
        run(job, report=reports.append, cancelled=lambda: len(steps()) > 3)
    assert (steps()[-1].done, steps()[-1].total) == (3, 13)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "folder of a text-to-image model"),
        ({"diffusion": True}, "Say in words"),
        ({"diffusion": True, "phrases": ["a", "x= "]}, "Say in words"),
        ({"diffusion": True, "phrases": ["a=x", "a=y"]}, "a"),
    ],
)
def test_what_is_missing_is_said_before_anything_begins(given, sentence, tmp_path):
    given = {**given, "diffusion": tmp_path if given.get("diffusion") else None}
    with pytest.raises(InputError, match=sentence):
        PHRASES.job(image_of(1)[0], LabelRequest(options=PhraseOptions(**given)))


def described(part, **values):
    def change(folder):
        file = folder / part
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


REFUSED = {
    "a pickle": (lambda one: (one / "unet" / "x.bin").write_bytes(b"x"), "holds a pickle"),
    "a program": (lambda one: (one / "unet" / "modeling.py").write_text("x = 1"), "brings a program"),
    "code by name": (described("unet/config.json", auto_map={"x": "y"}), "asks for a program of its own"),
    "another network": (described("model_index.json", unet=["diffusers", "Other"]), "its unet is Other"),
    "two encoders": (
        described("model_index.json", text_encoder_2=["transformers", "X"]),
        "two text encoders",
    ),
    "endless layers": (described("unet/config.json", layers_per_block=10**9), "layers"),
    "larger than its weights": (described("vae/config.json", block_out_channels=[4096, 8192]), "are there"),
    "impossible": (described("unet/config.json", norm_num_groups=7), "cannot exist"),
    "more conditions": (described("unet/config.json", addition_embed_type="text_time"), "more than a phrase"),
    "no index": (lambda one: (one / "model_index.json").unlink(), "it holds no model_index.json"),
    "no weights": (lambda one: (one / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "has no vae"),
    "no tokenizer": (lambda one: shutil.rmtree(one / "tokenizer"), "neither tokenizer"),
    "cut off": (
        lambda one: (one / "text_encoder" / "model.safetensors").write_bytes(b"1234"),
        "incomplete or damaged",
    ),
    "no schedule": (described("scheduler/scheduler_config.json", beta_schedule="none"), "schedule"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_folders_that_cannot_be_trusted_are_refused_in_a_sentence(fault, folder, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(folder, bad)
    spoil, sentence = REFUSED[fault]
    spoil(bad)
    job = PHRASES.job(
        image_of(1)[0], LabelRequest(options=PhraseOptions(diffusion=bad, phrases=["disc"], steps=4))
    )
    with pytest.raises(CheckpointError, match=sentence) as error:
        run(job)
    assert str(error.value).endswith(".")


def test_folders_of_older_versions_are_read_as_new_ones(folder, tmp_path):
    """As Stable Diffusion 1 lies on disk: half precision, other names of the same weights, numbers of positions beside them."""
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    text, vae = (
        old / "text_encoder" / "model.safetensors",
        old / "vae" / "diffusion_pytorch_model.safetensors",
    )
    words = {
        f"text_model.{key.removeprefix('text_model.')}": one.half() for key, one in load_file(text).items()
    }
    words["text_model.embeddings.position_ids"] = torch.arange(8)[None]
    named = (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"))
    pictures = {}
    for key, one in load_file(vae).items():
        for now, then in named if "attentions" in key else ():
            key = key.replace(f".{now}.", f".{then}.")
        pictures[key] = one.half()
    for file, weights in ((text, words), (vae, pictures)):
        file.unlink()
        save_file(weights, file.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    found, wanted = (MODELS.phrase_model(str(one)) for one in (old, folder))
    picture, _ = phrase_case.picture(np.random.default_rng(0))
    torch.testing.assert_close(found.latents(picture), wanted.latents(picture), atol=0.02, rtol=0)
    torch.testing.assert_close(found.read("disc").hidden, wanted.read("disc").hidden, atol=0.02, rtol=0)


def test_from_the_shell(folder, tmp_path, capsys):
    image, _ = image_of(3)
    tifffile.imwrite(tmp_path / "in.tif", np.asarray(image.data))
    words = [
        "label",
        tmp_path / "in.tif",
        tmp_path / "out.tif",
        "--strategy",
        "phrases",
        "--diffusion",
        folder,
    ]
    words += ["--phrase", "disc", "--phrase", "lines=stripes", "--inversion-steps", STEPS]
    assert run_command(list(map(str, words))) == 0
    assert set(np.unique(tifffile.imread(tmp_path / "out.tif")).tolist()) == {0, 1, 2}
    assert "hint where to look" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("strategy", "given"),
    [(ATTENTION_REGIONS, AttentionRegionOptions), (QUERY_REGIONS, DiffusionRegionOptions)],
)
def test_regions_of_the_same_folder_come_from_the_whole_plane(strategy, given, folder):
    image, masks = image_of(4, 5)
    asked = LabelRequest(options=given(diffusion=folder, kinds=6, names="disc"))
    whole = run(strategy.job(image, asked))
    part = run(strategy.job(image, replace(asked, region=PART, planes=((1,),))))
    np.testing.assert_array_equal(part.labels[0], whole.labels[1][PART.window])
    assert [one.role for one in part.report.models] == ["features"]
    assert any("a click names none in other planes" in note for note in part.report.notes)
    for found, truth in zip(whole.labels, masks, strict=True):
        assert 2 <= len(np.unique(found)) <= 6
        # Called what most of them is, kinds say more than that all is background.
        things = np.kron(truth["disc"] + 2 * truth["stripes"], np.ones((2, 2), int))
        right = sum(np.bincount(things[found == kind]).max() for kind in np.unique(found))
        assert right / things.size > (things == 0).mean() + 0.05
    with pytest.raises(InputError, match="folder of a text-to-image model"):
        strategy.job(image, LabelRequest())


def test_what_attends_alike_is_merged_up_to_tau():
    kinds = torch.zeros(8, 8, dtype=torch.long)
    kinds[2:6, 1:4], kinds[:, 6:] = 1, 2
    own = torch.stack([kinds == kind for kind in range(3)]).float() + 0.01
    attention = own[kinds.flatten()] + 0.001 * torch.rand(
        64, 8, 8, generator=torch.Generator().manual_seed(0)
    )
    attention /= attention.sum((1, 2), keepdim=True)
    for tau in (0.5, None):
        found, taken, share = merged_regions(attention, (8, 8), 3, tau)
        assert len(np.unique(found)) == 3
        assert all(len(np.unique(found[kinds.numpy() == kind])) == 1 for kind in range(3))
        assert 0 < share < 1
    assert taken < 0.5
    assert len(np.unique(merged_regions(attention, (8, 8), 3, 50.0)[0])) == 1


@pytest.mark.parametrize("shape", [(40, 30), (90, 31), (7, 200)])
def test_a_small_plane_covers_all_of_it_in_equal_squares(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    values[:3, :3] = np.nan
    found = small_plane(from_array(values), (), None, 40, Control())
    side = -(-max(shape) // 40)
    assert found.shape == tuple(-(-length // side) for length in shape)
    np.testing.assert_allclose(
        found[-1, -1],
        np.nanmean(values[(found.shape[0] - 1) * side :, (found.shape[1] - 1) * side :]),
        rtol=1e-5,
    )
    assert np.isnan(found[0, 0]) == (side <= 3)
