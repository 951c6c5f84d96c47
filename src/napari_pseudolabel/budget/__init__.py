"""What a file may cost, asked before a library sees it: every parser goes through here."""

from napari_pseudolabel.budget.files import (
    check_memory,
    check_regular,
    free_memory,
    in_words,
    listed,
    open_regular,
    read_bytes,
    read_text,
)
from napari_pseudolabel.budget.jsons import check_header, check_markup, parse_json, read_json
from napari_pseudolabel.budget.limits import BUDGET, Budget
from napari_pseudolabel.budget.pickles import Scan, scan
from napari_pseudolabel.budget.yamls import parse_yaml
from napari_pseudolabel.budget.zips import open_zip

__all__ = [
    "BUDGET",
    "Budget",
    "Scan",
    "check_header",
    "check_markup",
    "check_memory",
    "check_regular",
    "free_memory",
    "in_words",
    "listed",
    "open_regular",
    "open_zip",
    "parse_json",
    "parse_yaml",
    "read_bytes",
    "read_json",
    "read_text",
    "scan",
]
