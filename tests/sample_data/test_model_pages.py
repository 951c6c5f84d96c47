"""docs/models.md: made from cards and results, and complete."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from napari_pseudolabel.models.registry import named_checkpoints

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def docs_on_the_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs" / "some" / "training"
    folder.mkdir(parents=True)
    (folder / "a-to-b.safetensors").touch()
    losses = ["step,critic,pair", *(f"{step},{1 / step},{'' if step < 5 else 0.0}" for step in range(1, 30))]
    (folder / "losses.csv").write_text("\n".join(losses) + "\n")
    (folder / "measures.csv").write_text("step,quality,hidden\n10,0.5,0\n20,0.7,0\n")
    return tmp_path / "runs"


def test_every_bundled_checkpoint_is_on_the_page_with_a_picture():
    text, notes = ((DOCS / name).read_text(encoding="utf-8") for name in ("models.md", "models_notes.md"))
    names = [one.name for one in named_checkpoints() if one.name.startswith("sample:")]
    assert names
    for name in names:
        assert f"\n## {name}\n" in text, "run docs/make_model_pages.py"
        assert f"\n## {name}\n" in notes
        assert (DOCS / "images" / f"model-{name.partition(':')[2]}.png").stat().st_size <= 150_000


def test_the_page_says_what_cards_and_notes_say():
    from make_model_pages import refreshed

    text = (DOCS / "models.md").read_text(encoding="utf-8")
    assert refreshed(text) == text, "run docs/make_model_pages.py --cards"
    name = "sample:lavender-proxy"
    start = text.index(f"## {name}\n")
    old = text[:start] + text[start:].replace("| F1 nucleus | 0.", "| F1 nucleus | 1.", 1)
    assert old != text
    assert refreshed(old) == text


def test_results_of_the_quality_benchmark_become_tables(tmp_path):
    from model_tables import sections

    summary = {
        "value": 0.75,
        "spread": 0.01,
        "held_out": None,
        "low": 0.7,
        "high": 0.8,
        "seeds": 3,
        "images": 9,
    }
    gain = {"method": "ours", "baseline": "inversion", "measure": "Dice axon", "held_out": True}
    found = {
        "rows": {"ours": {"Dice axon": summary}, "inversion": {"Dice axon": {**summary, "seeds": 1}}},
        "differences": [{**gain, "value": 0.02, "low": -0.01, "high": 0.05, "images": 4}],
        "missing": {"tutorship": "not trained"},
    }
    path = tmp_path / "quality.json"
    path.write_text(json.dumps({"date": "2026-11-22", "directions": {"TEM -> SEM": found}, "records": []}))
    lines = sections(path).splitlines()
    assert "**TEM -> SEM**" in lines
    assert "| ours | 0.750 ± 0.010 (0.700 to 0.800) |" in lines
    assert "| inversion | 0.750 (0.700 to 0.800) |" in lines
    assert "- ours minus inversion, Dice axon, 4 held-out images: +0.020 (-0.010 to +0.050)" in lines
    assert "- tutorship: not trained" in lines


def test_results_of_the_audit_become_tables_and_older_files_nothing(tmp_path):
    from model_tables import sections

    path = tmp_path / "audit.json"
    row = {"images": 4, "kept %": 93.24, "kept %, small": 80.0, "shift px": 0.25}
    path.write_text(json.dumps({"pairs": {"SEM -> TEM": {"rows": {"translation": row}, "images": {}}}}))
    assert "|  | images | kept % | shift px |" in sections(path)
    assert "| translation | 4 | 93.2 | 0.250 |" in sections(path)
    path.write_text(json.dumps({"date": "2026", "rows": [{"method": "inversion"}]}))
    assert sections(path) == ""
    assert sections(tmp_path / "none.json") == ""


def test_curves_of_a_training_are_found_by_the_name_and_drawn(runs, tmp_path):
    from model_curves import folder_of, write_curves

    assert folder_of(runs, "b-to-a") is None
    folder = folder_of(runs, "a-to-b")
    assert folder is not None
    write_curves(folder, tmp_path / "images" / "curves.svg")
    drawing = ElementTree.parse(tmp_path / "images" / "curves.svg").getroot()
    lines = [one for one in drawing if one.tag.endswith("polyline")]
    assert len(lines) == 3  # critic, pair, quality
    width, height = (float(drawing.get(name)) for name in ("width", "height"))
    for line in lines:
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_notes_go_to_the_part_of_their_checkpoint(tmp_path, monkeypatch):
    import make_model_pages

    monkeypatch.setattr(make_model_pages, "NOTES", tmp_path / "notes.md")
    assert make_model_pages._note("sample:a") == "Not looked at yet."
    (tmp_path / "notes.md").write_text("# Notes\n\n## sample:a\n\nMerges.\n\n## sample:a-b\n\nLoses.\n")
    assert make_model_pages._note("sample:a") == "Merges."
    assert make_model_pages._note("sample:a-b") == "Loses."
    assert make_model_pages._note("sample:c") == "Not looked at yet."
