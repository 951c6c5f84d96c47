"""Checkpoints of a few bytes that ask for gigabytes, hours or a crash; each made in a folder of the test."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from no_files import device, pipe  # noqa: F401

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
STORAGE = b"ctorch\nFloatStorage\nq\x01"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def _zip(path: Path, program: bytes, data: bytes = b"\0" * 64) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/version", b"3\n")
        archive.writestr("a/data/0", data)
    return path


def _number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little")


def _tensor(numel: int, size: bytes, stride: bytes, offset: int = 0) -> bytes:
    """A dictionary with one tensor in it."""
    storage = (
        b"(X\x07\x00\x00\x00storage"
        + STORAGE
        + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + _number(numel)
        + b"tQ"
    )
    return (
        b"\x80\x02}X\x01\x00\x00\x00w"
        + REBUILD
        + b"("
        + storage
        + _number(offset)
        + size
        + stride
        + b"\x89}tRs."
    )


def deep_lists(path: Path) -> Path:
    return _zip(path, b"\x80\x02" + b"]" * 30_000 + b"a" * 29_999 + b".")


def deep_lists_in_an_old_file(path: Path) -> Path:
    path.write_bytes(
        MAGIC + b"\x80\x02K\x01." + b"\x80\x02}." + b"\x80\x02" + b"]" * 30_000 + b"a" * 29_999 + b"."
    )
    return path


def deep_pickle_of_somebody(path: Path) -> Path:
    path.write_bytes(b"\x80\x02" + b"(" * 30_000 + b"t" * 30_000 + b".")
    return path


def shared_keys(path: Path) -> Path:
    steps = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(60))
    return _zip(path, b"\x80\x02}K\x01q\x00" + steps + b"Ns.")


def shared_settings(path: Path) -> Path:
    """A training archive whose settings hold lists that are shared 2^60 times."""
    steps = b"".join(b"]h" + bytes([n]) + b"ah" + bytes([n]) + b"aq" + bytes([n + 1]) for n in range(60))
    generator = b"X\x13\x00\x00\x00gen_diffusive_1_dict}s"
    args = b"X\x04\x00\x00\x00args}X\x07\x00\x00\x00ch_mult]q\x00" + steps + b"0" * 60 + b"h\x3css"
    return _zip(path, b"\x80\x02}" + args + generator + b".")


def doubling_texts(path: Path) -> Path:
    steps = b"".join(
        b"h\x01h" + bytes([n]) + b"h" + bytes([n]) + b"\x86Rq" + bytes([n + 1]) for n in range(2, 70)
    )
    return _zip(path, b"\x80\x02ctorch\ndevice\nq\x01X\x10\x00\x00\x00" + b"x" * 16 + b"q\x02" + steps + b".")


def memo_of_billions(path: Path) -> Path:
    return _zip(path, b"\x80\x02}r\x00\x00\x00\x80.")


def bytes_by_number(path: Path) -> Path:
    return _zip(path, b"\x80\x02c__builtin__\nbytearray\n" + _number(2**40) + b"\x85R.")


def storage_of_terabytes(path: Path) -> Path:
    return _zip(path, _tensor(2**42, _number(2**42) + b"\x85", b"K\x01\x85"))


def strides_of_zero(path: Path) -> Path:
    return _zip(path, _tensor(1, _number(2**42) + b"\x85", b"K\x00\x85"))


def overlapping(path: Path) -> Path:
    return _zip(path, _tensor(16, b"K\x08K\x08\x86", b"K\x01K\x01\x86"))


def behind_its_data(path: Path) -> Path:
    return _zip(path, _tensor(16, b"K\x10\x85", b"K\x01\x85", offset=8))


def storages_of_an_old_file(path: Path) -> Path:
    """Storages that are each smaller than the file, but thousands of them."""
    one = b"(X\x07\x00\x00\x00storageh\x01X\x04\x00\x00\x00%sX\x03\x00\x00\x00cpu" + _number(20_000) + b"NtQ0"
    many = b"".join(one.replace(b"%s", b"%04d" % n) for n in range(5000))
    path.write_bytes(
        MAGIC
        + b"\x80\x02K\x01."
        + b"\x80\x02}."
        + b"\x80\x02"
        + STORAGE
        + b"0"
        + many
        + b"}."
        + b"\x80\x02]."
    )
    return path


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02N" + b"0N" * 40_000_000 + b".")
    return path


def bomb_of_data(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/data/0", b"\0" * 100_000_000)
    return path


def lying_sizes(path: Path) -> Path:
    """An archive whose table says that an entry has 4 GB."""
    _zip(path, b"\x80\x02}.")
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"a/data/0"))
    path.write_bytes(content[: at + 20] + b"\xf0\xff\xff\xff" * 2 + content[at + 28 :])
    return path


def two_of_a_name(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/DATA.pkl", b"\x80\x02}.")
    return path


def many_entries(path: Path) -> Path:
    """A table of contents of 120,000 entries, made by hand because zipfile would take long."""
    entry = b"PK\x01\x02" + struct.pack(
        "<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 0, 0, 0, 0, 300, 0, 0, 0, 0, 0, 0
    )
    table = b"".join(entry + b"%0300d" % n for n in range(120_000))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(table), 64, 0)
    path.write_bytes(b"PK\3\4" + b"\0" * 60 + table + end)
    return path


def tar(path: Path) -> Path:
    """A tar file, which torch would unpack, that begins like an old pickle."""
    import io
    import tarfile

    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("x" * 20)
        info.size = 4
        archive.addfile(info, io.BytesIO(b"abcd"))
    content = path.read_bytes()
    path.write_bytes(MAGIC + content[len(MAGIC) :])
    return path


def header_of_exabytes(path: Path) -> Path:
    path = path.with_suffix(".safetensors")
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    return path


def deep_header(path: Path) -> Path:
    path = path.with_suffix(".safetensors")
    text = b"[" * 200_000 + b"]" * 200_000
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def header_of_a_million(path: Path) -> Path:
    path = path.with_suffix(".safetensors")
    text = b"{" + b",".join(b'"%d":0' % n for n in range(1_100_000)) + b"}"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def _card(path: Path, card: object) -> Path:
    from safetensors.torch import save

    path = path.with_suffix(".safetensors")
    path.write_bytes(save({"a": torch.zeros(2)}, {"card": json.dumps(card)}))
    return path


SEGMENTER = {
    "kind": "segmenter",
    "family": "monai-unet",
    "classes": [{"name": "b", "value": 0}, {"name": "a", "value": 1}],
}


def absurd_filters(path: Path) -> Path:
    return _card(path, {**SEGMENTER, "architecture": {"filters": [16_000] * 8}})


def more_absurd_filters(path: Path) -> Path:
    return _card(path, {**SEGMENTER, "architecture": {"filters": [10**12, 10**12, 10**12]}})


def absurd_tile(path: Path) -> Path:
    return _card(path, {**SEGMENTER, "architecture": {"filters": [4, 8, 8], "tile": 10**9}})


def many_classes(path: Path) -> Path:
    classes = [{"name": str(n), "value": n % 256} for n in range(100_000)]
    return _card(path, {**SEGMENTER, "classes": classes, "architecture": {"filters": [4, 8, 8]}})


def deep_card(path: Path) -> Path:
    torch.save({"a": torch.zeros(2)}, path)
    path.with_name(f"{path.stem}.card.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    return path


def endless_card(path: Path) -> Path:
    torch.save({"a": torch.zeros(2)}, path)
    path.with_name(f"{path.stem}.card.json").symlink_to("/dev/zero")
    return path


def pipe_as_card(path: Path) -> Path:
    torch.save({"a": torch.zeros(2)}, path)
    os.mkfifo(path.with_name(f"{path.stem}.card.json"))
    return path


def large_json(path: Path) -> Path:
    with open(path, "wb") as file:
        file.write(b'{"a": "')
        file.truncate(2**30)
    return path


def _nnunet(path: Path, plans: object, dataset: object = None) -> Path:
    folder = path.with_name("nnUNetTrainer__nnUNetPlans__2d")
    (folder / "fold_0").mkdir(parents=True)
    dataset = dataset or {
        "channel_names": {"0": "grey"},
        "labels": {"background": 0, "a": 1},
        "file_ending": ".png",
    }
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    torch.save(
        {"network_weights": {"a": torch.zeros(2)}, "init_args": {"configuration": "2d"}},
        folder / "fold_0" / "checkpoint_final.pth",
    )
    return folder


def _plans(**changes: object) -> dict[str, object]:
    arguments = {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "kernel_sizes": [[3, 3]] * 2,
        "strides": [[1, 1], [2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "nonlin": "torch.nn.LeakyReLU",
    }
    configuration = {
        "patch_size": changes.pop("patch_size", [32, 32]),
        "spacing": [1.0, 1.0],
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {"network_class_name": "PlainConvUNet", "arch_kwargs": {**arguments, **changes}},
    }
    return {"configurations": {"2d": configuration}}


def many_blocks(path: Path) -> Path:
    return _nnunet(path, _plans(n_conv_per_stage=[10**9, 10**9]))


def absurd_features(path: Path) -> Path:
    return _nnunet(path, _plans(features_per_stage=[10**9, 10**9]))


def wide_features(path: Path) -> Path:
    return _nnunet(path, _plans(features_per_stage=[16_000, 16_000], kernel_sizes=[[63, 63]] * 2))


def absurd_patch(path: Path) -> Path:
    return _nnunet(path, _plans(patch_size=[10**9, 10**9]))


def strides_of_nothing(path: Path) -> Path:
    return _nnunet(path, _plans(strides=[[1, 1], [0, 0]]))


def inherited_in_a_circle(path: Path) -> Path:
    return _nnunet(path, {"configurations": {"2d": {"inherits_from": "3d"}, "3d": {"inherits_from": "2d"}}})


def pipe_as_plans(path: Path) -> Path:
    folder = _nnunet(path, _plans())
    (folder / "plans.json").unlink()
    os.mkfifo(folder / "plans.json")
    return folder


def pipe_as_weights(path: Path) -> Path:
    folder = _nnunet(path, _plans())
    weights = folder / "fold_0" / "checkpoint_final.pth"
    weights.unlink()
    os.mkfifo(weights)
    return folder


def folder_of_devices(path: Path) -> Path:
    path.mkdir()
    for name in ("a.pth", "b.safetensors", "plans.json"):
        (path / name).symlink_to("/dev/zero")
    return path


def folder_in_itself(path: Path) -> Path:
    path.mkdir()
    (path / "fold_0").symlink_to(path)
    (path / "plans.json").symlink_to(path / "plans.json")
    return path


# Every function above and what is imported from `no_files`.
HOSTILE: tuple[Callable[[Path], Path], ...] = tuple(
    one for name, one in vars().items() if inspect.isfunction(one) and not name.startswith("_")
)
