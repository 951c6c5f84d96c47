"""Segmenters that say, or do not say, how large their pixels and objects are."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from scripted_engine import CLASSES

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.strategies import FindScaleJob, FoundScale
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry

SURE = FoundScale(0.44, True, agreement=0.95, spread=0.3)
UNSURE = FoundScale(0.6, False, "the looks of the models agree nowhere", agreement=0.5)


def segmenter(ref: str, **sizes: float) -> ModelEntry:
    card = Card(kind="segmenter", family="monai-unet", source=Modality(name="SEM", **sizes), classes=CLASSES)
    return ModelEntry(ref, ref.partition(":")[2], "segmenter", card)


SIZED = (
    segmenter("sample:one", pixel_size_um=0.1, object_size_px=20),
    segmenter("sample:two", pixel_size_um=0.05, object_size_px=40),
    segmenter("sample:nuclei", object_size_px=30),
    segmenter("sample:mute"),
)


def scripted_search(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what the search finds, and the jobs that did it; it waits for the gate."""
    told = SimpleNamespace(answer=SURE, jobs=[], gate=threading.Event())
    told.gate.set()

    def run(self, control, models):
        told.jobs.append(self)
        while not told.gate.wait(0.002):
            control.check()
        if isinstance(told.answer, Exception):
            raise told.answer
        return told.answer

    monkeypatch.setattr(FindScaleJob, "run", run)
    return told
