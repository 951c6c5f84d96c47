"""All commands in one application. Nothing here imports torch: ``--help`` answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_pseudolabel import __version__
from napari_pseudolabel.cli import (
    carry,
    check,
    checkpoints,
    find_scale,
    images,
    labels,
    measure,
    train,
    train_fast_version,
    train_grey_levels,
    train_zero_shot,
    workspace,
    zoo,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pseudolabel {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        # `running.run` takes it out before this is reached; it stands here for the help.
        bool,
        typer.Option("--verbose", help="Print a traceback with every error; so does PSEUDOLABEL_DEBUG=1."),
    ] = False,
) -> None:
    pass


def make_app() -> typer.Typer:
    """All commands, with the strategies that there are."""
    app = typer.Typer(
        add_completion=False,
        help="Carry labels from an imaging modality where you have them to one where you do not.",
    )
    app.callback()(_options)
    app.command("label")(images.label_command())
    app.command("carry")(carry.carry_command())
    app.command()(images.translate)
    app.command()(images.segment)
    app.command()(find_scale.scale)
    app.command()(labels.evaluate)
    app.command()(check.check)
    app.command()(measure.measure)
    app.command()(labels.export)
    app.command()(checkpoints.inspect)
    app.command()(checkpoints.models)
    app.command("export-model")(checkpoints.export_model)

    training = typer.Typer(help="Train models on folders of images.")
    training.command()(train.translator)
    training.command()(train.segmenter)
    training.command("grey-levels")(train_grey_levels.grey_levels)
    training.command("fast-version")(train_fast_version.fast_version)
    training.command("zero-shot")(train_zero_shot.zero_shot)
    app.add_typer(training, name="train")

    workspaces = typer.Typer(help="List, look at, open and export labelling sessions.")
    workspaces.command("list")(workspace.list_sessions)
    workspaces.command()(workspace.show)
    workspaces.command()(workspace.create)
    workspaces.command("open")(workspace.open_session)
    workspaces.command()(workspace.export)
    app.add_typer(workspaces, name="workspace")

    models = typer.Typer(help="List models that are elsewhere, and download them.")
    models.command("list")(zoo.list_zoo)
    models.command()(zoo.get)
    app.add_typer(models, name="zoo")
    return app
