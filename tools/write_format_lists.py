"""Write what follows from the file formats into the manifest of napari and into docs/formats.md.

Run it after a format was added or changed: ``python tools/write_format_lists.py``. The tests compare.
"""

from __future__ import annotations

import re
from pathlib import Path

from napari_pseudolabel.formats import Format, formats
from napari_pseudolabel.viewer.writers import writer_name

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "src" / "napari_pseudolabel" / "napari.yaml"
PAGE = ROOT / "docs" / "formats.md"


def main() -> None:
    """Write both."""
    for path, sections in ((MANIFEST, manifest()), (PAGE, page())):
        path.write_text(filled(path.read_text(encoding="utf-8"), sections), encoding="utf-8")


def manifest() -> dict[str, str]:
    """Lines of the manifest by the name of their section; what has no suffix of its own nobody can ask for there."""
    written = [one for one in formats() if one.suffixes]
    return {
        "commands": "".join(map(_command, written)),
        "writers": "".join(map(_writer, written)),
    }


def page() -> dict[str, str]:
    """Return the table of the formats."""
    head = "| format | name | ends of names | holds | besides labels | largest value | not labelled | read by |\n"
    return {"table": head + "|---" * 8 + "|\n" + "".join(_row(file_format) for file_format in formats())}


def filled(text: str, sections: dict[str, str]) -> str:
    """Return a text whose sections, between marks such as ``formats: writers`` and ``formats end``, are written anew."""
    for name, lines in sections.items():
        before, mark, after = text.partition(f"formats: {name},")
        assert mark, f"no section {name}"
        first, _, rest = after.partition("\n")
        end = re.search(r"^.*formats end", rest, re.MULTILINE)
        assert end, f"no end of section {name}"
        text = f"{before}{mark}{first}\n{lines}{rest[end.start() :]}"
    return text


def _command(one: Format) -> str:
    name = writer_name(one)
    return (
        f"    - id: napari-pseudolabel.{name}\n"
        f"      title: Write labels as {one.title} with provenance\n"
        f"      python_name: napari_pseudolabel.viewer.writers:{name}\n"
    )


def _writer(one: Format) -> str:
    return (
        f"    - command: napari-pseudolabel.{writer_name(one)}\n"
        "      layer_types: [labels]\n"
        f"      filename_extensions: [{', '.join(one.suffixes)}]\n"
        f"      display_name: {one.title} with provenance\n"
    )


def _row(one: Format) -> str:
    others = ", ".join(sorted(one.holds - {"classes"})) or "nothing"
    rest = one.rest or ("a value of its own" if one.marks else "as background")
    cells = (
        one.title,
        f"`{one.name}`",
        ", ".join([*["a folder"] * one.folder, *(f"`{suffix}`" for suffix in one.suffixes)]),
        one.what,
        others,
        str(one.largest),
        rest,
        one.readers,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
