"""A segmenter as a BioImage.IO package, which ilastik, deepImageJ, bioimageio.core and others read; and so do we."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models.cards import Card, Normalisation
from napari_pseudolabel.models.families import family_named, why_not_packed
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_description import OURS
from napari_pseudolabel.models.segmenters.bioimageio.segmenter import OURS_FIELDS
from napari_pseudolabel.models.segmenters.bioimageio.unet_program import OPSET, unet_program
from napari_pseudolabel.models.segmenters.common import as_channels
from napari_pseudolabel.models.segmenters.monai_unet import MonaiSegmenter
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.types import JsonObject

SUFFIX = ".zip"
FORMAT_VERSION = "0.5.4"

_LIBRARIES = ("bioimageio.spec", "onnx", "onnxruntime")
_SAME = 1e-3  # of probabilities, between two libraries
_LEAST_EPS = 1e-12


def write_package(
    segmenter: TiledSegmenter,
    path: str | Path,
    *,
    image: ArrayLike | None = None,
    authors: Sequence[str] = (),
    control: Control = Control(),
) -> tuple[str, ...]:
    """Write a segmenter as a package: its network as ONNX, a description of version 0.5, a test input and what comes of it.

    Nothing is written that bioimageio.spec finds invalid, or that does not give the same when it is read back.

    Parameters
    ----------
    segmenter
        Of a family that can be packed, see `families.why_not_packed`.
    path
        Ends in ``.zip``; is replaced as a whole.
    image
        (C, H, W) or (H, W) raw values, of whose middle the test input is made, on the pixel grid of the model; None for noise.
    authors
        Who made the model, where its card does not say.
    control
        Progress and cancel.

    Returns
    -------
    tuple of str
        Sentences about what the package does not say.

    Raises
    ------
    InputError
        If a library is missing, nobody is named as the author, the image is too small, or the file cannot be written.
    CheckpointError
        If the family cannot be packed, or the package is not valid, or says something else than the model.
    """
    if problem := why_not_packed(segmenter.card.kind, segmenter.card.family):
        raise CheckpointError(problem)
    for library in _LIBRARIES:
        try:
            import_module(library)
        except ImportError:
            raise InputError(
                f'A package needs {library}, which is not installed: pip install "napari-pseudolabel[bioimageio]".'
            ) from None
    if Path(path).suffix != SUFFIX:
        raise InputError(f"{Path(path).name} does not end in {SUFFIX}, as packages do; call it so.")
    people = tuple(authors) or segmenter.card.authors
    if not people:
        raise InputError("A package names who made the model, and its card does not; name them (--author).")
    stage = control.stage("Packing the model", 4)
    module, _, name = family_named(segmenter.card.family).packs.partition(":")
    as_program: Callable[[TiledSegmenter], bytes] = getattr(import_module(module), name)
    given = _test_input(segmenter, image)
    expected = segmenter.probabilities(given, settings=TileSettings(device="cpu"))
    stage.advance()
    files = {
        "weights.onnx": as_program(segmenter),
        "test_input.npy": _npy(given[None]),
        "test_output.npy": _npy(expected[None]),
        "README.md": _page(segmenter.card).encode(),
    }
    stage.advance()
    said, notes = _description(segmenter, files, people)
    files["rdf.yaml"] = _yaml(said)
    with TemporaryDirectory(prefix="pseudolabel-") as folder:
        made = Path(folder) / "package.zip"
        _zip(made, files)
        _check_valid(made)
        stage.advance()
        _check_same(made, segmenter, given, expected)
        from napari_pseudolabel.models.card_files import atomic_write

        atomic_write(path, made.read_bytes())
    stage.advance()
    return notes


def program_of(segmenter: MonaiSegmenter) -> bytes:
    """Return the network of our own family as an ONNX file, up to its logits."""
    return unet_program(segmenter.network)  # type: ignore[arg-type]


def _test_input(segmenter: TiledSegmenter, image: ArrayLike | None) -> NDArray[np.float32]:
    side = segmenter.tile
    if image is None:
        noise = np.random.default_rng(0).normal(size=(segmenter.channels, side // 8 + 1, side // 8 + 1))
        smooth = np.repeat(np.repeat(noise, 8, axis=1), 8, axis=2)[:, :side, :side]
        return np.asarray(128 + 40 * smooth, np.float32).clip(0, 255)
    data = as_channels(image, segmenter.channels)
    top, left = ((size - side) // 2 for size in data.shape[1:])
    if top < 0 or left < 0:
        raise InputError(
            f"The image for the test input has {data.shape[1]} x {data.shape[2]} pixels; at least {side} x {side} are needed."
        )
    return np.ascontiguousarray(data[:, top : top + side, left : left + side], np.float32)


def _description(
    segmenter: TiledSegmenter, files: dict[str, bytes], authors: Sequence[str]
) -> tuple[JsonObject, tuple[str, ...]]:
    card, described = segmenter.card, segmenter.architecture
    pixel = card.source.pixel_size_um if card.source else None
    least = {"min": 2 * described.stride, "step": described.stride}
    notes, licence = [], _licence(card.licence)
    if card.licence and licence is None:
        notes.append(
            f"The licence of the card ({card.licence}) has no SPDX name, so it is said in the text only."
        )
    if not card.citation:
        notes.append("The card does not say what to cite; the package cites the kind of its network.")
    if pixel is None:
        notes.append("The card does not say the pixel size of the model; the package does not either.")

    def space(name: str, size: object) -> JsonObject:
        unit = {} if pixel is None else {"unit": "micrometer", "scale": pixel}
        return {"type": "space", "id": name, "size": size, **unit}

    def channels(names: Sequence[str]) -> JsonObject:
        return {"type": "channel", "channel_names": list(names)}

    def same(name: str) -> JsonObject:
        return {"tensor_id": "image", "axis_id": name}

    def file(name: str) -> JsonObject:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    grey = [f"channel{number}" for number in range(described.in_channels)]
    about = card.model_dump(mode="json", include={*OURS_FIELDS}, exclude_none=True)
    said = {
        "type": "model",
        "format_version": FORMAT_VERSION,
        "name": _name(card),
        "description": (card.description or f"Segments {_name(card)}.")[:1024],
        "authors": [{"name": name} for name in authors],
        "cite": [_ARCHITECTURE],
        **({"license": licence} if licence else {}),
        "documentation": file("README.md"),
        "tags": ["segmentation", "2d", "pytorch", "onnx", *_words(card)],
        "inputs": [
            {
                "id": "image",
                "axes": [{"type": "batch"}, channels(grey), space("y", least), space("x", least)],
                "data": {"type": "float32"},
                "test_tensor": file("test_input.npy"),
                "preprocessing": _preparation(card.normalisation),
            }
        ],
        "outputs": [
            {
                "id": "classes",
                "axes": [
                    {"type": "batch"},
                    channels([one.name for one in card.classes]),
                    space("y", same("y")),
                    space("x", same("x")),
                ],
                "data": {"type": "float32"},
                "test_tensor": file("test_output.npy"),
                "postprocessing": [{"id": "softmax", "kwargs": {"axis": "channel"}}],
            }
        ],
        "weights": {"onnx": {**file("weights.onnx"), "opset_version": OPSET}},
        "config": {OURS: {"card": about, "tile": segmenter.layout.tile, "overlap": segmenter.layout.overlap}},
    }
    return said, tuple(notes)


# An entry needs an address, which citations of cards do not have: those stand in the page and in what is ours.
_ARCHITECTURE = {
    "text": "Ronneberger, Fischer, Brox: U-Net, 2015 (the kind of network)",
    "doi": "10.1007/978-3-319-24574-4_28",
}


def _preparation(normalisation: Normalisation) -> list[JsonObject]:
    """Return the same as steps of the format: percentiles of the whole image, or fixed values, become 0 and 1."""
    low, high = normalisation.low, normalisation.high
    steps: list[JsonObject] = [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}]
    clip = {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}}
    if normalisation.kind == "percentile":
        said = {"axes": ["y", "x"], "min_percentile": low, "max_percentile": high, "eps": _LEAST_EPS}
        steps += [{"id": "scale_range", "kwargs": said}, clip]
    elif normalisation.kind == "range":
        said = {"gain": 1 / (high - low), "offset": -low / (high - low)}
        steps += [{"id": "scale_linear", "kwargs": said}, clip]
    return steps


def _name(card: Card) -> str:
    """Letters, digits and few signs, as the format allows."""
    name = "".join(
        letter for letter in card.name if letter.isascii() and (letter.isalnum() or letter in " _-+()")
    )
    return (" ".join(name.split()) or "segmenter")[:128]


def _words(card: Card) -> list[str]:
    return [one.name for one in card.classes if one.value]


def _licence(name: str) -> str | None:
    """Return a name of SPDX, None if it is none."""
    from bioimageio.spec.generic.v0_3 import LicenseId

    try:
        return str(LicenseId(name))
    except ValueError:
        return None


def _page(card: Card) -> str:
    """Say what a person should know, as the documentation of the package."""
    measured = [f"- {one.metric}: {one.value:g} ({one.data})" for one in card.quality]
    lines = [
        f"# {_name(card)}",
        card.description,
        f"Finds {', '.join(_words(card))}. Images are brought to the pixel size that the description names before they are "
        "given to the network; where it names none, objects should be about as large as in the images that it learned from.",
        "## Trained on",
        "; ".join(card.training.data) or "not said",
        "## Validation",
        "\n".join(measured) or "Nobody has measured it.",
        *(("## To cite", "\n".join(f"- {one}" for one in card.citation)) if card.citation else ()),
        *(("## Licence", card.licence) if card.licence else ()),
    ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _npy(array: NDArray[np.float32]) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _yaml(said: JsonObject) -> bytes:
    import yaml

    return yaml.safe_dump(json.loads(json.dumps(said)), sort_keys=False, allow_unicode=True).encode()


def _zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _check_valid(path: Path) -> None:
    from bioimageio.spec import InvalidDescr, load_description

    found = load_description(path)
    if isinstance(found, InvalidDescr):
        wrong = [one for detail in found.validation_summary.details for one in detail.errors]
        said = "; ".join(f"{'.'.join(map(str, one.loc))}: {one.msg}" for one in wrong)
        raise CheckpointError(f"bioimageio.spec does not accept the package, so nothing was written: {said}.")


def _check_same(
    path: Path, segmenter: TiledSegmenter, given: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    from napari_pseudolabel.models import load_segmenter

    again = load_segmenter(path)
    found = again.probabilities(given, settings=TileSettings(device="cpu"))
    if [one.value for one in again.classes] != [one.value for one in segmenter.classes]:
        raise CheckpointError("The package names other classes than the model; nothing was written.")
    if float(np.abs(found - expected).max()) > _SAME:
        raise CheckpointError(
            "What is read back from the package does not say the same as the model; nothing was written."
        )
