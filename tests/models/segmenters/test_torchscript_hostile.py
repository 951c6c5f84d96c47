"""A TorchScript file is a program: what it could do besides segmenting is refused before it does it."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from tifffile import imwrite as write_image
from torch import nn
from torchscript_files import CARD, Threshold, edited, saved, with_line, with_source

from napari_pseudolabel.cli.running import run
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspection_process, load_segmenter, write_sidecar
from napari_pseudolabel.models.segmenters.torchscript import examining
from napari_pseudolabel.models.segmenters.torchscript.examining import open_checked
from napari_pseudolabel.models.segmenters.torchscript.operators import ALLOWED

MADE = "made_by_the_file"
WRITE = f'torch.save(x, "{MADE}")'


@pytest.fixture(autouse=True)
def nothing_is_made(tmp_path, monkeypatch):
    """The files may write where the tests look, and must not."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.glob(f"{MADE}*"))


@pytest.fixture
def good(tmp_path):
    return saved(Threshold(), tmp_path / "t.pt")


# The archive.


def renamed(of, to):
    def edit(name, content):
        return (name.replace(of, to), content) if name.endswith(of) or name.startswith(of) else content

    return lambda path: edited(path, edit)


def added(name, content=b"x"):
    def change(path):
        with zipfile.ZipFile(path, "a") as archive:
            top = archive.namelist()[0].partition("/")[0]
            archive.writestr(f"{top}/{name}", content)

    return change


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        added("constants.pkl")(path)


def patched(offset, value, place):
    """Change bytes of the first entry, in the table of contents or before the entry itself."""

    def change(path):
        data = bytearray(path.read_bytes())
        at = data.index({"table": b"PK\1\2", "entry": b"PK\3\4"}[place]) + offset
        data[at : at + len(value)] = value
        path.write_bytes(data)

    return change


@pytest.mark.parametrize(
    "change",
    [
        renamed(".py", ".PY"),
        renamed("code/", "CODE/"),
        renamed("data.pkl", "Data.pkl"),
        renamed("constants.pkl", "constants.PKL"),
        added("code/__torch__.PY", b"x"),
        added("code/__torch__/../__torch__.py"),
        added("code/other.py"),
        added("run.sh"),
        added("data/00"),
        added("data/x"),
        added("tensors/0"),
        added("bytecode.pkl"),
        twice,
        lambda path: path.write_bytes(b"#!/bin/sh\n" + path.read_bytes()),
        lambda path: zipfile.ZipFile(path, "a").__setattr__("comment", b"hello"),
        patched(8, b"\1\0", "table"),
        patched(10, b"\x0c\0", "table"),
        patched(38, struct.pack("<L", 0o120777 << 16), "table"),
        patched(30, b"b", "entry"),
        patched(8, b"\x08\0", "entry"),
        patched(22, b"\xff\xff", "entry"),
        patched(14, b"\0\0\0\0", "entry"),
    ],
)
def test_archives_that_torch_would_not_write_are_refused(good, change):
    before = good.read_bytes()
    change(good)
    if good.read_bytes() == before:  # a comment is written when the archive is closed
        with zipfile.ZipFile(good, "a") as archive:
            archive.comment = b"hello"
    assert good.read_bytes() != before
    with pytest.raises(CheckpointError) as error:
        open_checked(good)
    assert str(error.value).startswith("t.pt ")
    assert "\n" not in str(error.value)


def test_what_torch_adds_to_a_network_is_no_reason_to_refuse_it(tmp_path):
    path = tmp_path / "t.pt"
    traced = torch.jit.trace(Threshold(), torch.zeros(1, 1, 8, 8))
    torch.jit.save(traced, path, _extra_files={"notes.txt": "made by us"})
    opened, _ = open_checked(path)
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(opened(image), traced(image))


def test_a_bomb_is_not_unpacked(good):
    with zipfile.ZipFile(good, "a", zipfile.ZIP_DEFLATED) as archive:
        top = archive.namelist()[0].partition("/")[0]
        archive.writestr(f"{top}/data/7", bytes(2**27))
    with pytest.raises(CheckpointError, match="unpack"):
        open_checked(good)


# The source text: what runs while it is loaded.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x: Tensor) ->", f'x: Tensor,\n    y: int=int(torch.from_file("{MADE}", True, 4)[0])) ->'),
        ("x: Tensor) ->", "x: Tensor,\n    y: int=torch.add(1, 2)) ->"),
        ("training : bool", f'training : bool\n  a : Final[Tensor] = torch.from_file("{MADE}", True, 4)'),
        ("training : bool", "training : bool\n  a : Final[int] = torch.add(1, 2)"),
        ("training : bool", "training : bool\n  for i in [1]:\n    pass"),
        ("class Threshold(Module):", f'torch.from_file("{MADE}", True, 4)\nclass Threshold(Module):'),
        ("class Threshold(Module):", "import os\nclass Threshold(Module):"),
        ("class Threshold(Module):", "class Threshold(Interface):"),
        ("training : bool", "training : bool # a comment"),
        ("training : bool", 'training : bool\n  a : Final[str] = """x"""'),
        ("training : bool", "training : bool\n  a : Final[str] = 'x'"),
        ("training : bool", 'training : bool\n  a : Final[str] = "a""b"'),
        ("training : bool", "training : bool\\\n"),
        ("training : bool", "training : bool\r"),
        ("training : bool", "training : bool\x0c"),
        ("training : bool", "training : bool\n  \N{GREEK SMALL LETTER ALPHA} : int"),
        ("  def forward", "  def __setstate__(self, state: int) -> NoneType:\n    pass\n  def forward"),
    ],
)
def test_source_text_that_would_run_while_it_is_loaded_is_refused(good, before, after):
    with_source(good, before, after)
    with pytest.raises(CheckpointError, match="it was not loaded"):
        open_checked(good)


def test_a_default_would_have_run(good, tmp_path):
    """What the check is there for: no call is needed."""
    default = 'y: int=int(torch.from_file("by_a_default", True, 4)[0])) ->'
    torch.jit.load(with_source(good, "x: Tensor) ->", f"x: Tensor,\n    {default}"))
    assert (tmp_path / "by_a_default").exists()


# The weights.


class OneWeight(Threshold):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3))


def pickled(before: bytes, after: bytes):
    def edit(name, content):
        if name == "data.pkl":
            assert before in content
            content = content.replace(before, after)
        return content

    return edit


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"K\x06tQ", b"M\x60\x0btQ"),  # 6 values, said to be 2912
        (b"K\x06tQ", b"J\xff\xff\xff\xfftQ"),
        (b"K\x02K\x03", b"K\x03K\x03"),  # 3 x 3
        (b"K\x03K\x01", b"K\x09K\x01"),  # strides
        (b"FloatStorage", b"DoubleStorage"),
        (b"FloatStorage", b"QInt8Storage"),
        (b"_rebuild_tensor_v2", b"_rebuild_sparse_tensor"),
        (b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem"),
        (b"c__torch__.", b"c__torch__.torch.classes."),
    ],
)
def test_weights_outside_of_their_file_and_other_objects_are_refused(tmp_path, before, after):
    path = saved(OneWeight(), tmp_path / "t.pt")
    open_checked(path)
    edited(path, pickled(before, after))
    with pytest.raises(CheckpointError, match=r"t\.pt .*(it was not loaded|damaged)"):
        open_checked(path)


def test_steps_that_torch_does_not_write_are_refused(good):
    stream = io.BytesIO()
    pickle.dump({"a": b"x" * 300}, stream, protocol=4)
    edited(good, lambda name, content: stream.getvalue() if name == "constants.pkl" else content)
    with pytest.raises(CheckpointError, match="holds a value of an unusual kind"):
        open_checked(good)


# The program.


@pytest.mark.parametrize(
    ("line", "operator"),
    [
        (WRITE, "aten::save"),
        (f'y = torch.from_file("{MADE}", True, 16)', "aten::from_file"),
        (f"if True:\n      if torch.gt(torch.size(x, 0), 99):\n        {WRITE}", "aten::save"),
        (f'x.save("{MADE}")', "save"),
        ("y = ops.mylib.run(x)", "mylib::run"),
        ("y = torch._sparse_coo_tensor_unsafe(x, x, [1])", "aten::_sparse_coo_tensor_unsafe"),
        ("y = x.as_strided([999999], [1])", "as_strided"),
        ("y = torch.empty([4])", "aten::empty"),
        ("y = x.data_ptr()", "data_ptr"),
        ('print("hello")', "prim::Print"),
        ("y = torch.manual_seed(1)", "aten::manual_seed"),
        ("y = torch.set_grad_enabled(True)", "aten::set_grad_enabled"),
        ("y = torch.jit.load", "aten::jit.load"),
    ],
)
def test_operators_that_are_not_on_the_list_are_refused_by_name(good, line, operator):
    with_line(good, line)
    with pytest.raises(CheckpointError, match=f"asks to run `{operator}`, which a checkpoint must not do"):
        open_checked(good)


def test_the_list_holds_nothing_that_it_promises_not_to_hold():
    words = ("file", "save", "load", "from_blob", "empty", "resize", "set_", "as_strided", "ptr", "sparse", "quant", "rpc",
             "fork", "Print", "seed", "record",
             "profil", "mkldnn", "cudnn", "native_", "async", "Python", "CallMethod", "CreateObject")  # fmt: skip
    fine = {
        "aten::_set_item",
        "aten::_native_multi_head_attention",
        "prim::is_sparse",
        "prim::is_quantized",
        "prim::is_mkldnn",
    }
    assert {name for name in ALLOWED - fine if any(word in name for word in words)} == set()
    known = {schema.name for schema in torch._C._jit_get_all_schemas()}
    assert {name for name in ALLOWED if name.startswith("aten::")} - known == set()


class Writes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x + torch.from_file("made_by_the_file", True, 16)[0]], 1)


class InAPart(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.ReLU(), Writes())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class InAnotherMethod(Threshold):
    @torch.jit.export
    def more(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("made_by_the_file", True, 16)[0]


def writing_function(x: torch.Tensor) -> torch.Tensor:
    return x + torch.from_file("made_by_the_file", True, 16)[0]


class InAFunction(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return writing_function(x)


class InTheBackground(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.jit.wait(torch.jit.fork(writing_function, x))


def with_a_hook(before: bool) -> nn.Module:
    def hook(self, input: tuple[torch.Tensor], output: torch.Tensor):
        return output + torch.from_file("made_by_the_file", True, 16)[0]

    def before_hook(self, input: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (input[0] + torch.from_file("made_by_the_file", True, 16)[0],)

    network = Threshold()
    if before:
        network.register_forward_pre_hook(before_hook)
    else:
        network.register_forward_hook(hook)
    return network


@pytest.mark.parametrize(
    "network",
    [InAPart(), InAnotherMethod(), InAFunction(), InTheBackground(), with_a_hook(True), with_a_hook(False)],
    ids=["part", "method", "function", "fork", "hook before", "hook behind"],
)
def test_operators_are_found_wherever_they_are(tmp_path, network):
    path = saved(network, tmp_path / "t.pt")
    with pytest.raises(CheckpointError, match=r"asks to run `(aten::from_file|prim::fork)`"):
        open_checked(path)


class Small(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = 1.5, 2.5, 3.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.c


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = Small(), Large()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.large(self.small(x))


def test_an_object_of_another_class_than_declared_is_refused(tmp_path):
    """PyTorch reads attributes by their place: of a smaller object it would read foreign memory."""
    path = saved(Holder(), tmp_path / "t.pt")
    open_checked(path)
    edited(path, pickled(b"\nLarge\n", b"\nSmall\n"))
    with pytest.raises(CheckpointError, match="prim::GetAttr of large as another type"):
        open_checked(path)


def test_a_value_of_another_type_than_declared_is_refused(tmp_path):
    path = saved(Holder(), tmp_path / "t.pt")
    with_source(path, "c : float", "c : Tuple[float, float, float]")
    with_source(path, "c = self.c", "c, d, e, = self.c")
    with pytest.raises(CheckpointError, match="prim::GetAttr of c as another type"):
        open_checked(path)


def test_a_cast_that_nobody_checks_is_refused(tmp_path):
    path = saved(Holder(), tmp_path / "t.pt")
    with_source(path, "large = self.large", f"large = unchecked_cast(__torch__.{__name__}.Large, self.small)")
    with pytest.raises(CheckpointError, match="prim::unchecked_cast to __torch__"):
        open_checked(path)


# The first call.


def limited(monkeypatch, **limits):
    monkeypatch.setattr(inspection_process.Limits, "of", classmethod(lambda cls, path: cls(**limits)))


def test_a_loop_that_never_ends_is_ended(good, monkeypatch):
    with_line(good, "for i in range(9223372036854775807):\n      x = torch.add(x, 1)")
    limited(monkeypatch, cpu_s=3)
    with pytest.raises(CheckpointError, match=r"t\.pt was still not done after 3 s of computing"):
        load_segmenter(good, CARD)


def test_memory_without_bounds_is_refused(good, monkeypatch):
    with_line(good, "x = torch.zeros([9999999999])")
    limited(monkeypatch, memory_bytes=2**30)
    with pytest.raises(CheckpointError, match=r"t\.pt asks for more than 1 GiB of memory"):
        load_segmenter(good, CARD)


def test_nothing_is_loaded_here_before_it_was_loaded_apart(good, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", None)

    def ended(*arguments, **options):
        raise CheckpointError("It crashed.")

    monkeypatch.setattr(examining, "call_in_process", ended)
    with pytest.raises(CheckpointError, match="It crashed"):
        load_segmenter(good, CARD)


def test_a_file_that_changes_meanwhile_is_refused(good, monkeypatch):
    def changing(function, *arguments, **options):
        found = examining.examined(*arguments)
        with_line(good, "x = torch.add(x, 1)")
        return found

    monkeypatch.setattr(examining, "call_in_process", changing)
    with pytest.raises(CheckpointError, match="was changed while it was read"):
        load_segmenter(good, CARD)


@pytest.mark.parametrize("command", ["segment", "inspect"])
def test_the_shell_says_one_sentence_and_nothing_is_written(good, tmp_path, capsys, command):
    """What began all this: 1.4 KB that wrote files with exit code 0."""
    with_line(good, f'torch.save(x, "{MADE}")')
    renamed(".py", ".PY")(good)
    write_sidecar(good, CARD)
    write_image(tmp_path / "image.tif", np.zeros((64, 64), np.uint8))
    before = set(tmp_path.iterdir())
    words = {
        "segment": ["segment", "image.tif", "out.tif", "--segmenter", "t.pt"],
        "inspect": ["inspect", "t.pt"],
    }
    assert run(words[command]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "as no file that torch.jit.save writes" in said.err
    assert set(tmp_path.iterdir()) == before
