"""Whose the time of the window's own thread is, where a person notices that it computes.

    xvfb-run -a python benchmarks/window_profile.py [--side 6144]

A real window, one thing after the other: the Label dock is imported and opened until its models are listed, the first labels of a
large image come, and a region of 2000 x 2000 is opened (three layers, between which the window may do something else). A profile
of CPU time of this thread alone, so other programs hardly matter, but a profile itself makes Python about twice as slow: shares count.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from latency import live_until
from rich.console import Console
from rich.table import Table
from slide_window import VIEW, SlideDesk

# By where a function's file lies; built-in functions count for whoever calls them.
OWNERS = {
    "napari_pseudolabel": "this plugin",
    "napari/_qt": "napari: controls, lists and docks of Qt",
    "napari/_vispy": "napari: what the canvas draws",
    "vispy": "vispy",
    "napari": "napari: layers and events",
    "magicgui": "magicgui",
    "psygnal": "napari: layers and events",
    "scipy": "importing scipy and NumPy",
    "numpy": "importing scipy and NumPy",
    "importlib": "finding and running modules",
    "dataclasses": "making dataclasses",
}


def owner(function: tuple[str, int, str]) -> str | None:
    """Whose a function is; None for built-in ones."""
    path = function[0]
    if path == "~":
        return None
    return next((who for part, who in OWNERS.items() if part in path), "Python and other libraries")


def shares(profile: cProfile.Profile) -> Counter[str]:
    """CPU seconds by owner."""
    found: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if (who := owner(function)) is not None:
            found[who] += own
            continue
        for caller, (_, _, called, _) in callers.items():
            found[owner(caller) or "Python and other libraries"] += called
    return found


class Profiled:
    """Collects one column per thing that was done."""

    def __init__(self) -> None:
        self.columns: dict[str, tuple[float, Counter[str]]] = {}

    def __call__(self, name: str, act: Callable[[], Any]) -> Any:
        """Do it under a profile."""
        profile, began = cProfile.Profile(time.thread_time), time.thread_time()
        profile.enable()
        result = act()
        profile.disable()
        spent, found = self.columns.get(name, (0.0, Counter()))
        self.columns[name] = spent + time.thread_time() - began, found + shares(profile)
        return result

    def table(self) -> Table:
        """Percent by owner, and milliseconds under the profile."""
        table = Table("whose", *self.columns)
        owners = sum((found for _, found in self.columns.values()), Counter[str]())
        for who, _ in owners.most_common():
            row = [f"{100 * found[who] / sum(found.values()):.0f} %" for _, found in self.columns.values()]
            table.add_row(who, *row)
        table.add_row("ms, profiled", *(f"{1000 * spent:.0f}" for spent, _ in self.columns.values()))
        return table


def main(side: Annotated[int, typer.Option(help="Of the large image, in pixels.")] = 6144) -> None:
    """Measure and print."""
    done = Profiled()
    with tempfile.TemporaryDirectory() as folder:
        desk = SlideDesk(Path(folder), side)
        live_until(lambda: False, 1)
        done("dock imported", _import_dock)

        from napari_pseudolabel.strategies import Region
        from napari_pseudolabel.viewer import slide_layers
        from napari_pseudolabel.viewer.image_layers import image_of
        from napari_pseudolabel.widgets.common.garbage import GarbageLater
        from napari_pseudolabel.widgets.open_samples import open_dock
        from napari_pseudolabel.widgets.pseudo_label.slide_regions import prepare_ahead

        dock = done("dock opened", lambda: open_dock(desk.viewer))
        done("models listed", lambda: live_until(lambda: not dock.controller.models.loading, 120))
        live_until(lambda: False, 2)
        looked, first = image_of(desk.source), desk.part(0)
        run: Any = type("Run", (), {"store": desk.store})()
        stream = slide_layers.SlideStream(desk.viewer, desk.source, looked, run)
        desk.store.add(first)
        GarbageLater(desk.viewer).begin()
        prepare_ahead()
        done("first labels", lambda: stream.add(first))
        live_until(lambda: False, 2)
        region = Region(500, 500, 500 + VIEW, 500 + VIEW)
        wanted = slide_layers.wanted_region(desk.viewer, desk.source, looked, region, ())
        layers = slide_layers.show_region(desk.viewer, wanted, wanted.read())
        while done("region opened", lambda: next(layers, "all")) != "all":
            live_until(lambda: False, 1)
        Console(width=150).print(done.table())
        dock.controller.shutdown()
        desk.viewer.close()
        desk.store.close()


def _import_dock() -> None:
    import napari_pseudolabel.widgets.pseudo_label.dock  # noqa: F401


if __name__ == "__main__":
    typer.run(main)
