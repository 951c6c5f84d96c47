"""Classes of a label image: their values, and colours that colour-blind eyes tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import LabelClass

# Okabe & Ito, "Color Universal Design" (2008), without black; the strongest contrasts come first.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
_GREY = "#808080"
_SHADES = (0.45, -0.4, 0.7, -0.65)
BACKGROUND = "background"
LARGEST_VALUE = 255
# Regions that nobody has named yet; classes that a person adds have the values from 1 on.
_FIRST_REGION, _REGION = 101, "region"


def default_classes(names: Sequence[str]) -> tuple[LabelClass, ...]:
    """Classes with consecutive values and colours of the palette.

    Parameters
    ----------
    names
        In the order of the values from 1 on. The background has the value 0 and comes first, whether
        it is named or not.

    Returns
    -------
    tuple of LabelClass
        Background included, without colour.

    Raises
    ------
    InputError
        When a name is empty or occurs twice, no class is left, or there are more than 255.
    """
    wanted = [name.strip() for name in names]
    if wanted and wanted[0] == BACKGROUND:
        del wanted[0]
    if not wanted:
        raise InputError("Name at least one class besides the background.")
    if not all(wanted):
        raise InputError("A class has no name; give each class one.")
    if twice := next((name for name in wanted if wanted.count(name) > 1 or name == BACKGROUND), None):
        raise InputError(f"The class {twice!r} is named twice; give each class a name of its own.")
    if len(wanted) > LARGEST_VALUE:
        raise InputError(
            f"There are {len(wanted)} classes, but labels hold up to {LARGEST_VALUE}; name fewer."
        )
    return with_colours(
        [LabelClass(name=name, value=value) for value, name in enumerate([BACKGROUND, *wanted])]
    )


def classes_of(named: Mapping[str, int]) -> tuple[LabelClass, ...]:
    """Return classes by name and value.

    Raises
    ------
    InputError
        If a value is above those that classes have.
    """
    for name, value in named.items():
        if value > LARGEST_VALUE:
            raise InputError(
                f"{name} has the value {value}, but values of classes go up to {LARGEST_VALUE}; correct the class. Numbers of objects "
                "are no classes."
            )
    return tuple(LabelClass(name=name, value=value) for name, value in named.items())


def nameless(values: Iterable[int]) -> tuple[LabelClass, ...]:
    """Return classes about which nobody knows more than their values."""
    return tuple(LabelClass(name=f"class {value}", value=value) for value in values)


def not_labelled_class(value: int) -> LabelClass:
    """Return what pixels are called in a file that nobody has labelled: no class, and no background either."""
    return LabelClass(name="not labelled", value=value, color=_GREY)


# So many kinds of regions can be told by their values; the largest says nothing, where members of an ensemble are kept.
MOST_REGIONS = LARGEST_VALUE - _FIRST_REGION


def is_nameless(one: LabelClass) -> bool:
    """Whether nobody knows more of a class than its value."""
    return one.name == f"class {one.value}"


def unnamed_regions(count: int) -> tuple[LabelClass, ...]:
    """Return kinds of regions that are to be named, as classes."""
    return tuple(
        LabelClass(name=f"{_REGION} {number + 1}", value=_FIRST_REGION + number) for number in range(count)
    )


def is_unnamed_region(one: LabelClass) -> bool:
    """Whether a class is a kind of regions of which nobody has said what it is."""
    return one.value >= _FIRST_REGION and one.name == f"{_REGION} {one.value - _FIRST_REGION + 1}"


def shaded(colour: str, by: float) -> str:
    """Return a colour, #RRGGBB, so much nearer to white (`by` above 0) or to black (below); 1 is all of the way."""
    parts = bytes.fromhex(colour.lstrip("#"))
    end = 255 if by > 0 else 0
    return "#" + "".join(f"{round(part + abs(by) * (end - part)):02X}" for part in parts)


def with_colours(classes: Sequence[LabelClass]) -> tuple[LabelClass, ...]:
    """Return the classes, with a colour for each that has none; the background stays without.

    The colour follows from the value, so that a class keeps it when others come or go; where another
    class has taken it, the next free one of the palette is used. A longer list of classes than the palette has
    colours goes on with lighter and darker ones, so that pieces beside each other are told apart.
    """
    taken = {one.color.upper() for one in classes if one.color and one.value != 0}
    coloured = []
    for one in classes:
        if one.value != 0 and one.color is None:
            start = (one.value - 1) % len(OKABE_ITO)
            order = OKABE_ITO[start:] + OKABE_ITO[:start]
            more = (shaded(colour, by) for by in _SHADES for colour in order)
            colour = next((colour for colour in (*order, *more) if colour not in taken), order[0])
            taken.add(colour)
            one = one.model_copy(update={"color": colour})
        coloured.append(one)
    return tuple(coloured)


# What the generated fields and the shipped segmenters mean by their values.
AXON_CLASSES = default_classes(("myelin", "axon"))


def named_values(pairs: Sequence[str] | None) -> dict[str, int]:
    """Read ``NAME=ID`` pairs.

    Raises
    ------
    InputError
        When there is none, one has another form, or a name or a value comes twice.
    """
    found: dict[str, int] = {}
    for pair in pairs or ():
        name, _, value = (part.strip() for part in pair.rpartition("="))
        if not name or not value.isdecimal():
            raise InputError(f"“{pair}” is no class; write a name and a label value, such as --class axon=2.")
        if name in found or int(value) in found.values():
            raise InputError(f"“{pair}” repeats a name or a value; give each class once.")
        found[name] = int(value)
    if not found:
        raise InputError("No class is named; add at least one, such as --class axon=2.")
    return found
