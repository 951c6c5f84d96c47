"""Models that are elsewhere: from a server in this process, checked, named, and refused in one sentence."""

from __future__ import annotations

import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from onnx_files import bright, saved

from napari_pseudolabel.cli import main
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.models import model_zoo as zoo
from napari_pseudolabel.models import named_checkpoints, resolve
from napari_pseudolabel.models.registry import card_of


@pytest.fixture
def home(tmp_path, monkeypatch):
    for module in ("model_zoo", "registry"):
        monkeypatch.setattr(f"napari_pseudolabel.models.{module}.zoo_folder", lambda: tmp_path / "here")
    monkeypatch.setattr(zoo, "user_data_path", lambda *_, **__: tmp_path / "user")
    monkeypatch.delenv(zoo.VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def server(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, directory=str(folder), **more)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as one:
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{one.server_port}"
        one.shutdown()
        thread.join()


def written(home, url, sha256, name="cells", **more):
    path = home / "zoo.yaml"
    lines = [
        f"{key}: {value}"
        for key, value in {"name": name, "url": url, "sha256": f"'{sha256}'", **more}.items()
    ]
    path.write_text("models:\n  - " + "\n    ".join(lines) + "\n")
    return path


def test_a_model_is_got_once_and_has_a_name(home, server, monkeypatch, capsys):
    folder, address = server
    file = saved(bright(), folder / "unet.onnx")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    card = '{"kind": "segmenter", "family": "onnx", "classes": ["background", "cell"], "normalisation": {"kind": "none"}}'
    path = written(home, f"{address}/unet.onnx", sha256, about="Bright cells", card=card)
    monkeypatch.setenv(zoo.VARIABLE, str(path))
    with pytest.raises(InputError, match="not on this computer yet: get it by `pseudolabel zoo get cells`"):
        resolve("zoo:cells")
    seen = []
    found = zoo.get(zoo.zoo_model("zoo:cells"), Control(seen.append))
    assert seen[-1].done == seen[-1].total == file.stat().st_size
    assert resolve("zoo:cells") == found
    assert [one.name for one in card_of("zoo:cells").classes] == ["background", "cell"]
    assert "zoo:cells" in {one.name for one in named_checkpoints()}
    file.unlink()  # it is here
    for command, words in ((["list"], "here"), (["get", "cells"], str(found))):
        monkeypatch.setattr("sys.argv", ["pseudolabel", "zoo", *command])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        assert words in capsys.readouterr().out


def test_what_is_not_what_the_zoo_says_is_not_kept(home, server):
    folder, address = server
    (folder / "unet.onnx").write_bytes(b"x" * 5_000_000)
    path = written(home, f"{address}/unet.onnx", "0" * 64)
    model = zoo.zoo_model("cells", [path])
    with pytest.raises(InputError, match="not the expected file"):
        zoo.get(model)

    stopped = []
    control = Control(cancelled=lambda: len(stopped) > 1, report=stopped.append)
    with pytest.raises(Cancelled):
        zoo.get(model, control)
    assert not any((home / "here").iterdir())
    gone = zoo.zoo_model("cells", [written(home, f"{address}/gone.onnx", "0" * 64)])
    with pytest.raises(InputError, match=r"refused it \(404"):
        zoo.get(gone)
    away = zoo.zoo_model("cells", [written(home, "http://127.0.0.1:9/a.onnx", "0" * 64)])
    with pytest.raises(InputError, match="connect to the internet"):
        zoo.get(away)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("words", "no zoo"),
        ("models: [{name: ../a, url: http://a/b.onnx, sha256: 0}]", "wrong at name"),
        (f"models: [{{name: a, url: http://a/b.exe, sha256: '{'0' * 64}'}}]", "no file of a kind"),
        (f"models: [{{name: a, url: http://a/b.onnx, sha256: '{'0' * 64}', source: 3}}]", "wrong at source"),
        (
            f"models: [{{name: a, url: http://a/b.onnx, sha256: '{'0' * 64}', card: {{source: 3}}}}]",
            "source is 3",
        ),
    ],
)
def test_a_zoo_that_is_none_is_one_sentence(home, text, words):
    (path := home / "zoo.yaml").write_text(text)
    with pytest.raises((InputError, CheckpointError), match=words):
        zoo.zoo_models([path])


def test_without_a_zoo_it_is_said_how_to_name_one(home):
    assert zoo.zoo_models() == ()
    with pytest.raises(InputError, match="name a file by --zoo or by PSEUDOLABEL_ZOO"):
        zoo.zoo_model("cells")
    local = written(home, "file:///etc/passwd.onnx", "0" * 64)
    with pytest.raises(InputError, match="only http and https"):
        zoo.get(zoo.zoo_model("cells", [local]))
