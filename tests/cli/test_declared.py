"""Options of a command follow from dataclasses: one that is asked for twice, and what goes over a preset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.options import Checked, Option


@dataclass(frozen=True)
class Inner(Checked):
    width: Annotated[int, Option("How wide.", least=1, flag="--wide")] = 8


@dataclass(frozen=True)
class Toy(Checked):
    steps: Annotated[int, Option("How many.", least=1)] = 50
    rate: Annotated[float, Option("How fast.", above=0)] = 0.5
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Side:
    name: Annotated[str | None, Option("Name of the {}.", flag="--{}-name")] = None


@pytest.fixture
def call():
    app, told = typer.Typer(), []

    @app.command()
    @expanded("left", Side, of="left")
    @expanded("right", Side, of="right")
    @expanded("given", Toy, presets={"small": Toy(5, inner=Inner(2))})
    def command(left: Side, right: Side, given: dict[tuple[str, ...], object]) -> None:
        told.append((left, right, given))

    def run(*words: str):
        result = CliRunner().invoke(app, words, env={"COLUMNS": "200"}, terminal_width=200)
        return result, told[-1] if told else None

    return run


def test_a_command_asks_twice(call):
    assert call("--left-name", "a", "--right-name", "b")[1][:2] == (Side("a"), Side("b"))
    assert "Name of the right." in call("--help")[0].output


def test_only_what_is_given_goes_over_a_preset(call):
    assert call()[1][2] == {}
    assert call("--steps", "50", "--wide", "3")[1][2] == {("steps",): 50, ("inner", "width"): 3}
    assert call("--steps", "0")[0].exit_code != 0


def test_the_help_says_what_the_presets_begin_with(call):
    text = call("--help")[0].output
    assert "50; small: 5" in text
    assert "8; small: 2" in text
    assert "(0.5)" in text
