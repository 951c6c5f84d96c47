"""What an option is: a field of a frozen dataclass, with what a person is told about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError


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
        A dataclass whose fields are ``Annotated[type, Option(...)]``, and have defaults.
    """
    hints = get_type_hints(group, include_extras=True)
    for one in fields(group):
        hint = hints[one.name]
        yield one.name, hint.__origin__, next(told for told in hint.__metadata__ if isinstance(told, Option))


def flag_of(name: str, option: Option) -> str:
    """The name of an option in the shell."""
    return option.flag or f"--{name.replace('_', '-')}"


def written(options: object) -> dict[str, Any]:
    """A dataclass of options as plain values for JSON; `read` is the way back."""
    return cast(dict[str, Any], TypeAdapter(type(options)).dump_python(options, mode="json"))


def read(group: type[Any], found: Any) -> Any:
    """Options of a class from what `written` wrote.

    Raises
    ------
    ValueError
        If an option is unknown, or a value has another type.
    """
    if not isinstance(found, Mapping):
        raise ValueError("options are names with values")
    if unknown := sorted(set(found) - {one.name for one in fields(group)}):
        raise ValueError(f"there is no option {', '.join(unknown)}")
    try:
        return TypeAdapter(group).validate_python(dict(found))
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ValueError("; ".join(told)) from error
