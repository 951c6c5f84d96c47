"""``pseudolabel zoo``: models that are elsewhere, by the files that name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli.option_types import AsJson
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.cli.progress import interruptible

if TYPE_CHECKING:
    from napari_pseudolabel.models.model_zoo import ZooModel

Zoo = Annotated[
    list[Path] | None,
    typer.Option(
        "--zoo",
        metavar="FILE",
        help="A zoo file (YAML), before those of PSEUDOLABEL_ZOO and zoo.yaml in your folder; repeat it.",
    ),
]


def list_zoo(zoo: Zoo = None, as_json: AsJson = False) -> None:
    """List the models that can be downloaded, and which of them are here."""
    from napari_pseudolabel.models.model_zoo import VARIABLE, zoo_files, zoo_models

    found = zoo_models(zoo or ())
    data = {"files": [str(one) for one in zoo_files(zoo or ())], "models": [_described(one) for one in found]}
    rows = [(one.ref, "here" if one.here else "not here yet", one.about) for one in found]
    text = (
        table(("model", "", "about"), rows)
        if rows
        else f"There is no zoo; name a file by --zoo or by {VARIABLE}."
    )
    show(data, text, as_json=as_json)


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of `pseudolabel zoo list`.")],
    zoo: Zoo = None,
    as_json: AsJson = False,
) -> None:
    """Download a model and check it; from then on it is called zoo:NAME wherever a model is named."""
    from napari_pseudolabel.models import model_zoo as zoos

    model = zoos.zoo_model(name, zoo or ())
    with interruptible() as control:
        path = zoos.get(model, control)
    show({**_described(model), "path": str(path)}, f"{model.ref}: {path}", as_json=as_json)


def _described(model: ZooModel) -> dict[str, object]:
    return {**model.model_dump(mode="json"), "ref": model.ref, "here": model.here}
