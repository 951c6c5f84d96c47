"""Options of commands that follow from what `napari_pseudolabel.options` declares."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import OptionField, changed, options_of

Command = Callable[..., None]
# What typer reads by itself.
_KINDS = (int, float, str, bool, Path)


def offered(group: type[object], without: frozenset[str] = frozenset()) -> tuple[OptionField, ...]:
    """List the options of a dataclass that the shell has."""
    return tuple(option for option in options_of(group, without) if option.seen_in("shell"))


def parameter(
    one: OptionField,
    *,
    given: bool = False,
    panel: str | None = None,
    presets: Mapping[str, object] = MappingProxyType({}),
) -> inspect.Parameter:
    """Describe an option as typer reads it.

    Parameters
    ----------
    one
        The option.
    given
        Without a value it is None, so that one can see whether it was given.
    panel
        Of the help in which it stands.
    presets
        Other options by name, whose value the help says where it is another.
    """
    told: dict[str, Any] = {"help": one.option.sentence, "rich_help_panel": panel}
    kind = one.kind
    element = get_args(one.value_kind)[0] if get_origin(one.value_kind) is list else one.value_kind
    if get_origin(element) is Literal or element not in _KINDS:
        told |= {"parser": functools.partial(_read, one), "metavar": "|".join(_values(element))}
        kind = str | None if one.optional else str
    elif element in (int, float):
        told |= {"min": one.option.least, "max": one.option.most}
    if one.option.form:
        told["metavar"] = one.option.form
    default = one.default
    if given:
        others = [f"{name}: {one.of(it)}" for name, it in presets.items() if one.of(it) != default]
        told["show_default"] = False if default in (None, "") else "; ".join([str(default), *others])
        kind, default = kind | None, None
    return _parameter(one.key, kind, default, typer.Option(one.flag, **told))


def expanded(
    name: str,
    group: type[Any],
    without: frozenset[str] = frozenset(),
    *,
    of: str = "",
    presets: Mapping[str, object] | None = None,
) -> Callable[[Command], Command]:
    """Replace a parameter of a command by the options of a dataclass, of which it is handed one.

    Parameters
    ----------
    name
        Of the parameter.
    group
        The dataclass; fields that typer describes, and not `napari_pseudolabel.options`, are options as well.
    without
        Names of fields that the command does not need; they keep their defaults.
    of
        What they are about, in the place of the braces in flags and sentences, where a command asks twice.
    presets
        Where the person chooses what to start from: these by name, or the defaults. The command is handed what was
        given, by the paths of `OptionField`.
    """
    declared = {f"{of}_{one.key}" if of else one.key: _about(one, of) for one in offered(group, without)}
    added = [
        parameter(option_field, given=presets is not None, presets=presets or {}).replace(name=key)
        for key, option_field in declared.items()
    ]
    own = [
        _parameter(field, hint.__origin__, group.__dataclass_fields__[field].default, *hint.__metadata__)
        for field, hint in get_type_hints(group, include_extras=True).items()
        if any(isinstance(one, typer.models.OptionInfo) for one in getattr(hint, "__metadata__", ()))
    ]

    def made(values: Mapping[str, object]) -> Any:
        found = {option_field.path: values[key] for key, option_field in declared.items()}
        if presets is not None:
            return {path: value for path, value in found.items() if value is not None}
        return changed(group(**{one.name: values[one.name] for one in own}), found)

    return replacing(name, [*added, *own], made)


def replacing(
    name: str, added: list[inspect.Parameter], made: Callable[[Mapping[str, Any]], Any]
) -> Callable[[Command], Command]:
    """Replace a parameter of a command by others, from whose values it is made."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)

        @functools.wraps(command)
        def called(**values: object) -> None:
            given = {one.name: values.pop(one.name) for one in added}
            command(**values, **{name: made(given)})

        parameters = [*(one for key, one in own.parameters.items() if key != name), *added]
        # What typer reads.
        called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def _about(one: OptionField, what: str) -> OptionField:
    if not what:
        return one
    option = replace(one.option, sentence=one.option.sentence.format(what), flag=one.flag.format(what))
    return replace(one, option=option)


def _parameter(name: str, kind: object, default: object, *told: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, *told]
    )


def _read(one: OptionField, text: str) -> object:
    try:
        return one.read(text)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def _values(kind: Any) -> list[str]:
    """Return what can be typed for a type."""
    if get_origin(kind) is Literal:
        return [str(argument) for argument in get_args(kind)]
    inner = [text for argument in get_args(kind) if argument is not type(None) for text in _values(argument)]
    return inner or [{int: "INTEGER", float: "FLOAT"}.get(kind, "TEXT")]
