"""Sessions that are killed again and again, and sessions whose files are damaged at random."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from damaged_session import DAMAGES, Damage, cut, session, try_one

pytestmark = pytest.mark.soak

TRIES = 400
ROUNDS = 10


@pytest.mark.parametrize("damage", DAMAGES, ids=[one.__name__ for one in DAMAGES])
def test_pixels_of_damaged_sessions(tmp_path, damage: Damage, figures):
    id, expected = session(tmp_path, 7)
    data = (tmp_path / f"{id}.sqlite").read_bytes()
    outcomes = [try_one(tmp_path, id, expected, damage(data, random.Random(seed))) for seed in range(TRIES)]
    wrong = [one for one in outcomes if one.wrong]
    refused = [one for one in outcomes if one.refused]
    figures(tried=TRIES, failed=0 if damage is cut else len(refused), lost=len(wrong))
    assert wrong == []
    # What is cut before the first layer leaves nothing to bring back.
    assert len(refused) <= (TRIES // 4 if damage is cut else 0)


@pytest.mark.timeout(1200)
def test_sessions_brought_back_after_kills_in_a_window(tmp_path, figures):
    image = tmp_path / "sem_12.tif"
    tifffile.imwrite(image, np.random.default_rng(0).integers(0, 255, (300, 400)).astype(np.uint8))
    environment = os.environ | {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    program = Path(__file__).with_name("window_process.py")
    problems = []
    for number in range(ROUNDS + 1):
        with (tmp_path / f"complaints-{number}").open("w+") as complaints:
            window = subprocess.Popen(
                [sys.executable, str(program), str(image), str(number)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
            assert window.stdout is not None
            if window.stdout.readline() != "saved\n":
                complaints.seek(0)
                problems.append(complaints.read()[-2000:])
            time.sleep(random.Random(number).uniform(0, 2))
            window.kill()
            window.communicate()
    figures(tried=ROUNDS, failed=len(problems), lost=sum("is lost" in one for one in problems))
    assert problems == []
