"""Does the test suite pass where there is a GPU, and how much of it computes there?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

from gpu_pytest import PROPERTY
from gpu_report import Options, Outcome

ROOT = Path(__file__).parents[1]
QUICK = ("tests/tiling", "tests/models/test_syndiff_golden.py")


def suite(options: Options) -> Outcome:
    """Run the tests in a process of their own; on a CPU without any GPU in sight."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"}
    if not options.on_cuda:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        chosen = QUICK if options.quick else ("tests",)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "gpu_pytest", f"--junitxml={report}", *chosen]
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            last = (ran.stderr.strip() or ran.stdout.strip() or "it said nothing").splitlines()[-1]
            raise RuntimeError(f"pytest ended with {ran.returncode}: {last}")
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    return _outcome(cases, options)


def _outcome(cases: list[ElementTree.Element], options: Options) -> Outcome:
    states: Counter[str] = Counter()
    failed: list[str] = []
    skipped: Counter[str] = Counter()
    on_gpu: list[str] = []
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        state = _state(case)
        states[state] += 1
        if state == "failed":
            failed.append(name)
        if (skip := case.find("skipped")) is not None:
            skipped[skip.get("message", "")] += 1
        if any(element.get("name") == PROPERTY for element in case.iter("property")):
            on_gpu.append(name)
    numbers: dict[str, Any] = {
        **{state: states[state] for state in ("passed", "failed", "skipped")},
        "failed_tests": failed,
        "skipped_reasons": dict(skipped),
        "computed_on_the_gpu": on_gpu,
    }
    row = {state: str(states[state]) for state in ("passed", "failed", "skipped")}
    row["took GPU memory in their own process"] = str(len(on_gpu))
    says = [f"Failed: {name}." for name in failed[:20]]
    says += [f"Skipped {count}: {reason}" for reason, count in skipped.most_common()]
    says.append(
        "Most tests name the CPU; those of tests/gpu name CUDA. Work in worker processes is not counted."
    )
    met = not failed and states["passed"] > 0 and bool(on_gpu) if options.on_cuda else None
    return Outcome(numbers, [row], met, says)


def _state(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"
