"""What is described, listed or opened without the libraries that take seconds to import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def shell(arguments: str, said: str = "pseudolabel") -> str:
    """Code that runs the shell command with the list that `arguments` spells."""
    return f"""
import contextlib, io, sys
sys.argv[1:] = {arguments}
from napari_pseudolabel.cli import main
with contextlib.redirect_stdout(io.StringIO()) as shown:
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, end.code
assert {said!r} in shown.getvalue()
"""


HEAVY = "torch monai napari qtpy skimage dask zarr"
# What runs, and what is not imported by then. One process does it all, so the lightest comes first.
ROWS = {
    "formats, for the help of the shell": (
        "import napari_pseudolabel.cli.option_types; from napari_pseudolabel.formats import formats; formats()",
        "numpy tifffile imagecodecs pydantic",
    ),
    "the version": (shell("['--version']"), HEAVY),
    "the help of the shell": (shell("['--help']"), HEAVY),
    "the help of a command": (shell("['segment', '--help']"), HEAVY),
    "samples in the menu": (
        "import napari_pseudolabel.sample_data.contributions",
        "napari torch skimage pooch",
    ),
    "the manifest": (
        "from npe2 import PluginManager; m = PluginManager.instance(); m.discover();"
        "assert 'napari-pseudolabel' in [one.name for one in m.iter_manifests()]",
        "napari torch",
    ),
    "asking whether a folder is a workspace": (
        "from napari_pseudolabel.widgets.project.reader import session_reader;"
        "assert session_reader('.') is None",
        "torch napari qtpy imagecodecs._zstd",
    ),
    "the workspace": ("import napari_pseudolabel.workspace", "torch napari"),
    "a fine-tuning": (
        "import napari_pseudolabel.training.training_jobs, napari_pseudolabel.training.segmenter.fine_tune_task,"
        "napari_pseudolabel.training.student.distil_task",
        "torch monai napari scipy",
    ),
    "a tutorship": (
        "import napari_pseudolabel.training.common.training_events,napari_pseudolabel.strategies.tutorship",
        "torch monai napari scipy",
    ),
    "strategies": (
        "from napari_pseudolabel.strategies import registry; assert registry.offered()",
        "torch monai napari scipy",
    ),
    "a training of translators": (
        "import napari_pseudolabel.training.translator.tune_translator,"
        "napari_pseudolabel.training.translator.grey_levels_fit",
        "torch monai",
    ),
    "named checkpoints": (
        "from napari_pseudolabel.models import named_checkpoints; named_checkpoints()",
        "torch",
    ),
    "what a worker needs before it has a job": (
        "from napari_pseudolabel.models.loaded import LoadedModels; LoadedModels()",
        "torch scipy napari",
    ),
    "jobs of docks, which workers import": (
        "import importlib, pathlib, napari_pseudolabel.widgets as w\n"
        "names = [f'{path.parent.name}.{path.stem}' for path in pathlib.Path(w.__path__[0]).glob('*/*_jobs.py')]\n"
        "assert 'export.export_jobs' in names\n"
        "for name in names: importlib.import_module(f'napari_pseudolabel.widgets.{name}')",
        "napari qtpy",
    ),
    "the Pseudo-label dock, without a search for garbage among all that napari made": (
        "import gc, qtpy.QtWidgets; searches = []\n"
        "gc.callbacks.append(lambda phase, _: searches.append(phase)); searches.clear()\n"
        "import napari_pseudolabel.widgets.pseudo_label.dock\n"
        "assert searches.count('start') <= 2, searches\n"
        "from napari_pseudolabel.imports import search_once\n"
        "searches.clear(); gc.disable(); search_once(); search_once(); assert searches == ['start', 'stop']; gc.enable()",
        "torch scipy.sparse.csgraph skimage.morphology",
    ),
    "docks": (
        "import napari_pseudolabel.widgets.pseudo_label.dock, napari_pseudolabel.widgets.export.dock,"
        "napari_pseudolabel.widgets.correct.dock, napari_pseudolabel.widgets.train.dock,"
        "napari_pseudolabel.widgets.measures.dock",
        "torch pyqtgraph pandas distributed zarr dask.array scipy.stats scipy.signal scipy.optimize matplotlib",
    ),
}
# What no run has a use for; torch's compiler alone takes as long to import as the rest of torch.
NO_RUN = (
    "sympy torch._dynamo torch._inductor monai pandas matplotlib skimage.filters scipy.stats scipy.signal scipy.optimize "
    "dask zarr distributed lightning_fabric napari qtpy napari_pseudolabel.engine"
)
# In another process, because these may import torch.
RUNS = {
    "the list of models": (shell("['models']", "sem-to-tem"), f"torch scipy skimage {NO_RUN}"),
    "looking into checkpoints": (
        "from napari_pseudolabel.models import inspect, bundled_checkpoints\n"
        "assert all(inspect(one.path).usable for one in bundled_checkpoints())",
        f"scipy skimage {NO_RUN}",
    ),
    "labels of an image": (
        "import numpy, tempfile, tifffile; folder = tempfile.mkdtemp()\n"
        "noise = numpy.random.default_rng(0).integers(256, size=(64, 64), dtype='uint8')\n"
        "tifffile.imwrite(f'{folder}/a.tif', noise)\n"
        + shell(
            "['label', f'{folder}/a.tif', f'{folder}/b.png', '--flips', '0',"
            "'--translator', 'sample:sem-to-tem', '--segmenter', 'sample:tem-axons']",
            "confidence",
        ),
        NO_RUN,
    ),
}
SCRIPT = """
import json, sys
for code, heavy in json.loads(sys.argv[1]):
    exec(code)
    print(json.dumps(sorted(set(heavy.split()) & set(sys.modules))))
"""


def found(rows: dict[str, tuple[str, str]]) -> dict[str, list[str]]:
    """What each row imported although it must not."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(list(rows.values()))],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(zip(rows, map(json.loads, ran.stdout.splitlines()), strict=True))


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    return found(ROWS)


@pytest.fixture(scope="module")
def imported_by_runs() -> dict[str, list[str]]:
    return found(RUNS)


@pytest.mark.parametrize("row", ROWS)
def test_nothing_heavy_is_imported(imported: dict[str, list[str]], row: str) -> None:
    assert imported[row] == []


@pytest.mark.parametrize("row", RUNS)
def test_no_run_imports_what_it_does_not_use(imported_by_runs: dict[str, list[str]], row: str) -> None:
    assert imported_by_runs[row] == []
