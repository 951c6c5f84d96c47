"""A zoo: a YAML file that names models elsewhere. They are downloaded when somebody asks, and then called ``zoo:NAME``.

```yaml
models:
  - name: pgc-nuclei
    url: https://example.org/unet.onnx
    sha256: 98a0236c62a898e52439d7966238a94f07608c2cfbc7c96dcd3047ecacb2066e
    about: Nuclei in phase-gradient contrast
    card: {classes: [background, nucleus], normalisation: {kind: range, low: 0, high: 65535}}
```
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_pseudolabel.budget import BUDGET, parse_yaml, read_bytes
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.card_files import card_shaped, write_sidecar
from napari_pseudolabel.models.downloading import download
from napari_pseudolabel.models.families import suffixes
from napari_pseudolabel.types import JsonObject

PREFIX = "zoo"
VARIABLE = "PSEUDOLABEL_ZOO"
"""Environment variable with the path of a zoo file, or several, separated as in PATH."""


class ZooModel(BaseModel):
    """A model in a zoo.

    Attributes
    ----------
    name
        By which it is called after ``zoo:``.
    url, sha256
        Where it is, and what it is.
    about
        One sentence.
    card
        What it does not say itself, as in a file ``NAME.card.json``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]{0,99}$")
    url: str
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    about: str = ""
    card: JsonObject = Field(default_factory=dict)

    @property
    def ref(self) -> str:
        """Its name wherever a model is named."""
        return f"{PREFIX}:{self.name}"

    @property
    def path(self) -> Path:
        """Where it is once it was downloaded."""
        return zoo_folder() / f"{self.name}{PurePosixPath(urlsplit(self.url).path).suffix}"

    @property
    def here(self) -> bool:
        """Whether it was downloaded."""
        return self.path.is_file()


def zoo_folder() -> Path:
    """Return the folder of what was downloaded; it need not exist."""
    return user_data_path("napari-pseudolabel", appauthor=False) / "zoo"


def zoo_files(more: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the files that are read: those that are given, those of the environment, and ``zoo.yaml`` in the user's folder."""
    named = [Path(one) for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one.strip()]
    own = user_data_path("napari-pseudolabel", appauthor=False) / "zoo.yaml"
    return tuple(dict.fromkeys([*more, *named, *([own] if own.is_file() else ())]))


def zoo_models(more: Sequence[Path] = ()) -> tuple[ZooModel, ...]:
    """List the models of all zoo files; of two with one name, the first.

    Raises
    ------
    InputError
        If a file is missing, or is no zoo.
    """
    found: dict[str, ZooModel] = {}
    for path in zoo_files(more):
        for model in read_zoo(path):
            found.setdefault(model.name, model)
    return tuple(found.values())


def read_zoo(path: Path) -> tuple[ZooModel, ...]:
    """Read one zoo file; raises as `zoo_models` does."""
    try:
        said = parse_yaml(read_bytes(path, BUDGET.yaml_bytes), path.name)
    except OSError as error:
        raise InputError(
            f"The zoo {path} cannot be read ({error.strerror or error}); check the path."
        ) from None
    listed = said.get("models") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise InputError(f"{path.name} is no zoo: it has no list called models.")
    found = []
    for number, one in enumerate(listed, 1):
        try:
            model = ZooModel.model_validate(one)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise InputError(f"Model {number} of {path.name} is wrong at {where}: {first['msg']}.") from None
        if model.path.suffix not in suffixes():
            raise InputError(
                f"Model {number} of {path.name}, {model.name}, is no file of a kind that holds a model; known are "
                f"{', '.join(suffixes())}."
            )
        card_shaped(model.card)
        found.append(model)
    return tuple(found)


def zoo_model(name: str, more: Sequence[Path] = ()) -> ZooModel:
    """Return a model by its name, with or without ``zoo:``.

    Raises
    ------
    InputError
        If no zoo has it; lists those that are there.
    """
    plain = name.removeprefix(f"{PREFIX}:")
    models = zoo_models(more)
    for model in models:
        if model.name == plain:
            return model
    known = ", ".join(model.name for model in models)
    where = f"the zoo has {known}" if known else f"there is no zoo; name a file by --zoo or by {VARIABLE}"
    raise InputError(f"There is no model “{plain}”: {where}.")


def get(model: ZooModel, control: Control = Control()) -> Path:
    """Download a model unless it is here, and write its card beside it.

    Raises
    ------
    InputError
        If it cannot be had, or is not what the zoo says; nothing is kept.
    Cancelled
        If the person cancelled; nothing is kept.
    """
    path = download(model.url, model.sha256, model.path, "get it again", control)
    if model.card:
        write_sidecar(path, model.card)
    return path
