"""Say what a file or folder is, without running anything from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_pseudolabel.budget import listed, open_regular, open_zip, read_json
from napari_pseudolabel.errors import CheckpointError, FileError, InputError
from napari_pseudolabel.models.apart import Apart, Limits
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.registry import reading, resolve
from napari_pseudolabel.models.sidecar import complete, given_card, sidecar_path, unknown_modalities

INSPECTED = f"{__name__}:inspected"
_IMAGES = {
    b"\x89PNG": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"II*\0": "TIFF image",
    b"MM\0*": "TIFF image",
    b"II+\0": "TIFF image",
    b"MM\0+": "TIFF image",
}
_FOREIGN = {
    b"\x89HDF": "HDF5 file (Keras weights, for example)",
    b"\x93NUM": "NumPy array",
    b"GGUF": "GGUF model",
    b"%PDF": "PDF document",
}


class Inspection(BaseModel):
    """What a path is.

    Attributes
    ----------
    path
        As resolved from a name.
    what
        A few words: "SynDiff generator".
    kind
        How it can be used; None if it cannot.
    usable
        Whether it can be loaded as it is, perhaps with assumptions.
    problem
        One sentence: why it cannot be used and what to do; None if it can.
    parameters
        Number of weights; None if unknown.
    contents
        The networks of an archive; the first is taken by default.
    inferred, assumed, missing
        Fields that the weights reveal, that were filled with the published default, and that are needed but
        unknown.
    warnings
        Sentences.
    card
        Everything that is known.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    what: str
    kind: Literal["translator", "segmenter"] | None = None
    usable: bool = False
    problem: str | None = None
    parameters: int | None = None
    sha256: str | None = None
    contents: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    card: Card | None = None


def inspect(ref: str | Path, which: int | None = None) -> Inspection:
    """Say what a file or folder is, what its weights reveal and what is missing.

    Parameters
    ----------
    ref
        A path, or a name such as ``sample:sem-to-tem``.
    which
        Which generator of a SynDiff ``content.pth`` to describe.

    Returns
    -------
    Inspection
        Also for files that cannot be used: `Inspection.problem` says why.

    Raises
    ------
    InputError
        If there is nothing at `ref`.
    """
    path = resolve(ref)
    try:
        with reading(path):
            return _folder(path) if path.is_dir() else _file(path, which)
    except (CheckpointError, InputError) as error:
        return _useless(path, "not a usable checkpoint", str(error))


def inspect_apart(
    refs: Sequence[str | Path], which: int | None = None, check: Callable[[], None] = lambda: None
) -> Iterator[Inspection]:
    """Say what files or folders are, looking at them in a process of its own; see `inspect`.

    A file that makes its reader crash, or that needs absurd memory or time, is one that cannot be used.

    Parameters
    ----------
    refs
        Paths or names.
    which
        Which generator of a SynDiff ``content.pth`` to describe.
    check
        Called now and then; what it raises ends the process.

    Yields
    ------
    Inspection
        In the order of `refs`.

    Raises
    ------
    InputError
        If there is nothing at one of them.
    """
    with Apart(check) as apart:
        for ref in refs:
            path = resolve(ref)
            try:
                found = apart.call(INSPECTED, str(path), which, name=path.name, limits=Limits.of(path))
                yield Inspection.model_validate(found)
            except (CheckpointError, InputError, ValidationError) as error:
                problem = (
                    str(error)
                    if isinstance(error, CheckpointError | InputError)
                    else f"{path.name} confused the process that reads it."
                )
                yield _useless(path, "not a usable checkpoint", problem)


def inspected(path: str, which: int | None) -> dict[str, Any]:
    """`inspect` with values that cross processes."""
    return inspect(Path(path), which).model_dump(mode="json")


def _useless(path: Path, what: str, problem: str, **more: Any) -> Inspection:
    return Inspection(path=str(path), what=what, problem=problem, **more)


def _useful(path: Path, what: str, card: Card, *, note: tuple[str, ...] = (), **more: Any) -> Inspection:
    from napari_pseudolabel.models.safe_load import sha256

    warnings = list(note)
    if card.missing:
        warnings.append(f"Say what is missing in {sidecar_path(path).name} beside it, or where you use it.")
    return Inspection(
        path=str(path),
        what=what,
        kind=card.kind,
        usable=True,
        sha256=sha256(path),
        inferred=card.inferred,
        assumed=card.assumed,
        missing=card.missing,
        warnings=tuple(warnings),
        card=card,
        **more,
    )


def _folder(path: Path) -> Inspection:
    names = {p.name for p in listed(path)}
    if not names:
        return _useless(path, "empty folder", f"{path.name} is empty.")
    if "plans.json" in names:
        from napari_pseudolabel.models.registry import load_segmenter

        return _useful(path, "nnU-Net v2 model folder", load_segmenter(path).card)
    if "plans.json" in _siblings(path) and path.name.startswith("fold_"):
        problem = (
            f"{path.name} is one fold of an nnU-Net model; choose the folder above it, {path.parent.name}."
        )
        return _useless(path, "fold of an nnU-Net v2 model", problem)
    models = sorted(p.name for p in listed(path) if p.is_dir() and (p / "plans.json").is_file())
    if models:
        problem = f"{path.name} holds nnU-Net models; choose one of them: {', '.join(models)}."
        return _useless(path, "folder of nnU-Net v2 models", problem)
    weights = sorted(n for n in names if n.endswith((".pth", ".pt", ".safetensors")))
    if weights:
        problem = (
            f"{path.name} is a folder of checkpoints; choose one of its files: {', '.join(weights[:6])}."
        )
        return _useless(path, "folder of checkpoints", problem)
    return _useless(
        path, "unknown folder", f"{path.name} is no model folder: it holds neither plans.json nor weights."
    )


def _siblings(path: Path) -> set[str]:
    return {p.name for p in listed(path.resolve().parent)}


def _file(path: Path, which: int | None) -> Inspection:
    with open_regular(path) as file:
        head = file.read(16)
    if not head:
        return _useless(path, "empty file", f"{path.name} is empty; copy or download it again.")
    for magic, name in _IMAGES.items():
        if head.startswith(magic):
            return _useless(path, name, f"{path.name} is an image, where a checkpoint was expected.")
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return _useless(path, name, f"{path.name} is a {name}, which cannot be used as a checkpoint.")
    if path.suffix == ".onnx":
        return _useless(
            path, "ONNX model", f"{path.name} is an ONNX model, which is not supported; use TorchScript."
        )
    if head.startswith(b"PK\x03\x04") and _is_torchscript(path):
        return _torchscript(path)
    if path.suffix == ".safetensors" or head.startswith((b"PK\x03\x04", b"\x80")):
        return _weights(path, which)
    if head.lstrip()[:1] in (b"{", b"["):
        return _json(path)
    return _useless(path, "unknown file", f"{path.name} is no checkpoint of a kind that we know.")


def _json(path: Path) -> Inspection:
    try:
        value = read_json(path)
    except FileError as error:
        return _useless(path, "damaged JSON file", str(error))
    if path.name.endswith(".card.json"):
        return _useless(
            path, "card", f"{path.name} is the card of a checkpoint; choose the checkpoint beside it."
        )
    if isinstance(value, Mapping) and ("configurations" in value or "channel_names" in value):
        folder = path.resolve().parent.name
        problem = f"{path.name} is part of an nnU-Net model; choose the folder that holds it, {folder}."
        return _useless(path, "part of an nnU-Net v2 model", problem)
    return _useless(path, "JSON file", f"{path.name} is a JSON file without weights.")


def _is_torchscript(path: Path) -> bool:
    with open_zip(path) as archive:
        return any(name.lower().endswith("/constants.pkl") for name in archive.namelist())


def _torchscript(path: Path) -> Inspection:
    """Describe a TorchScript file by its card, after its program was looked at in a process of its own; it does not run."""
    from napari_pseudolabel.models.segmenters.torchscript.examining import look

    look(path)
    given = given_card(path)
    needed = [name for name in ("classes", "normalisation") if name not in given]
    missing = (*needed, *unknown_modalities(given, ("source",)))
    card = complete(given, path, kind="segmenter", family="torchscript", missing=missing)
    what = "TorchScript segmenter"
    if needed:
        problem = (
            f"{path.name} is a TorchScript network that does not say its {' and '.join(needed)}; "
            f"write them into {sidecar_path(path).name} beside it."
        )
        return _useless(path, what, problem, missing=missing, card=card)
    note = (
        "A TorchScript file is a program. Its operators were checked, and it runs only when you segment with it; "
        "README.md says what that holds off. Use files that you trust.",
    )
    return _useful(path, what, card, note=note)


def _weights(path: Path, which: int | None) -> Inspection:
    from napari_pseudolabel.models.translators import grey_levels
    from napari_pseudolabel.models.translators.archive import read_contents, read_value
    from napari_pseudolabel.models.translators.base import describe_weights, is_discriminator
    from napari_pseudolabel.models.translators.layer_sequence import looks_like_generator
    from napari_pseudolabel.models.translators.resnet import looks_like_resnet

    given = given_card(path)
    if given.get("kind") == "segmenter":
        from napari_pseudolabel.models.registry import load_segmenter

        return _useful(path, "segmenter of napari-pseudolabel", load_segmenter(path).card)
    value = read_value(path)
    if isinstance(value, Mapping) and "network_weights" in value:
        return _nnunet_checkpoint(path)
    contents = read_contents(path, which, value)
    state = contents.state
    if looks_like_generator(state):
        return _generator(path, contents)
    count = sum(weight.numel() for weight in state.values())
    if looks_like_resnet(state):
        from napari_pseudolabel.models.translators.resnet import read_card

        card = read_card(path, contents)
        what = "one-pass ResNet generator of SynDiff"
        return _useful(path, what, card, note=contents.warnings, parameters=count)
    if grey_levels.looks_like_curve(state):
        return _useful(path, "curve of grey levels", grey_levels.read_card(path, state))
    if is_discriminator(state):
        problem = (
            f"{path.name} is a discriminator of SynDiff, which only judges in training; choose a gen_ file."
        )
        return _useless(path, "SynDiff discriminator", problem, parameters=count)
    return _useless(
        path, "weights of another network", f"{path.name} is no translator: {describe_weights(state)}."
    )


def _nnunet_checkpoint(path: Path) -> Inspection:
    what = "nnU-Net v2 checkpoint"
    if (path.resolve().parents[1] / "plans.json").is_file():
        from napari_pseudolabel.models.registry import load_segmenter

        note = (f"{path.name} is one fold; choose the folder two levels up to use all folds.",)
        return _useful(path, what, load_segmenter(path).card, note=note)
    problem = (
        f"{path.name} is one checkpoint of an nnU-Net model, which its weights alone do not describe; "
        "choose the folder two levels up, which holds plans.json and dataset.json."
    )
    return _useless(path, what, problem)


def _generator(path: Path, contents: Any) -> Inspection:
    from napari_pseudolabel.models.translators.infer import fitting
    from napari_pseudolabel.models.translators.syndiff import read_meaning

    meaning = read_meaning(path, contents)
    weights = fitting(contents.state, meaning.inference.config)
    config = meaning.inference.config
    if contents.origin:
        what = f"{contents.origin} training archive, {contents.name}"
    elif path.suffix == ".safetensors":
        what = "SynDiff translator of napari-pseudolabel"
    else:
        what = "SynDiff generator"
    what += (
        f" ({len(config.ch_mult)} levels, tiles of {config.image_size} pixels, {config.num_timesteps} steps)"
    )
    return _useful(
        path,
        what,
        meaning.card,
        note=meaning.warnings,
        parameters=sum(weight.numel() for weight in weights.values()),
        contents=(contents.name, *contents.others) if contents.name else (),
    )
