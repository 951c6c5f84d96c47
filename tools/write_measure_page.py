"""Write the tables of columns in docs/measures.md from what the code declares.

Run it after a column was added or changed: ``python tools/write_measure_page.py``. The tests compare.
"""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.labels.measures.measure_columns import COLUMNS, TOTALS, page_table

PAGE = Path(__file__).parents[1] / "docs" / "measures.md"


def sections() -> dict[str, str]:
    """Return the tables by the name of their section."""
    rows = {str(kind): page_table(kind, columns) for kind, columns in COLUMNS.items()}
    totals = {f"totals of {kind}": page_table(kind, columns) for kind, columns in TOTALS.items()}
    return {**rows, **totals}


def filled(text: str) -> str:
    """Return the page with its tables written anew, between ``<!-- columns: NAME -->`` and ``<!-- end -->``."""
    for name, table in sections().items():
        before, mark, after = text.partition(f"<!-- columns: {name} -->")
        _, end, rest = after.partition("<!-- end -->")
        assert end, f"no section {name}"
        text = f"{before}{mark}\n{table}\n{end}{rest}"
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
