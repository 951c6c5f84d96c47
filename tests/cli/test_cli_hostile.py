"""Hostile names and files at the shell: one clean sentence, exit code 2."""

from __future__ import annotations

import io
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_pseudolabel import models
from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.control import Progress

NAMES = (
    "\x1b[31mred",
    "a\u202egpj",
    "[red]x",
    "two\nlines",
    "bell\x07\x9b2J",
    "zero\u200bwidth",
    "\udc80half",
)


def clean(text: str) -> bool:
    return all(one.isprintable() or one == "\n" or unicodedata.category(one) == "Zs" for one in text)


def one_sentence(ran, code: int = 2) -> None:
    assert ran.code == code, ran.err
    assert "Something went wrong" not in ran.err
    assert ran.err.count("\n") == 1
    assert ran.err.endswith((".\n", "?\n"))
    assert clean(ran.err)
    assert clean(ran.out)


@pytest.fixture(autouse=True)
def looked_at_here(monkeypatch):
    """Files are looked at in this process: starting another one for each of these would take minutes."""
    monkeypatch.setattr(
        models, "inspect_in_process", lambda refs, which=None: (models.inspect(ref, which) for ref in refs)
    )


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_are_shown_and_do_nothing(tmp_path, cli, name):
    path = tmp_path / f"{name}.tif"
    path.write_bytes(b"nothing")
    ran = cli("evaluate", path, path, "--class", "a=1")
    one_sentence(ran)
    assert "[red]x" in ran.err or name != "[red]x"
    one_sentence(cli("evaluate", tmp_path / f"{name}x.tif", path, "--class", "a=1"))
    one_sentence(cli("inspect", path))
    one_sentence(cli("inspect", path, "--json"))
    one_sentence(cli("segment", path, tmp_path / "out.tif", "--segmenter", "sample:tem-axons"))


@pytest.mark.parametrize("name", NAMES)
def test_names_in_files_are_shown_and_do_nothing(tmp_path, cli, name, tiny_translator):
    path = tmp_path / "weights.pth"
    torch.save({name: torch.zeros(2), f"{name}2": torch.zeros(1)}, path)
    one_sentence(cli("inspect", path))
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny_translator.read_bytes())
    card = {"source": {"name": name}, "quality": [{"metric": name, "value": float("nan"), "data": name}]}
    path.with_name("tiny.card.json").write_text(json.dumps(card))
    ran, told = cli("inspect", path), cli("inspect", path, "--json")
    assert clean(ran.out + ran.err + told.out + told.err)
    assert (ran.code, told.code) == (0, 0)
    assert "\n  lines" not in ran.out
    assert json.loads(told.out)["card"]["source"]["name"] == name
    assert json.loads(told.out)["card"]["quality"][0]["value"] is None


def test_progress_takes_names_as_they_are(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with shown_progress() as control:
        control.report(Progress("Reading [blink]a[/blink] \x1b]0;title\x07 [/no]", 1, 4))
        control.emit("note \x1b]0;title\x07")
    assert "\x1b]0;" not in stream.getvalue()
    assert r"\x1b]0;title\x07" in stream.getvalue()


def test_what_is_no_file_is_refused_everywhere(tmp_path, cli):
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.eye(8, dtype=np.uint8))
    pipe = tmp_path / "pipe.tif"
    os.mkfifo(pipe)
    zero = tmp_path / "zero.tif"
    zero.symlink_to("/dev/zero")
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    for path in (pipe, zero, loop):
        one_sentence(cli("evaluate", labels, path, "--class", "a=1"))
        one_sentence(cli("evaluate", path, labels, "--class", "a=1"))
        one_sentence(cli("export", path, tmp_path / "out.png"))
        one_sentence(cli("segment", path, tmp_path / "out.tif", "--segmenter", "sample:tem-axons"))
        one_sentence(cli("inspect", path))
    os.mkfifo(tmp_path / "labels.provenance.json")
    for words in (("evaluate", labels, labels, "--class", "a=1"), ("export", labels, tmp_path / "out.png")):
        assert cli(*words).code == 0  # it says nothing, and is not waited for


def test_a_full_memory_is_a_sentence(tmp_path, cli, image, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("napari_pseudolabel.api.compare_labels.compare", full)
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.eye(8, dtype=np.uint8))
    ran = cli("evaluate", labels, labels, "--class", "a=1")
    one_sentence(ran)
    assert "not enough memory" in ran.err


def test_a_full_memory_at_one_image_does_not_stop_the_folder(
    tmp_path, cli, tiny_segmenter, disc_image, monkeypatch
):
    from napari_pseudolabel.strategies import LabelJob

    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b"):
        tifffile.imwrite(folder / f"{name}.tif", disc_image((40, 52), 1)[0])
    run = LabelJob.run_parts

    def full(self: LabelJob, *arguments: object, **options: object) -> object:
        if Path(str(self.image.path)).stem == "a":
            raise MemoryError
        return run(self, *arguments, **options)

    monkeypatch.setattr(LabelJob, "run_parts", full)
    ran = cli("segment", folder, tmp_path / "out", "--segmenter", tiny_segmenter)
    assert ran.code == 2
    assert "1 of 2 images could not be used (a.tif: There is not enough memory" in ran.err
    assert len(list((tmp_path / "out").glob("b*.tif"))) == 1


def test_paths_that_lead_nowhere(tmp_path, cli):
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    image = tmp_path / "x.png"
    image.write_bytes(b"nothing")
    one_sentence(cli("segment", image, loop, "--segmenter", "sample:sem-axons"))
    one_sentence(cli("inspect", loop))
    one_sentence(cli("inspect", "~nobody-of-this-name/x.pth"))
