"""A format that exists only here, by one object, is offered and checked everywhere."""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pytest
import tifffile
import yaml
from npe2 import PluginManager, PluginManifest
from write_format_lists import MANIFEST, PAGE, filled, manifest, page

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import ExportContent, Format, export, export_image, read_sidecar
from napari_pseudolabel.formats import registry
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.export.controller import ExportController
from napari_pseudolabel.widgets.export.view import ExportView

NUCLEI = (LabelClass(name="background", value=0), LabelClass(name="nucleus", value=1))


@dataclass(frozen=True)
class ToyOptions(Checked):
    indent: Annotated[int, Option("Spaces before every line.", least=0, most=4, flag="--toy-indent")] = 0


def write(path, content):
    sure = None if content.confidence is None else float(content.confidence.mean())
    told = {
        "indent": content.options.indent,
        "name": content.name,
        "objects": content.instances.tolist(),
        "confidence": sure,
    }
    path.write_text(json.dumps(told, indent=content.options.indent or None))


TOY = Format(
    name="toy",
    title="Toy",
    what="numbered objects of one plane",
    readers="this test",
    suffixes=(".objects.toy", ".toy"),
    write=write,
    holds=frozenset({"instances", "confidence"}),
    stacks=False,
    largest=9,
    pixel_size=False,
    marks=False,
    options=ToyOptions(),
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, TOY, FOLDER))


def two_squares():
    labels = np.zeros((12, 16), np.uint8)
    labels[2:5, 2:5] = labels[7:10, 9:12] = 1
    return labels


def told(path):
    return json.loads(path.read_text())


def put(path, labels, **named):
    arguments = {"classes": NUCLEI, "placement": Placement.identity(labels.ndim), "provenance": {}}
    return export(path, labels, **arguments | named)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_in_python(toy, tmp_path):
    labels = two_squares()
    confidence = np.full(labels.shape, 0.5, np.float32)
    files = put(tmp_path / "a.Objects.toy", labels, confidence=confidence, effort="plane\n")
    assert [path.name for path in files] == ["a.Objects.toy", "a.provenance.json", "a.effort.csv"]
    found = told(files[0])
    assert (found["name"], found["confidence"]) == ("a", 0.5)
    numbers = np.array(found["objects"])
    assert set(numbers[2:5, 2:5].flat) | set(numbers[7:10, 9:12].flat) == {1, 2}
    np.testing.assert_array_equal(numbers > 0, labels > 0)
    assert read_sidecar(files[0]).classes == NUCLEI


def test_objects_that_are_known_are_not_computed(toy, tmp_path):
    labels = np.ones((4, 6), np.uint8)
    known = np.repeat([[5, 5, 5, 7, 7, 7]], 4, axis=0)  # they touch, and no line of background parts them
    content = ExportContent(labels, NUCLEI, Placement.identity(2), {}, instances=known)
    content.write(tmp_path / "a.toy", "toy")
    np.testing.assert_array_equal(told(tmp_path / "a.toy")["objects"], known)
    with pytest.raises(InputError, match="Instances have the shape"):
        put(tmp_path / "b.toy", labels, instances=known[1:])


def test_what_is_not_labelled_is_no_object_and_the_provenance_tells_how_much_is(toy, tmp_path):
    labels = two_squares()
    labelled = np.ones(labels.shape, bool)
    labelled[6:] = False
    for given in (None, labels.astype(np.int64) * 3):
        put(tmp_path / "a.toy", labels, labelled=labelled, instances=given)
        np.testing.assert_array_equal(np.array(told(tmp_path / "a.toy")["objects"]) > 0, labels * labelled)
        sidecar = read_sidecar(tmp_path / "a.toy")
        assert (sidecar.share_labelled, sidecar.not_labelled) == (0.5, None)


@pytest.mark.parametrize(
    ("labels", "named", "message"),
    [
        (np.zeros((2, 4, 6), np.uint8), {}, r"Toy holds one plane, .* \(2, 4, 6\); export as OME-TIFF"),
        (
            two_squares(),
            {"instances": two_squares() * 10},
            "Toy holds labels up to 9, but these reach 10; export as",
        ),
        (two_squares(), {"format": "png"}, "a.toy is a name of toy, but png was asked for"),
        (two_squares(), {"format": "tyo"}, "no format 'tyo'; choose ome-tiff or png or .* or toy or folder"),
    ],
)
def test_what_it_cannot_hold_is_one_sentence(toy, tmp_path, labels, named, message):
    with pytest.raises(InputError, match=message):
        put(tmp_path / "a.toy", labels, **named)
    with pytest.raises(
        InputError, match=r"Toy holds labels, but this is an image; export as OME-TIFF or PNG or OME-Zarr\."
    ):
        export_image(
            tmp_path / "a.toy", labels[..., :4], placement=Placement.identity(labels.ndim), provenance={}
        )
    assert names(tmp_path) == []


def test_objects_of_a_stack_are_numbered_on(tmp_path):
    stacked = replace(TOY, stacks=True)
    labels = np.stack([two_squares(), np.zeros((12, 16), np.uint8), two_squares()])
    put(tmp_path / "a.toy", labels, format=stacked)
    found = [set(np.unique(plane).tolist()) for plane in told(tmp_path / "a.toy")["objects"]]
    assert found == [{0, 1, 2}, {0}, {0, 3, 4}]


def test_a_format_needs_no_registry_in_python(tmp_path):
    put(tmp_path / "a.toy", two_squares(), format=TOY)
    assert max(map(max, told(tmp_path / "a.toy")["objects"])) == 2
    with pytest.raises(InputError, match=r"no suffix we can write; end it with one of \.ome\.tif, .*\.zarr"):
        put(tmp_path / "b.toy", two_squares())


def write_folder(path, content):
    (path / "masks").mkdir()
    for number in range(1, int(content.instances.max()) + 1):
        (path / "masks" / f"{number}.json").write_text(json.dumps((content.instances == number).tolist()))


FOLDER = replace(
    TOY, name="folder", title="Folder", suffixes=(), folder=True, write=write_folder, options=None
)


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "objects"
    labels = two_squares()
    put(target, labels, format=FOLDER)
    assert names(tmp_path) == ["objects", "objects.provenance.json"]
    labels[:6] = 0
    put(target, labels, format=FOLDER, effort="first\n")
    assert names(target / "masks") == ["1.json"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    rename = os.replace
    for failing in range(4):  # the old folder goes aside, then three new names
        count = []

        def fail_once(source, destination, failing=failing, count=count):
            count.append(destination)
            if len(count) == failing + 1:
                raise PermissionError(13, "Permission denied")
            rename(source, destination)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fail_once)
            with pytest.raises(InputError, match="nothing was changed"):
                put(target, two_squares(), format=FOLDER, effort="second\n")
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path):
    target = tmp_path / "holidays"
    target.mkdir()
    put(target, two_squares(), format=FOLDER)  # nothing was in it
    (tmp_path / "holidays.provenance.json").unlink()
    with pytest.raises(
        InputError, match="holidays is a folder that was not exported here, and would be replaced"
    ):
        put(target, two_squares(), format=FOLDER)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, but a folder is to be written"):
        put(tmp_path / "file", two_squares(), format=FOLDER)
    assert names(target / "masks") == ["1.json", "2.json"]


@pytest.fixture
def shell(toy, monkeypatch, capfd):
    """The shell command as the next process would build it; returns exit code, output and errors."""
    import napari_pseudolabel

    for name in [one for one in sys.modules if one.startswith("napari_pseudolabel.cli")]:
        monkeypatch.delitem(sys.modules, name)
    # Before the import, which replaces it: afterwards the package of before is there again.
    monkeypatch.setattr(napari_pseudolabel, "cli", None, raising=False)
    importlib.import_module("napari_pseudolabel.cli")
    running = importlib.import_module("napari_pseudolabel.cli.running")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        capfd.readouterr()
        return running.run([str(word) for word in words]), *capfd.readouterr()

    return call


def test_in_the_shell(shell, tmp_path):
    names_of_formats = ",".join(one.name for one in registry.FORMATS)
    assert names_of_formats.startswith("ome-tiff,png,ome-zarr,")
    assert names_of_formats.endswith(",toy,folder")
    for command in ("export", "label", "segment"):
        _, text, _ = shell(command, "--help")
        assert names_of_formats in text.replace("\n", "").replace(" ", "").replace("│", "")
        assert ".objects.toy, .toy" in text
    _, text, _ = shell("workspace", "export", "--help")
    assert names_of_formats in text.replace("\n", "").replace(" ", "").replace("│", "")

    tifffile.imwrite(tmp_path / "in.tif", two_squares())
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([two_squares()] * 2))
    assert shell("export", tmp_path / "in.tif", tmp_path / "out.toy")[0] == 0
    assert told(tmp_path / "out.toy")["name"] == "out"
    assert shell("export", tmp_path / "in.tif", tmp_path / "other", "--format", "toy")[0] == 0
    assert told(tmp_path / "other")["objects"] == told(tmp_path / "out.toy")["objects"]
    assert shell("export", tmp_path / "in.tif", tmp_path / "wide.toy", "--toy-indent", 2)[0] == 0
    assert told(tmp_path / "wide.toy")["indent"] == 2
    code, _, error = shell("export", tmp_path / "in.tif", tmp_path / "a.png", "--toy-indent", 2)
    assert (code, error) == (2, "--toy-indent is for toy; leave it out, or give --format toy.\n")
    for words, sentence in [
        (
            ("in.tif", "out", "--format", "tyo"),
            "Invalid value for '--format': 'tyo' is not one of 'ome-tiff', 'png', 'ome-zarr', ",
        ),
        (
            ("stack.tif", "b.toy"),
            "Toy holds one plane, but this is a stack of shape (2, 12, 16); export as OME-TIFF.",
        ),
        (
            ("in.tif", "a.bmp"),
            ".objects.toy, .toy.",
        ),
    ]:
        code, _, error = shell("export", tmp_path / words[0], tmp_path / words[1], *words[2:])
        assert (code, sentence in error) == (2, True), error
    # What is not labelled in one format is no object in another, and stays what it is in a third.
    labelled = two_squares() == 1
    put(tmp_path / "some.png", two_squares(), labelled=labelled)
    assert shell("export", tmp_path / "some.png", tmp_path / "some.toy")[0] == 0
    np.testing.assert_array_equal(np.array(told(tmp_path / "some.toy")["objects"]) > 0, labelled)
    assert shell("export", tmp_path / "some.png", tmp_path / "some.tif")[0] == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "some.tif"), np.where(labelled, 1, 255))
    first, second, third = (read_sidecar(tmp_path / f"some.{end}") for end in ("png", "tif", "toy"))
    assert (first.share_labelled, first.not_labelled) == (second.share_labelled, second.not_labelled)
    assert (third.share_labelled, third.not_labelled) == (first.share_labelled, None)

    # Before any model is looked at.
    for words, sentence in [
        (
            ("segment", "stack.tif", "b.toy", "--segmenter"),
            "but stack is a stack of shape (2, 12, 16); write OME-TIFF instead.",
        ),
        (
            ("translate", "in.tif", "b.toy", "--translator"),
            "Toy holds labels, but this is an image; export as OME-TIFF or PNG or OME-Zarr.",
        ),
    ]:
        command, input, output, option = words
        code, _, error = shell(command, tmp_path / input, tmp_path / output, option, "sample:tem-axons")
        assert (code, sentence in error) == (2, True), error


def test_in_the_dock(toy, qtbot, viewer, session, remembered, tmp_path):
    layer = viewer.add_labels(two_squares(), name="mine")
    view = ExportView()
    qtbot.addWidget(view)
    dock = ExportController(viewer, view, runner=JobRunner(session), recent=remembered)
    dock.start()
    listed = [view._format.itemText(index) for index in range(view._format.count())]
    assert listed == [one.title for one in registry.FORMATS]
    view.path.setText(str(tmp_path / "a.ome.tif"))
    view._format.setCurrentIndex(listed.index("Toy"))
    assert view.path.text() == str(tmp_path / "a.objects.toy")
    assert view._about.text() == "Numbered objects of one plane; read by this test."
    assert "into the same file" in view.confidence.toolTip()
    assert "as NAME.effort.csv" in view.effort.toolTip()
    layer.scale = (0.5, 0.5)
    layer.units = ("micrometer", "micrometer")
    dock._check()
    for sentence in ("Toy cannot hold the pixel size", "Toy holds objects without their classes"):
        assert sentence in view._checks.text()
    indent = view._options["toy"].edits["indent"].native
    assert not indent.isHidden()
    assert indent.toolTip() == "Spaces before every line."
    indent.setValue(3)
    view.export_button.click()
    qtbot.waitUntil(lambda: "Wrote" in view._status.text(), timeout=20000)
    assert max(map(max, told(tmp_path / "a.objects.toy")["objects"])) == 2
    assert told(tmp_path / "a.objects.toy")["indent"] == 3
    layer.data = np.stack([two_squares()] * 2)
    dock._refresh()
    assert view._hint.text() == "Toy holds one plane, but these labels are a stack; choose OME-TIFF."
    layer.data = two_squares()
    view._format.setCurrentIndex(listed.index("Folder"))
    assert view.path.text() == str(tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").touch()
    dock._refresh()
    assert "a is a folder that was not exported here" in view._hint.text()
    assert dock.shutdown()


def test_in_the_writers_of_napari(toy, tmp_path):
    text = filled(MANIFEST.read_text(encoding="utf-8"), manifest())
    manager = PluginManager()
    manager.register(PluginManifest(**yaml.safe_load(text), package_metadata=None))
    manager.activate("napari-pseudolabel")
    writer, path = manager.get_writer(str(tmp_path / "a.toy"), ["labels"])
    assert (writer.command, writer.display_name) == ("napari-pseudolabel.write_toy", "Toy with provenance")
    write_toy = manager.commands.get(writer.command)
    assert write_toy(path, two_squares(), {"scale": (1, 1)}) == [path, str(tmp_path / "a.provenance.json")]
    assert told(tmp_path / "a.toy")["name"] == "a"


@pytest.mark.parametrize(("path", "sections"), [(MANIFEST, manifest), (PAGE, page)])
def test_manifest_and_page_say_what_the_registry_says(path, sections):
    text = path.read_text(encoding="utf-8")
    assert filled(text, sections()) == text, "run: python tools/write_format_lists.py"
