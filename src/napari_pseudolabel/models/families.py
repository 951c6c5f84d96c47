"""Which families of models there are; light, because lists of models are made without torch.

What a family does is in the module that its entry names, which is imported when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

Kind = Literal["translator", "segmenter"]
_WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt")


@dataclass(frozen=True)
class Family:
    """One family of models.

    Attributes
    ----------
    name
        On cards, in lower case; never changed.
    kind
        What its models do.
    home
        The module with its three functions, or anything that has them; see `models.offers.FamilyHome`.
    suffixes
        Ends of the names of its files, the usual one first; empty if its models are folders.
    markers
        Files of which one is in every model folder, if its models may be folders.
    title
        What is in such a folder, with its article: "an nnU-Net model".
    brightest
        What the white of a translation, 1, is for a segmenter whose card does not name the range of raw values.
    trains
        Whether its models can be trained further.
    more
        The function, as ``module:name``, that tells which files beside a file belong to a model; empty if none ever does.
    packs
        The function, as ``module:name``, that makes an ONNX program of one of its segmenters, from what is normalised as the card says
        to logits; empty if they cannot become BioImage.IO packages.
    own_objects
        Whether its models tell objects of one class apart themselves, by lines of background that a mean with other looks would fill.
    any_size
        Whether its models have learned objects of many sizes in pixels, so that images of an unknown scale are used as they are.
    bare
        Whether its files may have no ending, as the program has them that they are of.
    """

    name: str
    kind: Kind
    home: str | object
    suffixes: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    title: str = ""
    brightest: float = 1.0
    trains: bool = False
    more: str = ""
    packs: str = ""
    own_objects: bool = False
    any_size: bool = False
    bare: bool = False

    @property
    def code(self) -> Any:
        """Its functions."""
        return import_module(self.home) if isinstance(self.home, str) else self.home


FAMILIES: tuple[Family, ...] = (
    Family(
        "monai-unet",
        "segmenter",
        "napari_pseudolabel.models.segmenters.monai_unet",
        (".safetensors",),
        trains=True,
        packs="napari_pseudolabel.models.segmenters.bioimageio.package_writing:program_of",
    ),
    Family(
        "bioimageio",
        "segmenter",
        "napari_pseudolabel.models.segmenters.bioimageio.segmenter",
        (".zip",),
        markers=("rdf.yaml", "bioimageio.yaml"),
        title="a BioImage.IO package",
    ),
    Family(
        "cellpose",
        "segmenter",
        "napari_pseudolabel.models.segmenters.cellpose.segmenter",
        _WEIGHTS[1:],
        own_objects=True,
        bare=True,
    ),
    Family(
        "sam",
        "segmenter",
        "napari_pseudolabel.models.segmenters.sam.segmenter",
        _WEIGHTS,
        more="napari_pseudolabel.models.segmenters.sam.segmenter:decoder_beside",
        own_objects=True,
        any_size=True,
        bare=True,
    ),
    Family(
        "torchscript", "segmenter", "napari_pseudolabel.models.segmenters.torchscript.segmenter", _WEIGHTS[1:]
    ),
    Family(
        "onnx",
        "segmenter",
        "napari_pseudolabel.models.segmenters.onnx.segmenter",
        (".onnx",),
        more="napari_pseudolabel.models.segmenters.onnx.onnx_graph:beside",
    ),
    Family(
        "monai-bundle",
        "segmenter",
        "napari_pseudolabel.models.segmenters.monai_bundle.segmenter",
        markers=("configs/metadata.json",),
        title="a MONAI bundle",
    ),
    # It takes all folders that nobody else takes, and says what they lack.
    Family(
        "nnunet",
        "segmenter",
        "napari_pseudolabel.models.segmenters.nnunet.family",
        markers=("plans.json",),
        title="an nnU-Net model",
        brightest=255.0,  # its folders do not say the range; those of the method were trained on 8-bit images
    ),
    Family("syndiff", "translator", "napari_pseudolabel.models.translators.syndiff", _WEIGHTS, trains=True),
    Family("resnet", "translator", "napari_pseudolabel.models.translators.resnet", _WEIGHTS),
    Family("small-unet", "translator", "napari_pseudolabel.models.translators.small_unet", (".safetensors",)),
    Family("zero-shot", "translator", "napari_pseudolabel.models.translators.zero_shot", (".safetensors",)),
    Family(
        "grey-levels", "translator", "napari_pseudolabel.models.translators.grey_levels", (".safetensors",)
    ),
)


def families(kind: str | None = None, first: object = None) -> tuple[Family, ...]:
    """All families, or those of a kind; the one called `first` before the others."""
    of_kind = (family for family in FAMILIES if kind in (None, family.kind))
    return tuple(sorted(of_kind, key=lambda family: family.name != first))


def family_named(name: str) -> Family:
    """Return the family of a card."""
    return next(family for family in FAMILIES if family.name == name)


def why_not_packed(kind: str, name: str) -> str:
    """Say why a model of a kind and a family cannot become a BioImage.IO package; empty if it can."""
    if kind == "segmenter" and family_named(name).packs:
        return ""
    able = " or ".join(family.name for family in FAMILIES if family.packs)
    return f"Only segmenters of the family {able} can be exported as packages; this is a {kind} of the family {name}."


def suffixes(kind: Kind | None = None) -> tuple[str, ...]:
    """Return ends of the names of files that may hold a model, each once."""
    return _each(suffix for family in families(kind) for suffix in family.suffixes)


def markers() -> tuple[str, ...]:
    """Files of which one is in every model folder, each once."""
    return _each(marker for family in families() for marker in family.markers)


def folder_titles(kind: Kind) -> tuple[str, ...]:
    """Return what is in model folders of a kind; empty if its models are files."""
    return _each(family.title for family in families(kind) if family.markers)


def is_model(path: Path) -> bool:
    """Whether a file or folder is called as a model is; says nothing about what is in it."""
    if path.is_dir():
        return any((path / marker).is_file() for marker in markers())
    return path.suffix in suffixes() and path.is_file()


def files_of(path: Path) -> tuple[Path, ...]:
    """Return all files of a model, its card left out: those in a folder, or a file and what belongs to it."""
    if path.is_dir():
        return tuple(sorted(one for one in path.rglob("*") if one.is_file()))
    more: list[Path] = []
    for family in FAMILIES:
        if family.more and (path.suffix in family.suffixes or (family.bare and not path.suffix)):
            module, _, name = family.more.partition(":")
            more += getattr(import_module(module), name)(path)
    return path, *more


def _each(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))
