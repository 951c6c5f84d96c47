"""Text that may come from a file, made safe to show: in a terminal, a log, a label of a dock."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_LONGEST = 4000


def shown(text: object, keep: str = "") -> str:
    r"""Return text in which everything that a person cannot see is spelled out: ``\x1b``, ``\u202e``.

    Parameters
    ----------
    text
        Anything; its text is taken.
    keep
        Characters that are left as they are, such as a newline in a text of several lines.
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(one if one in keep or not _is_unseen(one) else _spelled(one) for one in plain)


def sentence(text: object) -> str:
    """One line for the person: white space becomes single spaces, the rest is `shown`; cut if it has no end."""
    words = " ".join(str(text).split())
    return shown(words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ...")


def duration(seconds: float) -> str:
    """Seconds in words: "12 s", "3 min", "1.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def some(names: Sequence[str], most: int, link: str = ", ", more: str = " and {} more") -> str:
    """Return the first names of many, and how many more there are: "a, b and 3 more"."""
    rest = len(names) - most
    return link.join(names[:most]) + (more.format(rest) if rest > 0 else "")


def json_shown(text: str) -> str:
    """Return the same for a JSON text, which stays the same JSON: unseen characters in it become its own escapes."""
    return "".join(one if one == "\n" or not _is_unseen(one) else _escaped(one) for one in text)


def _is_unseen(one: str) -> bool:
    # Control characters, such as those that begin a terminal's commands; invisible ones, such as those that turn
    # the direction of reading round; halves of characters; ends of lines. Spaces of any width can be seen.
    return not one.isprintable() and unicodedata.category(one) != "Zs"


def _spelled(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode("ascii")


def _escaped(one: str) -> str:
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
