"""One command from a labelled set to labels of another modality, and a page that needs nothing else."""

from __future__ import annotations

import json
import shlex
import signal
from html.parser import HTMLParser

import pytest
import tifffile

from napari_pseudolabel import carry
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.exporting.export_content import ExportContent
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.spot_check import SpotCheckOptions, SpotChecks
from napari_pseudolabel.labels.spot_check.drawn_sample import draw
from napari_pseudolabel.labels.usability import UNASKED
from napari_pseudolabel.strategies.carry.carried_image import as_it_is_now
from napari_pseudolabel.strategies.carry.carry_task import CarryOptions
from napari_pseudolabel.strategies.choice.find_way import FindWayJob
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.tiling import TileSettings


class Page(HTMLParser):
    """Collects what a page holds; fails on what it would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.text, self.open = [], "", []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object")
        assert not any(name.startswith("on") or name == "href" for name in found)
        if tag == "img":
            assert found["src"].startswith("data:image/png;base64,")
            self.pictures.append(found["src"])
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def command(training_set, monkeypatch):
    """Carry labels of folder a to two images of folder b, whose contrast is turned around."""
    for seed in (2, 3):
        (training_set / "b" / f"field_{seed}.tif").unlink()
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(training_set / "cache"))
    return (
        "carry", training_set / "b", training_set / "out", "--labelled-images", training_set / "a",
        "--labelled-labels", training_set / "labels", "--class", "disc=1", "--segmenter-steps", 4, "--tutor-steps", 2,
        "--width", 2, "--patch", 32, "--device", "cpu", "--flips", 1,
    )  # fmt: skip


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def spot_checked(path):
    """A person judges an object of labels and exports them to where they are; what that says."""
    labels, beside = tifffile.imread(path), read_sidecar(path)
    check = draw(labels, beside.classes, SpotCheckOptions(objects=1, boxes=0), seed=0)
    check = check.with_question(0, check.objects[0].model_copy(update={"answer": "right"}))
    placement, told = Placement(**beside.placement), beside.model_dump(mode="json")
    content = ExportContent(labels, beside.classes, placement, told, spot_checks=SpotChecks().begin(check))
    content.write(path, "ome-tiff")
    return content.spot_statements[-1]["sentence"]


def interrupted(cli, command, monkeypatch):
    """Run the command, and press Ctrl-C when the ways are about to be tried."""
    look = FindWayJob.look

    def pressed(job, control, models):
        signal.raise_signal(signal.SIGINT)
        return look(job, control, models)

    with monkeypatch.context() as patch:
        patch.setattr(FindWayJob, "look", pressed)
        return cli(*command)


def test_labels_models_report_and_page_come_out_and_are_not_made_twice(
    cli, command, training_set, monkeypatch
):
    out = training_set / "out"
    stopped = interrupted(cli, command, monkeypatch)
    assert (stopped.code, "the same command goes on from there" in stopped.err) == (130, True)
    assert [path.name for path in out.iterdir() if path.name in ("labels", "report.json")] == []
    trained = out / "models" / "segmenter.safetensors"
    before = trained.stat().st_mtime_ns
    ran = cli(*command)
    assert ran.code == 0, ran.err
    assert trained.stat().st_mtime_ns == before
    for seed in range(2):
        assert tifffile.imread(out / "labels" / f"field_{seed}.ome.tif").shape == (48, 48)
    assert {path.name for path in (out / "models").iterdir()} >= {
        "segmenter.safetensors",
        "to-labelled-match.safetensors",
        "to-labelled-invert-match.safetensors",
    }
    told = json.loads((out / "report.json").read_text())
    assert (told["labelled_modality"], told["modality"]) == ("a", "b")
    assert len(told["images"]) == 2
    tried = told["choice"]["tried"]
    assert {one["group"] for one in tried} == {"turned around", "as it is", "without labels"}
    # A proxy is no second witness for the curve that tutored it.
    assert [one["strategy"] for one in tried].count("tutorship") == 1
    assert told["choice"]["best"] in ran.out
    made = json.loads((out / "labels" / "field_0.provenance.json").read_text())
    assert made["choice"]["best"] == told["choice"]["best"]
    page = Page((out / "index.html").read_text())
    assert len(page.pictures) >= 1 + len(tried)
    for words in (
        "What was tried",
        "What to correct first",
        "How to cite",
        "was trained on the labelled set",
    ):
        assert words in page.text
    assert all(one["way"] in page.text for one in tried)
    assert "about random objects and boxes" in page.text
    # What nobody has looked at is not called right.
    assert [one["usable"]["verdict"] for one in told["images"]] == ["not checked"] * 2
    assert f"Checked: nothing. Not checked: {UNASKED}; that takes a person." in " ".join(page.text.split())
    said = spot_checked(out / "labels" / "field_0.ome.tif")
    # The same command trains and labels nothing again, and takes up what a person said.
    before = files_of(out / "labels") | files_of(out / "models")
    again = cli(*command, "--json")
    assert again.code == 0, again.err
    assert again.json["choice"] == told["choice"]
    first, second = again.json["images"]
    assert [one["sentence"] for one in first["spot_checks"]] == [said]
    assert (first["notes"], "spot_checks" in second) == (told["images"][0]["notes"], False)
    assert said in Page((out / "index.html").read_text()).text
    assert files_of(out / "labels") | files_of(out / "models") == before
    # Python leaves the same folder, and the page says what is typed in the shell for it.
    typed = shlex.split(Page((out / "index.html").read_text()).text.split("Do it again")[1])
    assert (typed[:2], typed[2:4]) == (["pseudolabel", "carry"], [str(command[1]), str(command[2])])
    assert set(typed[4:]) == set(map(str, command[3:]))
    shell = {path: path.read_text() for path in (out / "index.html", out / "report.json")}
    for path in shell:
        path.unlink()
    carry(
        *map(str, command[1:3]), training_set / "a", training_set / "labels", {"disc": 1}, options=CarryOptions(
            segmenter_steps=4, tutor_steps=2, width=2, patch=32
        ), settings=LabelSettings(flips=1, tiles=TileSettings(device="cpu")),
    )  # fmt: skip
    assert {path: path.read_text() for path in shell} == shell
    assert files_of(out / "labels") | files_of(out / "models") == before
    # Labels that a person has changed are not replaced by those of other settings; the others are.
    mended = out / "labels" / "field_0.ome.tif"
    tifffile.imwrite(mended, tifffile.imread(mended) * 0 + 1)
    corrected = mended.read_bytes()
    now = as_it_is_now(first, mended)
    assert now["spot_checks"][0]["sentence"] == f"Void, because the labels have changed since: {said}"
    assert (now["objects"], "counted again" in now["notes"][-1]) == ({"disc": 1}, True)
    other = cli(*command, "--smallest-object", 0)
    assert other.code != 0
    assert "field_0.tif: Its labels" in other.out
    assert "are not as they were written last" in other.out
    assert mended.read_bytes() == corrected
    assert (
        files_of(out / "labels")[out / "labels" / "field_1.ome.tif"]
        > before[out / "labels" / "field_1.ome.tif"]
    )


def test_what_cannot_be_carried_is_said_before_anything_is_trained(cli, command, training_set):
    name, images, out, *options = command
    for words, part in [
        ((name, images, out, *options[2:]), "give --labelled-images and --labelled-labels"),
        ((name, images, out, *options[:4]), "No class is named"),
        ((name, images, images, *options), "The results cannot go into"),
        ((name, training_set / "nowhere", out, *options), "does not exist"),
        ((*command, "--segmenter", "nowhere"), "There is no checkpoint file or folder 'nowhere'"),
    ]:
        ran = cli(*words)
        assert (ran.code, part in ran.sentence) == (2, True), ran.err
    tifffile.imwrite(images / "FIELD_1.TIFF", tifffile.imread(images / "field_1.tif"))
    ran = cli(*command)
    assert (ran.code, "Two results would be called" in ran.sentence) == (2, True), ran.err
    assert not out.exists()
