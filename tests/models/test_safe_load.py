"""Checkpoints are data: hostile, foreign and damaged files give one sentence and run nothing."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.safe_load import (
    Inert,
    load_archive,
    load_weights,
    plain,
    sha256,
    strip_prefixes,
)

BOTH = pytest.mark.parametrize("load", [load_weights, load_archive])
ZIP_AND_LEGACY = pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])


class Call:
    """Pickles as a call of `function` with `args`."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __call__(self) -> None:
        """Be callable, which the pickler asks of the function in a nested call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def zip_of(path: Path, program: bytes, data: dict[str, bytes] | None = None) -> Path:
    """A torch zip file whose pickle is the given program."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/byteorder", b"little")
        archive.writestr("a/version", b"3\n")
        for key, content in (data or {}).items():
            archive.writestr(f"a/data/{key}", content)
    return path


def weights() -> OrderedDict[str, torch.Tensor]:
    base = torch.arange(24, dtype=torch.float32)
    return OrderedDict(
        whole=base.reshape(2, 3, 4),
        view=base.reshape(6, 4).t()[1:, ::2],
        half=torch.ones(3, dtype=torch.float16),
        brain=torch.ones(3, dtype=torch.bfloat16),
        flags=torch.tensor([True, False]),
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )


@BOTH
@ZIP_AND_LEGACY
def test_tensors_come_back_bit_for_bit(tmp_path, load, as_zip):
    path = tmp_path / "w.pth"
    saved = weights()
    torch.save({"state": saved, "epoch": 3}, path, _use_new_zipfile_serialization=as_zip)
    loaded = load(path)
    assert loaded["epoch"] == 3
    assert list(loaded["state"]) == list(saved)
    for name, tensor in saved.items():
        assert loaded["state"][name].dtype == tensor.dtype
        assert torch.equal(loaded["state"][name], tensor), name
    assert loaded["state"]["whole"].data_ptr() != saved["whole"].data_ptr()
    assert loaded["state"]["view"].untyped_storage().data_ptr() == (
        loaded["state"]["whole"].untyped_storage().data_ptr()
    )


@BOTH
@pytest.mark.parametrize("value", [np.float32(0.25), np.float64(-1.5), np.int64(4)])
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_numpy_scalars_of_both_numpy_generations(tmp_path, load, value, module):
    program = pickle.dumps({"best": value}, protocol=2)
    named = program.replace(b"numpy._core.multiarray", module).replace(b"numpy.core.multiarray", module)
    assert load(zip_of(tmp_path / "s.pth", named))["best"] == value


def test_archive_changes_do_not_reach_the_file(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(4)}, path)
    load_archive(path)["a"].fill_(1)
    assert torch.equal(load_archive(path)["a"], torch.zeros(4))


def hostile_objects(target: Path) -> dict[str, Any]:
    make = f"open({str(target)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {target}"),
        "eval": Call(eval, make),
        "exec": Call(exec, make),
        "getattr": Call(Call(getattr, "x", "upper"), f"touch {target}"),
        "open": Call(open, str(target), "w"),
        "path": Call(Path.touch, target),
        "torch.load": Call(torch.load, str(target)),
        "torch.save": Call(torch.save, 1, str(target)),
        "hub": Call(torch.hub.load, str(target)),
        "memmap": Call(np.memmap, str(target), "uint8", "w+", 0, (8,)),
        "import": Call(__import__, "os"),
    }


@BOTH
@ZIP_AND_LEGACY
@pytest.mark.parametrize("name", list(hostile_objects(Path("x"))))
def test_hostile_calls_run_nothing(tmp_path, load, as_zip, name):
    target = tmp_path / "made_by_the_file"
    path = tmp_path / "bad.pth"
    torch.save({"weight": hostile_objects(target)[name]}, path, _use_new_zipfile_serialization=as_zip)
    if load is load_weights:
        with pytest.raises(CheckpointError, match="must not do"):
            load(path)
    else:
        record = load(path)["weight"]
        assert isinstance(record, Inert)
        assert record.args
    assert not target.exists()


def test_the_hostile_call_would_have_run(tmp_path):
    target = tmp_path / "made_by_the_file"
    pickle.loads(pickle.dumps(hostile_objects(target)["os.system"]))
    assert target.exists()


def test_refusal_names_what_was_asked_for(tmp_path):
    path = tmp_path / "bad.pth"
    torch.save(Call(os.system, "true"), path)
    with pytest.raises(
        CheckpointError, match=rf"bad.pth asks to run `{os.name}\.system`, which a checkpoint must"
    ):
        load_weights(path)
    torch.save(argparse.Namespace(a=1), path)
    with pytest.raises(CheckpointError, match=r"`argparse\.Namespace`"):
        load_weights(path)


def chain(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + struct.pack("B", len(value)) + value.encode()


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


PROGRAMS = {
    # dotted names, as protocol 4 allows
    "dotted": chain(name("torch", "serialization.os.system"), text("touch made"), b"\x85R"),
    "dotted rebuild": chain(name("torch._utils", "_rebuild_tensor_v2.__globals__"), b"."),
    # getattr of a harmless object, then call
    "getattr": chain(
        name("builtins", "getattr"), name("collections", "OrderedDict"), text("mro"), b"\x86R)R"
    ),
    # state restored onto a function, a class, a storage name, a dtype and a tensor
    "build function": chain(
        name("torch._utils", "_rebuild_tensor_v2"), b"N}", text("__defaults__"), b"Ns\x86b"
    ),
    "build class": chain(name("collections", "OrderedDict"), b"}", text("keys"), b"Nsb"),
    "build inert class": chain(name("a", "B"), b"}", text("__new__"), b"Nsb"),
    "build storage": chain(name("torch", "FloatStorage"), b"}", text("dtype"), b"Nsb"),
    "build dtype": chain(name("torch", "float32"), b"N}", text("x"), b"Ns\x86b"),
    # torch's own functions with arguments they were not made for
    "rebuild": chain(name("torch._utils", "_rebuild_tensor_v2"), b"(NK\x00))\x89Nt", b"R"),
    "numpy object": chain(name("numpy", "dtype"), text("O8"), b"\x89\x88\x87R"),
    "storage as text": chain(text("storage"), b"Q"),
    "storage of inert": chain(
        b"(", text("storage"), name("os", "system"), text("0"), text("cpu"), b"K\x04tQ"
    ),
    "extension": b"\x80\x02\x82\x01.",
    "endless memo": b"\x80\x02r\xff\xff\xff\x7f.",
    "old instance": b"(S'touch made'\nios\nsystem\n.",
}


@pytest.mark.parametrize("program", list(PROGRAMS))
@BOTH
def test_hand_written_programs(tmp_path, monkeypatch, load, program):
    monkeypatch.chdir(tmp_path)
    before = torch._utils._rebuild_tensor_v2.__defaults__
    path = zip_of(tmp_path / "p.pth", PROGRAMS[program])
    refused = None
    try:
        result = load(path)
    except CheckpointError as error:
        refused = str(error)
    if refused is not None:
        assert refused.startswith("p.pth")
    else:
        assert load is load_archive
        assert isinstance(result, (Inert, OrderedDict, torch.dtype)) or issubclass(result, Inert), result
    assert os.listdir(tmp_path) == ["p.pth"]
    assert torch._utils._rebuild_tensor_v2.__defaults__ == before


def test_a_hostile_file_does_not_change_the_next_load(tmp_path):
    good = tmp_path / "good.pth"
    torch.save(weights(), good)
    for program in PROGRAMS.values():
        with contextlib.suppress(CheckpointError):
            load_archive(zip_of(tmp_path / "p.pth", program))
    assert torch.equal(load_archive(good)["whole"], weights()["whole"])


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (5,), (1,)),
        (4, (1,), (1,)),
        (0, (2, 2), (3, 2)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (0, (2**62, 4), (1, 1)),
    ],
)
def test_tensor_outside_its_data_is_refused(tmp_path, offset, size, stride):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", 4) if obj == "data" else None

    file = io.BytesIO()
    Pickler(file, 2).dump(
        Call(torch._utils._rebuild_tensor_v2, "data", offset, size, stride, False, OrderedDict())
    )
    path = zip_of(tmp_path / "t.pth", file.getvalue(), {"0": struct.pack("<4f", 1, 2, 3, 4)})
    with pytest.raises(CheckpointError, match=r"t\.pth cannot be read as a checkpoint: it holds a tensor"):
        load_archive(path)


def test_namespace_of_a_training_run(tmp_path):
    path = tmp_path / "content.pth"
    run = argparse.Namespace(
        nz=100, ch_mult=[1, 1, 2], lr=1e-4, name="exp", inner=argparse.Namespace(a=(1, 2))
    )
    torch.save({"epoch": 5, "args": run, "gen_dict": weights()}, path)
    loaded = load_archive(path)
    assert isinstance(loaded["args"], Inert)
    assert plain(loaded["args"]) == {
        "nz": 100, "ch_mult": [1, 1, 2], "lr": 1e-4, "name": "exp", "inner": {"a": [1, 2]},
    }  # fmt: skip
    assert torch.equal(loaded["gen_dict"]["whole"], weights()["whole"])


@pytest.fixture
def fake_omegaconf(monkeypatch):
    """Classes that pickle as omegaconf's do, gone again when the file is read."""

    class Node:
        def __init__(self, **state: Any) -> None:
            self.__dict__.update(state)

        def __setstate__(self, state: dict[str, Any]) -> None:
            raise AssertionError("never restored")

    kinds = {}
    monkeypatch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
    for module, kind in [("dictconfig", "DictConfig"), ("listconfig", "ListConfig"), ("nodes", "AnyNode")]:
        full = f"omegaconf.{module}"
        kinds[kind] = type(kind, (Node,), {"__module__": full})
        holder = types.ModuleType(full)
        setattr(holder, kind, kinds[kind])
        monkeypatch.setitem(sys.modules, full, holder)
    return kinds


def test_omegaconf_settings_without_omegaconf(tmp_path, monkeypatch, fake_omegaconf):
    leaf, listing, mapping = (fake_omegaconf[k] for k in ("AnyNode", "ListConfig", "DictConfig"))
    root = mapping(_metadata={"ref_type": dict}, _parent=None, _content={})
    root._content["image_size"] = leaf(_val=512, _parent=root)
    root._content["ch_mult"] = listing(_content=[leaf(_val=v, _parent=None) for v in (1, 2, 4)], _parent=root)
    root._content["train"] = mapping(_content={"lr": leaf(_val=1e-4)}, _parent=root)
    root._content["unset"] = leaf(_val=None)
    path = tmp_path / "content.pth"
    torch.save({"model_config": root}, path)
    for module in ("omegaconf", "omegaconf.dictconfig", "omegaconf.listconfig", "omegaconf.nodes"):
        monkeypatch.delitem(sys.modules, module)
    assert plain(load_archive(path)["model_config"]) == {
        "image_size": 512, "ch_mult": [1, 2, 4], "train": {"lr": 1e-4}, "unset": None,
    }  # fmt: skip


def test_plain_survives_circles_and_refuses_what_has_no_attributes(tmp_path):
    circle = argparse.Namespace(a=1)
    circle.self = circle
    path = tmp_path / "c.pth"
    torch.save({"circle": circle, "call": Call(os.getpid), "none": None}, path)
    loaded = load_archive(path)
    assert plain(loaded["circle"]) == {"a": 1, "self": None}
    with pytest.raises(CheckpointError, match="no readable settings"):
        plain(loaded["call"])


@BOTH
@ZIP_AND_LEGACY
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.floats(0.0, 0.98))
def test_cut_off_files(tmp_path, load, as_zip, keep):
    path = tmp_path / "w.pth"
    torch.save({"w": torch.randn(50, 50)}, path, _use_new_zipfile_serialization=as_zip)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CheckpointError, match=r"w\.pth"):
        load(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=60))
def test_random_programs_never_escape(tmp_path, noise):
    noise = noise.replace(b"\x96", b"")  # a bytearray that is cut off makes Python itself print a complaint
    with contextlib.suppress(CheckpointError):
        load_archive(zip_of(tmp_path / "n.pth", b"\x80\x04" + noise + b"."))


@BOTH
def test_foreign_files(tmp_path, load):
    cases = {
        "image.png": (b"\x89PNG\r\n\x1a\n" + bytes(40), "not a PyTorch checkpoint"),
        "empty.pth": (b"", "is empty"),
        "notes.txt": (b"hello", "not a PyTorch checkpoint"),
    }
    for file, (content, sentence) in cases.items():
        (tmp_path / file).write_bytes(content)
        with pytest.raises(CheckpointError, match=sentence):
            load(tmp_path / file)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("hello.txt", "x")
    with pytest.raises(CheckpointError, match="zip file, but not"):
        load(tmp_path / "other.zip")
    with pytest.raises(CheckpointError, match="folder"):
        load(tmp_path)
    with pytest.raises(CheckpointError, match="no file"):
        load(tmp_path / "absent.pth")
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "script.pt"))
    with pytest.raises(CheckpointError, match="TorchScript"):
        load(tmp_path / "script.pt")


def test_hash_of_file_and_folder(tmp_path):
    (tmp_path / "fold_0").mkdir()
    (tmp_path / "plans.json").write_text("{}")
    (tmp_path / "fold_0" / "checkpoint_final.pth").write_bytes(b"abc")
    assert sha256(tmp_path / "fold_0" / "checkpoint_final.pth").startswith("ba7816bf8f01cfea")
    first = sha256(tmp_path)
    (tmp_path / "notes.txt").write_text("irrelevant")
    assert sha256(tmp_path) == first
    (tmp_path / "plans.json").rename(tmp_path / "plan.json")
    assert sha256(tmp_path) != first
    assert sha256(tmp_path, [tmp_path / "notes.txt"]) != first


def test_prefixes():
    assert strip_prefixes({"module._orig_mod.module.a.module.b": 1, "module._orig_mod.module.c": 2}) == {
        "a.module.b": 1, "c": 2,
    }  # fmt: skip
    assert strip_prefixes({"module.a": 1, "b": 2}) == {"module.a": 1, "b": 2}
    assert strip_prefixes({}) == {}
