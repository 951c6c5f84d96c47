"""The script of docs/cluster.md labels a folder on workers that are jobs of a queue."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dask
import numpy as np
import pytest

from napari_pseudolabel.imaging import read_labels

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
# A cluster with room for one job: it is started as it would be on a node, the others wait for ever.
SBATCH = """#!{python}
import subprocess, sys
from pathlib import Path
here = Path(__file__).parent
number = len(list(here.glob("job-*"))) + 1
job = here / f"job-{{number}}"
job.write_text(Path(sys.argv[-1]).read_text())
if number == 1:
    with (here / "log").open("wb") as log:
        started = subprocess.Popen(["bash", str(job)], stdout=log, stderr=log, start_new_session=True)
    (here / "group").write_text(str(started.pid))
print(f"Submitted batch job {{number}}")
"""


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The programs of SLURM on this machine; what they have started is gone afterwards."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, text in (("sbatch", SBATCH.format(python=sys.executable)), ("scancel", "#!/bin/sh\n")):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    yield place
    if (place / "group").exists():
        with suppress(ProcessLookupError):
            os.killpg(int((place / "group").read_text()), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="SLURM is not for Windows")
def test_the_script_of_the_page_labels_on_jobs_of_the_queue(cli, queue, image, tmp_path, monkeypatch):
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.ome.tif").write_bytes(image.read_bytes())
    monkeypatch.chdir(tmp_path)
    ran, real = [], subprocess.run

    def run(words, **how):
        if words[0] != "pseudolabel":
            return real(words, **how)
        assert how == {"check": True}
        return ran.append(cli(*words[1:], "--json"))

    # In this process, which has its imports already; everything else is as a person would have it.
    monkeypatch.setattr(subprocess, "run", run)
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    with dask.config.set({"jobqueue.slurm.interface": loopback}):
        exec(compile(script, str(PAGE), "exec"), {"__name__": "__main__"})
    assert ran[0].code == 0, ran[0].err + (queue / "log").read_text()
    assert np.shape(read_labels(tmp_path / "labels" / "a.ome.tif").data) == (40, 52)
    job = (queue / "job-1").read_text()
    assert "#SBATCH --mem=15G" in job
    assert "tls://" in job
    assert (tmp_path / "slurm").stat().st_mode & 0o77 == 0
    assert len(list(queue.glob("job-*"))) == 4
