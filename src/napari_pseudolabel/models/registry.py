"""Checkpoints by name: ``sample:NAME`` comes with the package, ``user:NAME`` is in the user's folder, ``zoo:NAME`` was downloaded.

``inverted:REF`` and ``unchanged:REF`` are made for the model REF; see `plain_curves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from napari_pseudolabel.errors import CheckpointError, InputError, PseudolabelError
from napari_pseudolabel.imaging.reading.file_names import is_hidden
from napari_pseudolabel.models.card_files import complete, given_card
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.families import is_model
from napari_pseudolabel.models.model_zoo import PREFIX, zoo_folder, zoo_model
from napari_pseudolabel.models.offers import Offer, choose
from napari_pseudolabel.models.plain_curves import is_plain, plain_curve

if TYPE_CHECKING:
    from napari_pseudolabel.models.segmenters.base import Segmenter
    from napari_pseudolabel.models.translators.base import Translator

_PREFIXES = ("sample", "user", PREFIX)
_LONGEST_REASON = 200


@dataclass(frozen=True)
class NamedCheckpoint:
    """A checkpoint that can be called by name.

    Attributes
    ----------
    name
        With its prefix: ``sample:sem-to-tem``.
    path
        The file or folder.
    card
        Read from the header or the sidecar without loading the weights; None if there is none (use
        `napari_pseudolabel.models.inspect` to learn what such a file is).
    """

    name: str
    path: Path
    card: Card | None


def models_folder() -> Path:
    """Return the user's folder of checkpoints; it need not exist."""
    return user_data_path("napari-pseudolabel", appauthor=False) / "models"


def sample_folder() -> Path:
    """Return the folder of the checkpoints that come with the package."""
    return Path(str(files("napari_pseudolabel"))) / "sample_data" / "checkpoints"


def named_checkpoints() -> tuple[NamedCheckpoint, ...]:
    """List all named checkpoints, samples first, by name. Does not import torch."""
    return tuple(NamedCheckpoint(name, path, _card(path)) for name, path in _named())


def bundled_checkpoints() -> tuple[NamedCheckpoint, ...]:
    """List the checkpoints that come with the package, which takes milliseconds."""
    return tuple(NamedCheckpoint(name, path, _card(path)) for name, path in _named(_PREFIXES[:1]))


def _named(prefixes: tuple[str, ...] = _PREFIXES) -> Iterator[tuple[str, Path]]:
    for prefix, folder in zip(prefixes, (sample_folder(), models_folder(), zoo_folder()), strict=False):
        # By stem: a-variant comes after a, whatever the ending, and what comes first is proposed first.
        entries = sorted(folder.iterdir(), key=lambda path: path.stem) if folder.is_dir() else []
        found: dict[str, Path] = {}
        for path in (entry for entry in entries if not is_hidden(entry) and is_model(entry)):
            # Two files may differ in nothing but the ending; only the first can have the short name.
            whole = path.is_dir() or path.stem in found
            found.setdefault(path.name if whole else path.stem, path)
        for name, path in found.items():
            yield f"{prefix}:{name}", path


def _card(path: Path) -> Card | None:
    try:
        given = given_card(path)
        return complete(given, path) if "kind" in given and "family" in given else None
    except CheckpointError:
        return None


def resolve(ref: str | Path) -> Path:
    """Turn a name or a path into a path.

    Raises
    ------
    InputError
        If there is no such named checkpoint or no such file; lists the names that exist.
    """
    if not isinstance(ref, str | Path):
        raise InputError(f"A model is a name or a path, not {ref!r}; correct it.")
    if isinstance(ref, str):
        prefix, separator, rest = ref.partition(":")
        if is_plain(ref):
            return plain_curve(prefix, card_of(rest))
        if separator and prefix in _PREFIXES:
            named = dict(_named())
            if ref not in named and prefix == PREFIX:
                model = zoo_model(rest)
                raise InputError(
                    f"{model.ref} is not on this computer yet: get it by `pseudolabel zoo get {model.name}`."
                )
            if ref not in named:
                raise InputError(f"There is no checkpoint “{ref}”; {_known(named)}.")
            return named[ref]
    path = Path(ref).expanduser()
    if not str(ref).strip() or not path.exists():
        raise InputError(f"There is no checkpoint file or folder {str(ref)!r}; {_known(dict(_named()))}.")
    # The folder that one stands in has no name, which cards and sentences need.
    return path if path.name not in ("", "..") else path.resolve()


def card_of(ref: str) -> Card:
    """Return the card of a checkpoint by name or path, without loading its weights.

    Raises
    ------
    InputError
        If there is no such checkpoint.
    CheckpointError
        If it has no card that can be read; `load_translator` and `load_segmenter` know more.
    """
    path = resolve(ref)
    given = given_card(path)
    if not ("kind" in given and "family" in given):
        raise CheckpointError(f"{path.name} has no card; say what it is in the Models dock first.")
    return complete(given, path)


def _known(named: Mapping[str, Path]) -> str:
    if not named:
        return "there are no named checkpoints, so give the path of a file"
    return "the named checkpoints are " + ", ".join(named)


def load_translator(
    ref: str | Path, card: Card | Mapping[str, object] | None = None, which: int | None = None
) -> Translator:
    """Load a translator by name or path.

    Parameters
    ----------
    ref
        ``sample:NAME``, ``user:NAME`` or a path.
    card
        What the weights do not reveal; wins over the sidecar and the file.
    which
        Which generator of a SynDiff ``content.pth``.

    Raises
    ------
    InputError
        If there is no such checkpoint.
    CheckpointError
        If no family of translators knows it, or it contradicts its card; says what it is instead.
    """
    path = resolve(ref)
    with reading(path):
        offer = Offer(path, card, which)
        found: Translator = choose(offer, "translator").loads(offer)
        return found


def load_segmenter(ref: str | Path, card: Card | Mapping[str, object] | None = None) -> Segmenter:
    """Load a segmenter by name or path.

    Parameters
    ----------
    ref
        ``sample:NAME``, ``user:NAME`` or a path: an nnU-Net v2 model folder (folds and checkpoints as the program takes
        them that it is of), one of its checkpoints (that fold alone), our own ``.safetensors``, a TorchScript archive.
    card
        What the weights do not reveal; wins over the sidecar, the sidecar over the header.

    Raises
    ------
    InputError
        If there is no such checkpoint.
    CheckpointError
        If no family of segmenters can load it; gives the reason of each that was tried.
    """
    from napari_pseudolabel.models.safe_load import load_weights

    path = resolve(ref)
    with reading(path):
        offer = Offer(path, card)
        try:
            home = choose(offer, "segmenter")
        except CheckpointError:
            load_weights(path)  # raises the better sentence for a damaged, foreign or hostile file
            raise
        found: Segmenter = home.loads(offer)
        return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a checkpoint makes its reader raise into one sentence.

    Raises
    ------
    CheckpointError
        Instead of any error that has no sentence yet.
    """
    try:
        yield
    except PseudolabelError:
        raise
    except MemoryError as error:
        raise CheckpointError(f"{path.name} does not fit into memory.") from error
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # files hold arbitrary values, and those raise arbitrary errors
        what = f"{type(error).__name__}: {error}".split("\n")[0][:_LONGEST_REASON]
        raise CheckpointError(
            f"{path.name} cannot be used: it is damaged, or holds a value that no model has ({what})."
        ) from error
