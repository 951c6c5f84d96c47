"""The Models dock: cards, what is known, adding with answers, removing."""

from __future__ import annotations

import threading

import pytest
from onnx_files import bright, saved
from qtpy.QtWidgets import QMessageBox

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import inspection_process, load_segmenter, model_zoo
from napari_pseudolabel.models.card_files import write_sidecar
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.models import controller as dock_controller
from napari_pseudolabel.widgets.models.controller import ModelsController
from napari_pseudolabel.widgets.models.view import ModelsView


@pytest.fixture
def own(tmp_path, monkeypatch):
    folder = tmp_path / "own models"
    for module in ("napari_pseudolabel.models.registry", "napari_pseudolabel.widgets.models.models_jobs"):
        monkeypatch.setattr(f"{module}.models_folder", lambda: folder)
    return folder


@pytest.fixture
def dock(qtbot, viewer, session, remembered, own, monkeypatch):
    # Looked at in this process: starting one takes longer than all else.
    monkeypatch.setattr(
        inspection_process.InspectionProcess,
        "call",
        lambda self, function, *arguments, **_: inspection_process.inspection_child.resolved(function)(
            *arguments
        ),
    )
    view = ModelsView()
    qtbot.addWidget(view)
    controller = ModelsController(viewer, view, session, runner=JobRunner(session), recent=remembered)
    controller.start()
    qtbot.waitUntil(lambda: view.cards.count() > 5, timeout=20000)
    yield controller
    assert controller.shutdown()


def choose(dock, ref):
    rows = [one.ref for one in dock._found]
    dock.view.cards.setCurrentRow(rows.index(ref))


def test_cards_say_what_models_are_for_and_how_good(dock, qtbot):
    view = dock.view
    choose(dock, "sample:sem-axons")
    assert not view.remove_button.isEnabled()
    assert view.pack_button.isEnabled()
    qtbot.waitUntil(lambda: "sha256" in view.details, timeout=20000)
    card = view.cards.itemWidget(view.cards.currentItem())
    assert "axon ." in card.lines[2].message
    assert "comes with the plugin" in card.lines[3].message
    everything = view.cards.count()
    view.kinds.choose("translator")
    dock._show()
    assert 0 < view.cards.count() < everything
    view.cards.setCurrentRow(0)
    assert not view.pack_button.isEnabled()
    assert "Only segmenters" in view.pack_button.toolTip()


def test_what_a_model_does_not_say_is_asked_for_and_it_can_be_used(
    dock, qtbot, tmp_path, own, session, monkeypatch
):
    view, added = dock.view, []
    session.models_added.connect(lambda: added.append(1))
    path = saved(bright(), tmp_path / "bright.onnx")
    dock.add(str(path))
    qtbot.waitUntil(lambda: view.missing.path != "", timeout=20000)
    assert not own.exists()
    view.missing.classes.setText("background, cell")
    view.missing.intensities.setCurrentIndex(1)
    view.missing.modality.setText("dots")
    view.missing.add_button.click()
    qtbot.waitUntil(lambda: "user:bright" in view.status, timeout=20000)
    assert added
    assert sorted(one.name for one in own.iterdir()) == ["bright.card.json", "bright.onnx"]
    card = load_segmenter("user:bright").card
    assert (card.source.name, card.normalisation.high, len(card.classes)) == ("dots", 255, 2)
    qtbot.waitUntil(lambda: any(one.own for one in dock._found), timeout=20000)
    assert dock._found[0].ref == "user:bright"
    dock.add(str(path), {})
    qtbot.waitUntil(lambda: "already" in view.error.sentence, timeout=20000)
    assert view.add_button.isEnabled()

    choose(dock, "user:bright")
    trash = []
    monkeypatch.setattr(dock_controller.QFile, "moveToTrash", lambda one: trash.append(one) or True)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    view.remove_button.click()
    qtbot.waitUntil(lambda: "in the trash" in view.status, timeout=20000)
    assert [one.rpartition("/")[2] for one in trash] == ["bright.onnx", "bright.card.json"]


def test_what_cannot_be_used_is_not_added(dock, qtbot, tmp_path, own):
    path = saved(bright(), tmp_path / "bad.onnx")
    write_sidecar(path, {"classes": ["a", "b"], "normalisation": {"kind": "strange"}})
    dock.add(str(path), {})
    qtbot.waitUntil(lambda: dock.view.error.sentence != "", timeout=20000)
    assert list(own.iterdir()) == []
    dock.add(str(tmp_path / "none.onnx"))
    qtbot.waitUntil(lambda: "no checkpoint file" in dock.view.error.sentence, timeout=20000)
    assert dock.view.add_button.isEnabled()


def test_a_model_of_a_zoo_is_got_by_a_button(dock, qtbot, tmp_path, monkeypatch, session):
    view, added = dock.view, []
    session.models_added.connect(lambda: added.append(1))
    zoo = tmp_path / "zoo.yaml"
    zoo.write_text(
        f"models:\n- {{name: cells, url: 'http://a.example/cells.onnx', sha256: '{'0' * 64}', about: Bright cells}}\n"
    )
    monkeypatch.setattr(model_zoo, "zoo_folder", lambda: tmp_path / "here")
    monkeypatch.setattr(dock_controller.preferences, "zoo_files", lambda: (zoo,))
    dock.refresh()
    qtbot.waitUntil(lambda: bool(dock._elsewhere), timeout=20000)
    view.cards.setCurrentRow(view.cards.count() - 1)
    assert (view.selected, view.get_button.isHidden()) == ("zoo:cells", False)
    assert not view.remove_button.isEnabled()
    assert not view.reveal_button.isEnabled()
    assert "Bright cells.\nIt is not on this computer yet" in view.details

    def downloads(url, sha256, path, instead, control):
        stage = control.stage("Downloading", 2)
        if url != "http://a.example/cells.onnx":
            raise InputError("no")
        stage.advance(1)
        waiting.wait(20)
        control.check()
        stage.advance(1)
        path.parent.mkdir()
        return saved(bright(), path)

    monkeypatch.setattr(model_zoo, "download", downloads)
    waiting = threading.Event()
    view.get_button.click()
    assert not view.get_button.isEnabled()
    view.cancel_button.click()
    waiting.set()
    qtbot.waitUntil(lambda: "nothing was written" in view.status, timeout=20000)
    assert view.get_button.isEnabled()
    view.get_button.click()
    qtbot.waitUntil(lambda: "zoo:cells" in view.status, timeout=20000)
    qtbot.waitUntil(lambda: not dock._elsewhere, timeout=20000)
    assert added
    assert (tmp_path / "here" / "cells.onnx").is_file()
    zoo.write_text("words")
    dock.refresh()
    qtbot.waitUntil(lambda: "no zoo" in view.error.sentence, timeout=20000)
