"""What an option is: a field of a frozen dataclass, with everything that a person is told about it.

Range checks, the forms of the docks, the options of the shell and their help, provenance and its way back, and
``docs/options.md`` follow from it; nothing of that is written by hand.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cache
from numbers import Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import JsonObject

Seen = Literal["everywhere", "shell", "dock", "python"]

_UNFIT = object()


@dataclass(frozen=True)
class Option:
    """What stands in the ``Annotated`` of a field.

    On a field that holds a dataclass of options, it is one question with several answers: the first of these that is
    set counts. The shell has an option for each, a dock lists them.

    Attributes
    ----------
    sentence
        For the person.
    title
        In docks, in plain words; by default from the name of the field.
    term
        What the field calls it, where the title is plainer: for tooltips, errors and whoever comes from a paper.
    unit
        Of the value, such as ``px``; ``%`` shows a share of 1 as per cent.
    least, most
        Smallest and largest value.
    above, below
        The same, but excluded themselves.
    step
        Of one click in a dock for whole numbers; for others, what the last digit counts.
    typical
        What a dock begins with where one of several answers is chosen that has no value yet.
    special
        What None is called in a dock, or the smallest value where None is none.
    names
        What the values of a list are called in a dock.
    listed
        The values are only known when a dock runs, which offers them.
    group
        ``advanced`` options of a dock are folded away.
    seen
        Who offers it; from Python it can always be set.
    widget
        A type of magicgui where that of the field does not fit.
    flag
        Its name in the shell, where that is not the name of the field.
    form
        How a value is written in the shell, such as ``NAME=ID``; empty for what follows from the type.
    """

    sentence: str
    title: str = ""
    term: str = ""
    unit: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    step: float | None = None
    typical: float | None = None
    special: str = ""
    names: tuple[tuple[Any, str], ...] = ()
    listed: bool = False
    group: Literal["main", "advanced"] = "main"
    seen: Seen = "everywhere"
    widget: str = ""
    flag: str = ""
    form: str = ""

    def allows(self, value: float) -> bool:
        """Whether a number is in the range; what is no number is not."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    @property
    def tooltip(self) -> str:
        """What a dock says about it: the sentence, and the term that papers and the shell have for it."""
        return f"{self.sentence.rstrip('.')}. Also called: {self.term}." if self.term else self.sentence

    @property
    def range(self) -> str:
        """The values that are allowed, in words; empty for all."""
        if self.least is not None and self.most is not None:
            return f"from {self.least:.10g} to {self.most:.10g}"
        bounds = (
            "" if self.least is None else f"{self.least:.10g} or more",
            "" if self.most is None else f"{self.most:.10g} or less",
            "" if self.above is None else f"above {self.above:.10g}",
            "" if self.below is None or self.below == float("inf") else f"below {self.below:.10g}",
        )
        return " and ".join(filter(None, bounds))


@dataclass(frozen=True)
class OptionField:
    """An option, and where it stands.

    Attributes
    ----------
    path
        Names of the fields that lead to it, its own last.
    kind
        Its type, None among it or not.
    default
        Of the dataclass.
    option
        What the person is told.
    within
        Of the field that holds the dataclass, where that is one question with several answers.
    """

    path: tuple[str, ...]
    kind: Any
    default: Any
    option: Option
    within: Option | None = None

    @property
    def name(self) -> str:
        """Of the field itself."""
        return self.path[-1]

    @property
    def key(self) -> str:
        """A name that no other option of the dataclass has."""
        return "_".join(self.path)

    @property
    def flag(self) -> str:
        """Its name in the shell."""
        return self.option.flag or f"--{self.name.replace('_', '-')}"

    @property
    def title(self) -> str:
        """Its name in docks."""
        return self.option.title or self.name.replace("_", " ").capitalize()

    @property
    def word(self) -> str:
        """Its name in errors, which is that of the shell rather than that of the docks."""
        return f"{self.option.term[:1].upper()}{self.option.term[1:]}" or self.title

    @property
    def value_kind(self) -> object:
        """Its type where it is not None."""
        kinds = [argument for argument in get_args(self.kind) if argument is not type(None)]
        return kinds[0] if len(kinds) == 1 and type(None) in get_args(self.kind) else self.kind

    @property
    def optional(self) -> bool:
        """Whether it can be None."""
        return type(None) in get_args(self.kind)

    def of(self, options: Any) -> Any:
        """Its value in a dataclass of options."""
        for name in self.path:
            options = getattr(options, name)
        return options

    def seen_in(self, place: Seen) -> bool:
        """Whether the shell, or a dock, offers it."""
        told = (self.option, self.within or self.option)
        return all(option.seen in ("everywhere", place) for option in told)

    def read(self, text: str) -> Any:
        """Its value from what was typed.

        Raises
        ------
        InputError
            If it is no value for it.
        """
        # Formats have options, and the help of the shell lists formats.
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(self.kind).validate_strings(text)
        except ValidationError:
            raise InputError(f"“{text}” is no {self.word.lower()}; give {_words(self.value_kind)}.") from None


class Checked:
    """A dataclass of options that refuses values of another type, and out of range."""

    def __post_init__(self) -> None:
        """Check every option; numbers of numpy become those of Python, which files and processes take.

        Raises
        ------
        InputError
            If one is of another type, or out of range.
        """
        for option in options_of(type(self)):
            if len(option.path) > 1:
                continue
            given = getattr(self, option.name)
            value = _fitting(option.kind, given)
            if value is _UNFIT:
                raise InputError(f"{option.word} must be {_words(option.value_kind)}, not {given!r}.")
            if value is not given:
                object.__setattr__(self, option.name, value)
            if isinstance(value, (int, float)) and not option.option.allows(value):
                raise InputError(f"{option.word} must be {option.option.range}, not {value:.10g}.")


def options_of(group: type[object], without: frozenset[str] = frozenset()) -> tuple[OptionField, ...]:
    """List all options of a dataclass, those of the dataclasses in its fields included.

    Parameters
    ----------
    group
        Its fields are ``Annotated[type, Option(...)]``, or dataclasses of options; others are no options.
    without
        Names of fields to leave out.
    """
    return _all(cast(Hashable, group), without)


def changed(options: Any, values: Mapping[tuple[str, ...], object]) -> Any:
    """Return a dataclass of options with other values, by the paths of `OptionField`."""
    own = {path[0]: value for path, value in values.items() if len(path) == 1}
    for name in {path[0] for path in values if len(path) > 1}:
        inner = {path[1:]: value for path, value in values.items() if path[0] == name and len(path) > 1}
        own[name] = changed(getattr(options, name), inner)
    return replace(options, **own)


def written(options: object) -> JsonObject:
    """Return a dataclass of options as plain values for JSON; `read` is the way back."""
    from pydantic import TypeAdapter

    return cast(JsonObject, TypeAdapter(type(options)).dump_python(options, mode="json"))


def typed(options: object) -> list[str]:
    """Return what is typed in the shell to get a dataclass of options; nothing for what is as usual."""
    words: list[str] = []
    for one in options_of(type(options)):
        value = one.of(options)
        if not one.seen_in("shell") or value == one.default or value is None:
            continue
        if isinstance(value, bool):
            words.append(one.flag if value else f"--no-{one.flag.removeprefix('--')}")
        else:
            for part in value if isinstance(value, (list, tuple)) else [value]:
                words += [one.flag, str(part)]
    return words


def read(group: type[Any], found: Any) -> Any:
    """Options of a class from what `written` wrote.

    Raises
    ------
    ValueError
        If an option is unknown, or a value has another type.
    """
    from pydantic import TypeAdapter, ValidationError

    _check_names(group, found)
    try:
        return TypeAdapter(group).validate_python(dict(found))
    except ValidationError as error:
        raise ValueError("; ".join(map(_reason, error.errors()))) from error


@cache
def _all(group: Hashable, without: frozenset[str]) -> tuple[OptionField, ...]:
    return tuple(_options(cast(type[object], group), without, ()))


def _options(group: type[Any], without: frozenset[str], path: tuple[str, ...]) -> Iterator[OptionField]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        if field.name in without:
            continue
        hint, place = hints[field.name], (*path, field.name)
        option = next(
            (found for found in getattr(hint, "__metadata__", ()) if isinstance(found, Option)), None
        )
        kind = hint.__origin__ if option is not None else hint
        if is_dataclass(kind):
            for inner in _options(cast(type[object], kind), without, place):
                yield replace(inner, within=option or inner.within)
        elif option is not None:
            default = field.default if field.default_factory is MISSING else field.default_factory()
            yield OptionField(place, kind, default, option)


def _check_names(group: type[Any], found: Any) -> None:
    if not isinstance(found, Mapping):
        raise ValueError("options are names with values")
    hints = get_type_hints(group)
    if unknown := sorted(set(found) - {field.name for field in fields(group)}):
        raise ValueError(f"there is no option {', '.join(unknown)}")
    for name, value in found.items():
        if is_dataclass(hints[name]):
            _check_names(cast(type[object], hints[name]), value)


def _reason(error: Mapping[str, Any]) -> str:
    """Why pydantic declines a value; what is out of range has a sentence of ours."""
    if own := error.get("ctx", {}).get("error"):
        return str(own).rstrip(".")
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def _fitting(kind: Any, value: Any) -> Any:
    """Return a value as one of a type, `_UNFIT` where it is none; of lists and paths every value counts as one."""
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        found = (_fitting(one, value) for one in get_args(kind))
        return next((one for one in found if one is not _UNFIT), _UNFIT)
    if get_origin(kind) is Literal:
        return next((one for one in get_args(kind) if type(one) is type(value) and one == value), _UNFIT)
    if kind in (None, NoneType):
        return None if value is None else _UNFIT
    if kind is bool:
        return bool(value) if type(value).__name__ in ("bool", "bool_") else _UNFIT
    if kind is str:
        return value if isinstance(value, str) else _UNFIT
    if kind not in (int, float):
        return _UNFIT if value is None else value
    if isinstance(value, bool) or not isinstance(value, Real) or (kind is int and value % 1 != 0):
        return _UNFIT
    return value if type(value) in (int, kind) else kind(value)


def _words(kind: object) -> str:
    """Return what can be typed for a type."""
    *most, last = _values(kind)
    return f"{', '.join(most)} or {last}" if most else last


def _values(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(argument) for argument in get_args(kind)]
    parts = [text for argument in get_args(kind) if argument is not type(None) for text in _values(argument)]
    return parts or [{int: "a whole number from 0", float: "a number"}.get(kind, "some text")]
