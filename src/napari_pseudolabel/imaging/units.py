"""Units of length and time as files, napari and people spell them."""

from __future__ import annotations

import html
import re
import unicodedata
from contextlib import suppress
from types import MappingProxyType

SMALLEST_UM, LARGEST_UM = 1e-5, 1e4
"""Sides of pixels, a hundredth of a nanometre to a centimetre: what is outside was never looked at through a microscope."""

# One row per unit: the name pint (and so napari) uses, its size in um or s, the symbol of the OME
# schema, and other spellings. The micro sign exists twice in Unicode, U+00B5 and U+03BC; `_plain` makes one of them.
_Rows = tuple[tuple[str, float, str, tuple[str, ...]], ...]
_PREFIXES = (
    *(("yotta", "Y", 24), ("zetta", "Z", 21), ("exa", "E", 18), ("peta", "P", 15), ("tera", "T", 12)),
    *(("giga", "G", 9), ("mega", "M", 6), ("kilo", "k", 3), ("hecto", "h", 2), ("deca", "da", 1)),
    *(("", "", 0), ("deci", "d", -1), ("centi", "c", -2), ("milli", "m", -3), ("micro", "µ", -6)),
    *(("nano", "n", -9), ("pico", "p", -12), ("femto", "f", -15), ("atto", "a", -18)),
    *(("zepto", "z", -21), ("yocto", "y", -24)),
)
_INCH = 25400.0
_MORE_SPELLINGS = MappingProxyType(
    {
        "micrometer": ("μm", "um", "micron", "microns", "μ", "mum"),
        "microsecond": ("μs", "us"),
        "millisecond": ("msec", "msecs"),
        "second": ("sec", "secs"),
    }
)
_LENGTHS: _Rows = (
    *(
        (f"{name}meter", float(f"1e{power + 6}"), f"{symbol}m", (f"{name}metre", f"{name}metres"))
        for name, symbol, power in _PREFIXES
    ),
    ("angstrom", 1e-4, "Å", ("\u212b", "å", "ångström")),
    ("thou", _INCH / 1000, "thou", ()),
    ("point", _INCH / 72, "pt", ()),
    ("line", _INCH / 12, "li", ()),
    ("inch", _INCH, "in", ("inches",)),
    ("foot", _INCH * 12, "ft", ("feet",)),
    ("yard", _INCH * 36, "yd", ()),
    ("mile", _INCH * 63360, "mi", ()),
    ("astronomical_unit", 1.495978707e17, "ua", ()),
    ("light_year", 9.4607304725808e21, "ly", ()),
    ("parsec", 3.0856775814913673e22, "pc", ()),
)
_TIMES: _Rows = (
    *((f"{name}second", float(f"1e{power}"), f"{symbol}s", ()) for name, symbol, power in _PREFIXES),
    ("minute", 60.0, "min", ()),
    ("hour", 3600.0, "h", ("hr", "hrs")),
    ("day", 86400.0, "d", ()),
)
AT_SCALE_BARS = ("picometer", "angstrom", "nanometer", "micrometer", "millimeter", "centimeter", "inch")
"""Lengths that people want to read beside an image of a microscope; all are known to pint."""


# As Java and Python write letters that they dare not write.
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))", re.IGNORECASE)
_LOST_MICRO = re.compile(r"[?\ufffd]{1,2}m")


def _spellings(rows: _Rows) -> dict[str, str]:
    return {
        spelling: name
        for name, _, symbol, others in rows
        for spelling in (name, name + "s", symbol, *others, *_MORE_SPELLINGS.get(name, ()))
    }


_NAMES = MappingProxyType({**_spellings(_TIMES), **_spellings(_LENGTHS), "pixels": "pixel", "px": "pixel"})
_MICROMETRES = MappingProxyType({name: size for name, size, _, _ in _LENGTHS})
_SYMBOLS = MappingProxyType({name: symbol for name, _, symbol, _ in (*_LENGTHS, *_TIMES)})
_TIME_NAMES = frozenset(name for name, *_ in _TIMES)


def canonical_unit(unit: object) -> str:
    """Return the name pint uses for `unit`; an unknown unit is returned as written.

    Parameters
    ----------
    unit
        Anything whose text is a unit: ``"um"``, ``"µm"``, ``"micron"``, a ``pint.Unit``.
    """
    text = _plain(str(unit))
    return _NAMES.get(text) or _NAMES.get(text.lower()) or text


def _plain(text: str) -> str:
    """Return a unit as it was meant: with one micro sign, whatever programs have made of it."""
    text = html.unescape(_ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text))
    for encoding in ("latin-1", "cp1252", "mac-roman"):
        # UTF-8 that was read as if it were something else.
        with suppress(UnicodeError):
            text = text.encode(encoding).decode("utf-8")
    text = unicodedata.normalize("NFKC", text).strip().strip("\0")
    # The only unit with a letter that programs lose.
    return _LOST_MICRO.sub("μm", text)


def unit_or_pixel(unit: object) -> str:
    """As `canonical_unit`, but a unit that is not in our tables counts as a pixel.

    Files hold units such as OME's "reference frame", which pint and therefore napari refuse.
    """
    name = canonical_unit(unit)
    return name if name in _SYMBOLS else "pixel"


def micrometres(unit: object) -> float | None:
    """Length of one `unit` in um; None when it is not a length (pixel, second, unknown)."""
    return _MICROMETRES.get(canonical_unit(unit))


def is_time(unit: object) -> bool:
    """Return whether it is a unit of time."""
    return canonical_unit(unit) in _TIME_NAMES


def ome_symbol(unit: object) -> str | None:
    """Symbol of `unit` in the OME schema (``"µm"``), None when the schema has none."""
    name = canonical_unit(unit)
    return "pixel" if name == "pixel" else _SYMBOLS.get(name)
