"""Where jobs run, as set in napari's Preferences."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from scripted_engine import ThreadEngine

from napari_pseudolabel.engine import Connection
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.widgets.common import preferences
from napari_pseudolabel.widgets.common.session import Session

NAMES = ("scheduler", "tls_ca_file", "tls_cert", "tls_key")


@pytest.fixture
def chosen(monkeypatch):
    values = dict.fromkeys(NAMES, "")
    settings = SimpleNamespace(cluster=SimpleNamespace(**values), models=SimpleNamespace(zoo=" ~/zoo.yaml "))
    monkeypatch.setattr("napari.settings.get_plugin_settings", lambda plugin: settings)
    return settings.cluster


def test_the_manifest_declares_what_is_read():
    import napari_pseudolabel

    manifest = yaml.safe_load((Path(napari_pseudolabel.__file__).parent / "napari.yaml").read_text())
    declared = manifest["contributions"]["configurations"]["cluster"]["properties"]
    assert tuple(declared) == NAMES
    assert all(one["default"] == "" for one in declared.values())
    assert list(manifest["contributions"]["configurations"]["models"]["properties"]) == ["zoo"]


def test_the_zoo_of_the_person(chosen):
    assert preferences.zoo_files() == (Path("~/zoo.yaml").expanduser(),)


def test_nothing_set_means_this_computer(chosen):
    assert preferences.connection() == Connection()
    assert not preferences.connection().remote


def test_an_address_with_tls_files(chosen, tmp_path):
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    for file in files:
        file.write_text("x")
    chosen.scheduler = " tls://node:8786 "
    chosen.tls_ca_file, chosen.tls_cert, chosen.tls_key = map(str, files)
    assert preferences.connection() == Connection("tls://node:8786", *files)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("scheduler", "node:8786", "no address of a scheduler"), ("tls_cert", "cert.pem", "three files")],
)
def test_settings_that_cannot_work_are_one_sentence(chosen, name, value, sentence):
    setattr(chosen, name, value)
    with pytest.raises(InputError, match=sentence):
        preferences.connection()


def test_that_jobs_run_elsewhere_is_said_once(qtbot, script, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("napari_pseudolabel.widgets.common.session.show_warning", told.append)
    for connection, parts in (
        (Connection(), ()),
        (Connection("tcp://node:8786"), ("tcp://node:8786", "run programs as you", "closed networks")),
    ):
        session = Session(lambda connection=connection: ThreadEngine(script, connection))
        for _ in range(2):  # two docks, one after the other
            thread = threading.Thread(target=session.borrow)
            thread.start()
            thread.join()
            qtbot.wait(10)
            assert session.give_back(10.0)
        assert len(told) == bool(parts)
        assert all(part in told[0] for part in parts)
