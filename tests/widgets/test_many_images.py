"""The list of images in the Label dock: labelled one after the other, opened, corrected, and back again."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from plate_case import FIELDS, picture, write_plate
from skimage.io import imsave

from napari_pseudolabel.collection.image_gain import labels_of
from napari_pseudolabel.collection.image_list import ImageList
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.viewer import Corrections, find_layer
from napari_pseudolabel.viewer.image_layers import image_of, source_path
from napari_pseudolabel.viewer.recording.sources import LayerSource, fingerprint, opened
from napari_pseudolabel.widgets.pseudo_label.many import controller


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images, and models whose files need not be there."""
    monkeypatch.setattr(
        "napari_pseudolabel.strategies.finished_images.FinishedImages._sum", lambda self, ref: str(ref)
    )
    made = tmp_path / "pictures"
    made.mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        imsave(
            made / f"sem_{number}.png", rng.integers(0, 255, (60, 80)).astype(np.uint8), check_contrast=False
        )
    return made


@pytest.fixture
def many(dock, folder, script, qtbot):
    """The list of the dock, with its images; another one is open."""
    dock.many.add_folder(folder)
    settle(dock, qtbot)
    yield dock.many
    script.gate.set()
    dock.many.run.stop()
    settle(dock, qtbot)


def settle(dock, qtbot):
    qtbot.waitUntil(lambda: dock.many.settled and not dock.many.run.busy, timeout=20000)


def lines(dock):
    return dock.view.many.lines


def open_one(dock, viewer, qtbot, name):
    dock.many.open(name)
    qtbot.waitUntil(lambda: dock.many.opened.names == (name,) and dock.many.settled, timeout=20000)
    source = next(one for one in viewer.layers if (source_path(one) or "").endswith(f"{name}.png"))
    return find_layer(viewer, source, "labels")


def test_all_are_labelled_and_errors_stop_no_other(dock, many, folder, viewer, script, qtbot):
    (folder / "sem_1.png").write_bytes(b"\x89PNG\r\n\x1a\n no")
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    assert dock.view.many.status == "2 images labelled, 1 failed, as the list says."
    assert [job.image.name for job in script.jobs] == ["sem_0", "sem_2"]
    assert all((job.region, job.planes, job.image.modality) == (None, None, "SEM") for job in script.jobs)
    assert "1 axon" in lines(dock)["sem_0"]
    assert "sem_1.png" in lines(dock)["sem_1"]
    assert len(viewer.layers) == 1  # nothing of it is in memory
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    assert len(script.jobs) == 2
    assert "2 left as they were" in dock.view.many.status


def test_stop_and_pause(dock, many, script, qtbot):
    script.gate.clear()
    dock.view.many.label_all.click()
    qtbot.waitUntil(lambda: len(script.jobs) == 1, timeout=20000)
    assert "labelling" in lines(dock)["sem_0"]
    assert "Labelling 3 images" in dock.doing
    dock.view.many.pause.click()
    script.gate.set()
    qtbot.waitUntil(lambda: many.run.done.labelled == 1 and not many.run.current, timeout=20000)
    assert "Paused, 2 of 3" in dock.view.many._stage.message
    script.gate.clear()
    dock.view.many.pause.click()
    qtbot.waitUntil(lambda: len(script.jobs) == 2, timeout=20000)
    dock.view.many.stop.click()
    settle(dock, qtbot)
    assert dock.view.many.status == "Stopped: 1 image labelled."
    qtbot.waitUntil(lambda: lines(dock)["sem_1"] == "waiting", timeout=20000)
    assert dock.view.many.label_all.isEnabled()


def test_what_a_person_decides_comes_back_and_no_run_replaces_it(dock, many, viewer, script, session, qtbot):
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    labels = open_one(dock, viewer, qtbot, "sem_0")
    assert (labels.data[30:] == 1).all()
    labels.brush_size = 1
    labels.paint((3, 5), 2)
    Corrections.of(labels).confirm((), (slice(40, 50), slice(0, 80)))
    shown = labels.data.copy()
    open_one(dock, viewer, qtbot, "sem_1")
    assert "changed by you" in lines(dock)["sem_0"]
    assert len(viewer.layers) == 4  # the image of before, and image, confidence and labels of this one
    script.label = 2
    row = dock.view.settings.edits["seed"].native
    row.setValue(7)
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    assert dock.view.many.status.startswith("2 images labelled, 1 left as they were")
    back = open_one(dock, viewer, qtbot, "sem_0")
    np.testing.assert_array_equal(back.data, shown)
    flags = Corrections.of(back).flags_in((...,))
    assert flags[3, 5] & CORRECTED
    assert ((flags & CONFIRMED) > 0).sum() == 10 * 80
    assert Corrections.of(back).predicted_in((...,))[3, 5] == 0
    assert open_one(dock, viewer, qtbot, "sem_1").data[-1, -1] == 2


def test_labels_of_another_opening_are_not_replaced(dock, many, viewer, qtbot):
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    labels = open_one(dock, viewer, qtbot, "sem_0")
    images = ImageList(many._images().folder)
    one = images.named("sem_0")
    elsewhere = replace(labels_of(images, one), mark="another napari")
    elsewhere.write(images.kept_path(one), before=())
    labels.paint((3, 5), 2)
    many.opened.write()
    settle(dock, qtbot)
    assert "changed elsewhere" in dock.view.error.sentence
    assert labels_of(images, one).same_as(elsewhere)
    many.opened._dirty.clear()


def test_the_image_that_is_open_shows_its_new_labels_unless_they_were_changed(
    dock, many, viewer, script, qtbot
):
    assert open_one(dock, viewer, qtbot, "sem_0") is None
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    labels = find_layer(viewer, viewer.layers["sem_0"], "labels")
    assert labels.data[-1, -1] == 1
    script.label = 2
    seed = dock.view.settings.edits["seed"].native
    seed.setValue(7)
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    labels = find_layer(viewer, viewer.layers["sem_0"], "labels")
    assert labels.data[-1, -1] == 2
    labels.data_setitem((np.array([3]), np.array([5])), 1)
    script.label = 1
    seed.setValue(8)
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    assert find_layer(viewer, viewer.layers["sem_0"], "labels") is labels
    assert (labels.data[-1, -1], labels.data[3, 5]) == (2, 1)


def test_a_run_on_an_open_image_is_kept_too(dock, many, viewer, script, qtbot):
    assert open_one(dock, viewer, qtbot, "sem_2") is None  # it has no labels yet
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=20000)
    open_one(dock, viewer, qtbot, "sem_1")
    assert "changed by you" in lines(dock)["sem_2"]
    assert open_one(dock, viewer, qtbot, "sem_2").data.any()


def test_next_image(dock, many, viewer, qtbot):
    dock.view.many.next.click()
    settle(dock, qtbot)
    assert "Nothing more" in dock.view.many.status
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    dock.view.many.next.click()
    settle(dock, qtbot)
    (first,) = many.opened.names
    assert dock.view.many.status.startswith(f"{first}: ")
    dock.view.many.next.click()
    settle(dock, qtbot)
    (second,) = many.opened.names
    assert first != second


def test_images_leave_the_list_and_come_back(dock, many, folder, qtbot):
    dock.view.many.taken_off.emit(["sem_1"])
    assert list(lines(dock)) == ["sem_0", "sem_2"]
    dock.many.add_folder(folder)
    settle(dock, qtbot)
    assert dock.view.many.status == "1 image added."


def test_what_will_be_refused_is_said_before(dock, many, folder, viewer, script, qtbot):
    import tifffile

    oblong = np.random.default_rng(9).integers(0, 255, (60, 80)).astype(np.uint8)
    # 100,000 and 50,000 pixels per cm
    tifffile.imwrite(folder / "oblong.tif", oblong, resolution=(1e5, 5e4), resolutionunit="CENTIMETER")
    tifffile.imwrite(folder / "stained.ome.tif", np.stack([oblong] * 2), metadata={"axes": "CYX"})
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n no")
    many.add_folder(folder)
    settle(dock, qtbot)
    assert "not square" in lines(dock)["oblong"]
    assert "2 channels" in lines(dock)["stained"]
    assert "torn.png" in lines(dock)["torn"]
    assert dock.view.many.hint.startswith("3 of 6 images cannot be labelled like this")
    assert dock.view.many.label_all.isEnabled()
    scale = dock.view.settings.answers["scale"]
    scale.which.setCurrentText("Magnification")
    scale.edits[("scale", "factor")].native.setValue(1.5)
    dock.view.settings.edits["channel"].native.setCurrentIndex(0)
    settle(dock, qtbot)
    assert lines(dock)["oblong"] == "waiting"
    assert dock.view.many.hint.startswith("2 of 6")
    dock.view.many.label_all.click()
    settle(dock, qtbot)
    assert [job.image.name for job in script.jobs] == ["sem_0", "sem_1", "sem_2", "oblong"]


def test_closing_waits_for_no_picture_but_the_one_that_is_read(dock, folder, monkeypatch):
    begun, gate = [], threading.Event()

    def slow(one):
        begun.append(one.name)
        gate.wait(30)
        return picture(one)

    picture = controller._picture
    monkeypatch.setattr(controller, "_picture", slow)
    dock.many.add_folder(folder)
    while not begun:
        time.sleep(0.005)
    opening = threading.Timer(0.2, gate.set)
    opening.start()
    dock.many.stop()
    assert begun == ["sem_0"]
    opening.join()


def test_fields_of_a_plate_are_opened_under_their_own_names(dock, tmp_path, viewer, script, qtbot):
    folder = tmp_path / "plates"
    folder.mkdir()
    plate = write_plate(folder / "P.zarr")
    dock.many.add_folder(folder)
    settle(dock, qtbot)
    names = ["P_A1_0", "P_A1_1", "P_B2_0"]
    assert list(lines(dock)) == names
    for number in (2, 1):
        dock.many.open(names[number])
        qtbot.waitUntil(
            lambda name=names[number]: dock.many.opened.names == (name,) and dock.many.settled, timeout=20000
        )
        (layer,) = (one for one in viewer.layers if source_path(one) == str(plate))
        assert layer.name == names[number]
        np.testing.assert_array_equal(np.asarray(layer.data), picture(number))
    # What is labelled there, and what a session brings back, is that field.
    assert image_of(layer).position == FIELDS[1]
    source = LayerSource.of(layer).state(0, fingerprint(layer))
    again, told = opened(source, layer.name)
    assert (again.name, told) == (names[1], "")
    assert image_of(again).position == FIELDS[1]
    np.testing.assert_array_equal(np.asarray(again.data), picture(1))
