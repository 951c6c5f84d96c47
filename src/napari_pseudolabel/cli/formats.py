"""The format of files in the shell: ``--format``, and the options of every format."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_pseudolabel.cli.declared import offered, parameter, replacing
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats import Format, format_named, format_of, formats, suffix_of
from napari_pseudolabel.options import OptionField, changed

_FORMAT, _OPTION = "format", "of_format_"


@dataclass(frozen=True)
class Wanted:
    """The format that was asked for.

    Attributes
    ----------
    name
        None where the end of a file name decides.
    options
        What was given of the options of any format, by name.
    """

    name: str | None
    options: Mapping[str, Any]

    def format(self, output: Path) -> str | Format | None:
        """Return what `format_of` takes for a file, or for a folder of files.

        Raises
        ------
        InputError
            If an option was given that is for another format.
        """
        if not self.options:
            return self.name
        chosen = (
            format_named(self.name)
            if self.name
            else format_of(output)
            if suffix_of(output.name)
            else formats()[0]
        )
        own = {option.name: option for option in _options(chosen)}
        for other in formats():
            for option in _options(other):
                if option.name in self.options and option.name not in own:
                    raise InputError(
                        f"{option.flag} is for {other.name}; leave it out, or give --format {other.name}."
                    )
        values = {own[name].path: value for name, value in self.options.items()}
        return replace(chosen, options=changed(chosen.options, values))


def _options(format: Format) -> tuple[OptionField, ...]:
    return offered(type(format.options)) if format.options is not None else ()


def _panel(option: OptionField) -> str:
    """Return the title of the options of a format, or of several that share them."""
    having = [format.title for format in formats() if option.name in {one.name for one in _options(format)}]
    return f"Format {' and '.join(having)}"


def _known(text: str) -> str:
    names = [file_format.name for file_format in formats()]
    if text not in names:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(map(repr, names))}.")
    return text


def _parameters() -> list[inspect.Parameter]:
    told = typer.Option(
        "--format",
        parser=_known,
        metavar="NAME",
        help=f"One of {', '.join(file_format.name for file_format in formats())}. By default the end of the name decides; for a folder "
        "of images the first.",
    )
    name = inspect.Parameter(
        _FORMAT, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, told]
    )
    own = {
        one.name: parameter(one, given=True, panel=_panel(one)).replace(name=_OPTION + one.name)
        for format in reversed(formats())
        for one in _options(format)
    }
    return [name, *own.values()]


def _wanted(values: Mapping[str, Any]) -> Wanted:
    given = {
        name.removeprefix(_OPTION): value
        for name, value in values.items()
        if name != _FORMAT and value is not None
    }
    return Wanted(values[_FORMAT], given)


with_format = replacing("wanted", _parameters(), _wanted)
"""Replaces the parameter ``wanted: Wanted`` of a command by ``--format`` and the options of all formats."""
