"""When napari's notice about units is heard."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager, show_warning
from viewer_results import make_result

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.viewer.units_notice import UnitsNotice

SENTENCE = "Inconsistent units across layers; units will not be used for rendering."


@pytest.fixture
def heard():
    found = []

    def hear(notification):
        found.append(notification.message)

    notification_manager.notification_ready.connect(hear)
    yield found
    notification_manager.notification_ready.disconnect(hear)


def image(viewer, name, unit="pixel"):
    return viewer.add_image(np.random.default_rng(0).random((12, 16)), name=name, units=(unit, unit))


def test_what_the_person_opens_is_still_heard(viewer, heard):
    notice = UnitsNotice(viewer)
    image(viewer, "scan")
    image(viewer, "sample", "um")
    show_warning(SENTENCE)
    image(viewer, "seconds", "s")
    show_warning(SENTENCE)
    show_warning(SENTENCE)
    show_warning("another sentence")
    assert heard == [SENTENCE, SENTENCE, "another sentence"]
    viewer.layers.remove("seconds")
    viewer.layers.remove("sample")
    image(viewer, "sample", "um")
    show_warning(SENTENCE)
    assert heard.count(SENTENCE) == 3
    assert notice is not None


def test_layers_of_ours_that_were_what_differs_are_heard_of(viewer, heard):
    notice = UnitsNotice(viewer)
    source = image(viewer, "scan")
    labels = push(viewer, source, make_result(np.ones((1, 12, 16)), Region(0, 0, 12, 16))).labels
    labels.units = ("um", "um")
    show_warning(SENTENCE)
    show_warning(SENTENCE)
    assert heard == [SENTENCE, SENTENCE]
    assert notice is not None
    assert notice is not None
