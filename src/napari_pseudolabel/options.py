"""What an option is: a field of a frozen dataclass, with what a person is told about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Option:
    """What stands in the ``Annotated`` of a field.

    Attributes
    ----------
    sentence
        For the person.
    least
        The smallest value; None for any.
    flag
        Its name in the shell, where that is not the name of the field.
    form
        How a value is written in the shell, such as ``NAME=ID``; empty for what follows from the type.
    """

    sentence: str
    least: float | None = None
    flag: str = ""
    form: str = ""


def options_of(group: type[Any]) -> Iterator[tuple[str, Any, Option]]:
    """Name, type and option of every field of a dataclass of options.

    Parameters
    ----------
    group
        A dataclass whose fields are ``Annotated[type, Option(...)]``.
    """
    hints = get_type_hints(group, include_extras=True)
    for one in fields(group):
        hint = hints[one.name]
        yield one.name, hint.__origin__, next(told for told in hint.__metadata__ if isinstance(told, Option))


def flag_of(name: str, option: Option) -> str:
    """The name of an option in the shell."""
    return option.flag or f"--{name.replace('_', '-')}"
