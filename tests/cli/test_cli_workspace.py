"""pseudolabel workspace: sessions from the shell."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from recorded_session import CLASSES, SHAPE, corrected_viewer, record

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read
from napari_pseudolabel.labels.spot_check import SPOT_CHECK_KEY, SpotCheckOptions, SpotChecks
from napari_pseudolabel.labels.spot_check.drawn_sample import draw
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "nerves", "Sciatic nerve", target_quality=0.95)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "napari_pseudolabel.workspace.folder.user_data_path", lambda *_, **__: tmp_path / "home"
    )


def test_create_makes_a_workspace_once(cli, tmp_path):
    made = cli("workspace", "create", tmp_path / "new", "--name", "My nerves", "--target-quality", 0.8)
    assert (made.code, made.out) == (0, f"Made the workspace “My nerves” in {tmp_path / 'new'}.\n")
    assert Workspace.open(tmp_path / "new").about.target_quality == 0.8
    assert "is a workspace already" in cli("workspace", "create", tmp_path / "new").sentence
    named = cli("workspace", "create", tmp_path / "second", "--json").json
    assert named == {"folder": str(tmp_path / "second"), "name": "second", "target_quality": 0.9}


def test_list_is_a_table_of_what_a_lead_asks_for(cli, workspace):
    first = record(corrected_viewer(), workspace.sessions)
    open_one = workspace.sessions.create()
    broken = workspace.sessions.folder / "2020-01-01-1.sqlite"
    broken.write_bytes(b"rubbish" * 1000)
    ran = cli("workspace", "list", workspace.folder)
    head, *rows = ran.out.splitlines()
    assert head.split() == ["id", "images", "saved", "corrected", "confirmed", "edits", "size", "state"]
    row = next(row for row in rows if row.startswith(first))
    assert "sem_12" in row
    assert "0.1%" in row
    assert "0.4%" in row
    assert row.endswith("closed")
    assert next(row for row in rows if row.startswith(open_one.id)).endswith("open in napari")
    assert "2020-01-01-1.sqlite is not a labelling session" in ran.out
    found = {one["id"]: one for one in cli("workspace", "list", workspace.folder, "--json").json["sessions"]}
    assert found[first]["share_confirmed"] == pytest.approx(100 / (SHAPE[0] * SHAPE[1]))
    assert [found[id]["state"] for id in (first, open_one.id, "2020-01-01-1")] == [
        "closed",
        "open in napari",
        "damaged",
    ]
    open_one.close(finished=False)
    assert cli("workspace", "list", workspace.folder).out.count("not closed properly") == 1


def test_the_default_workspace_needs_no_name(cli, tmp_path):
    assert cli("workspace", "list").out == f"There are no sessions in {tmp_path / 'home' / 'workspace'}.\n"
    assert not (tmp_path / "home").exists()
    id = record(corrected_viewer(), Workspace.default().sessions)
    assert cli("workspace", "list").out.splitlines()[1].startswith(id)
    assert cli("workspace", "show", id).code == 0


def test_show_tells_of_a_workspace_and_of_a_session(cli, workspace):
    id = record(corrected_viewer(), workspace.sessions)
    text = cli("workspace", "show", workspace.folder).out
    for part in ("Sciatic nerve", "target quality: Dice 0.95", "trained models: 0", id):
        assert part in text
    assert cli("workspace", "show", workspace.folder, "--json").json["target_quality"] == 0.95
    text = cli("workspace", "show", id, "--workspace", workspace.folder).out
    for part in ("sem_12: axon (pseudo)", "150 x 170", "split", "confirmed: 0.4%"):
        assert part in text
    shown = cli("workspace", "show", id, "--workspace", workspace.folder, "--json").json
    assert [(one["kind"], one["shape"]) for one in shown["layer_list"]] == [
        *[("image", [150, 170])] * 3,
        ("labels", [150, 170]),
    ]
    assert {one["tool"]: (one["edits"], one["pixels"]) for one in shown["effort"]}["split"] == (1, 20)


def test_export_writes_labels_provenance_and_effort(cli, workspace, tmp_path):
    viewer = corrected_viewer()
    viewer.add_labels(np.full((5, 6), 7, np.int32), name="SEM_12 axon pseudo")
    id = record(viewer, workspace.sessions)
    ran = cli("workspace", "export", id, tmp_path / "out", "--workspace", workspace.folder, "--json")
    assert ran.code == 0
    assert ran.json["notes"] == []
    stem = "sem_12_axon_pseudo"
    names = {f"{stem}.ome.tif", f"{stem}.provenance.json", f"{stem}.confidence.ome.tif", "effort.csv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {
        "SEM_12_axon_pseudo_2.ome.tif",
        "SEM_12_axon_pseudo_2.provenance.json",
    }
    assert {os.path.basename(file) for file in ran.json["files"]} == {
        path.name for path in (tmp_path / "out").iterdir()
    }
    file = tmp_path / "out" / f"{stem}.ome.tif"
    np.testing.assert_array_equal(read(file).plane(()), viewer.layers["sem_12: axon (pseudo)"].data)
    assert read(file).placement.pixel_size_um() == pytest.approx(0.2)
    provenance = read_sidecar(file)
    assert provenance.share_corrected == pytest.approx(20 / (SHAPE[0] * SHAPE[1]))
    assert provenance.share_confirmed == pytest.approx(100 / (SHAPE[0] * SHAPE[1]))
    assert [one.name for one in provenance.models] == ["tem-axons"]
    assert [one.name for one in provenance.classes] == ["background", "axon"]
    assert read(tmp_path / "out" / f"{stem}.confidence.ome.tif").plane(()).max() == pytest.approx(0.75)
    assert read(tmp_path / "out" / "SEM_12_axon_pseudo_2.ome.tif").plane(()).max() == 7
    with (tmp_path / "out" / "effort.csv").open(newline="") as text:
        (row,) = [row for row in csv.DictReader(text) if row["tool"] == "split"]
    assert row["layer"] == "sem_12: axon (pseudo)"
    assert [row[name] for name in ("plane", "y0", "x0", "y1", "x1", "pixels")] == [
        "",
        "100",
        "100",
        "101",
        "120",
        "20",
    ]
    assert 0 <= float(row["seconds"]) <= 15
    assert row["time"].startswith("20")
    # Again: yes. Over that of another session, or over files of somebody else: no.
    again = ("--workspace", workspace.folder)
    assert cli("workspace", "export", id, tmp_path / "out", *again).code == 0
    other = record(corrected_viewer(), workspace.sessions)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    sentence = cli("workspace", "export", other, tmp_path / "out", *again).sentence
    assert f"was not exported from the session {other}; choose another folder" in sentence
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "effort.csv").write_text("mine")
    assert "effort.csv is there" in cli("workspace", "export", id, tmp_path / "mine", *again).sentence
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["effort.csv"]


def test_what_a_person_judged_comes_back_with_the_session_and_stands_in_show_and_export(
    cli, workspace, tmp_path
):
    viewer = corrected_viewer()
    layer = viewer.layers[-1]
    drawn = draw(
        layer.data,
        CLASSES,
        SpotCheckOptions(objects=2, boxes=0),
        seed=0,
        labelled=Corrections.of(layer).labelled,
    )
    check = drawn.with_question(0, drawn.objects[0].model_copy(update={"answer": "right"}))
    layer.metadata[SPOT_CHECK_KEY] = SpotChecks().begin(check).dumped()
    said = "Precision 100 % (95 % CI 21–100, 1 axon judged)."
    id = record(viewer, workspace.sessions)
    where = ("--workspace", workspace.folder)
    assert said in cli("workspace", "show", id, *where).out
    ran = cli("workspace", "export", id, tmp_path / "out", *where)
    assert f"sem_12: axon (pseudo): {said}" in ran.out
    (known,) = read_sidecar(tmp_path / "out" / "sem_12_axon_pseudo.ome.tif").spot_checks
    assert (known["sentence"], known["void"], known["precision"]["judged"]) == (said, False, 1)
    # Of labels that are others now it says that it is void.
    layer.data_setitem((np.array([0]), np.array([0])), 1)
    id = record(viewer, workspace.sessions)
    shown = cli("workspace", "show", id, *where, "--json").json["spot_checks"]
    (known,) = shown["sem_12: axon (pseudo)"]
    assert (known["void"], known["sentence"]) == (
        True,
        f"Void, because the labels have changed since: {said}",
    )


def test_export_works_while_napari_has_the_session_open_and_after_it_was_killed(cli, workspace, tmp_path):
    id = record(corrected_viewer(), workspace.sessions)
    file = workspace.sessions.open(id)
    words = ("workspace", "export", id, tmp_path / "a", "--workspace", workspace.folder, "--format", "png")
    assert cli(*words).code == 0
    assert (tmp_path / "a" / "sem_12_axon_pseudo.png").exists()
    file.close(finished=False)
    assert cli(*words).code == 0


def test_layers_that_the_person_deleted_are_not_exported(cli, workspace, tmp_path):
    viewer = corrected_viewer()
    viewer.layers.clear()
    viewer.add_image(np.zeros((5, 5), np.float32))
    id = record(viewer, workspace.sessions)
    words = ("workspace", "export", id, tmp_path / "out", "--workspace", workspace.folder)
    assert "holds no labels" in cli(*words).sentence
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_told(cli, workspace, tmp_path):
    for words, part in [
        (("list", tmp_path / "missing"), "There is no folder"),
        (("show", "2020-01-01-1"), "There is no session 2020-01-01-1"),
        (("export", "2020-01-01-1", tmp_path / "out"), "There is no session"),
        (("open", workspace.folder), "no session"),
        (("open", workspace.folder, "--session", "2020-01-01-1"), "There is no session"),
        (("create", workspace.folder / "workspace.json"), "is a file"),
    ]:
        ran = cli("workspace", *words)
        assert ran.code == 2
        assert part in ran.sentence


def test_open_refuses_what_another_napari_has_open_before_a_window_is_there(cli, workspace):
    file = workspace.sessions.create()
    ran = cli("workspace", "open", workspace.folder, "--session", file.id)
    assert "is open in another napari" in ran.sentence
    file.close()


def test_open_hands_the_newest_session_to_napari(cli, workspace, monkeypatch):
    record(corrected_viewer(), workspace.sessions)
    newest = record(corrected_viewer(), workspace.sessions)
    asked = []
    monkeypatch.setattr(
        "napari_pseudolabel.viewer.session_reader.run_napari",
        lambda *words: asked.append((words[0].folder, words[1])),
    )
    assert cli("workspace", "open", workspace.folder).code == 0
    assert asked == [(workspace.folder, newest)]


def test_a_list_needs_no_napari(workspace):
    code = (
        "import sys\n"
        "from napari_pseudolabel.cli.running import run\n"
        "code = run(sys.argv[1:])\n"
        "assert not {'napari', 'torch', 'qtpy'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    for command in ("list", "show"):
        words = [sys.executable, "-c", code, "workspace", command, str(workspace.folder)]
        assert subprocess.run(words, capture_output=True).returncode == 0
