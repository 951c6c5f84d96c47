"""Images that are labelled one after the other: what is done is not done again, what a person changed is not replaced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plate_case import FIELDS, picture, write_plate
from skimage.io import imsave

from napari_pseudolabel.collection.decided_images import DecidedImages
from napari_pseudolabel.collection.image_export import ExportImagesJob
from napari_pseudolabel.collection.image_gain import ImageGain, gain_in, labels_of
from napari_pseudolabel.collection.image_labelling import ImageLabelling, listed_image
from napari_pseudolabel.collection.image_list import ImageList
from napari_pseudolabel.collection.image_order import next_image
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.formats import formats
from napari_pseudolabel.imaging import images_at, read, read_labels
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies.otsu import OTSU
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.segmenter.fine_tune_task import missing
from napari_pseudolabel.workspace import WorkspaceSplit


@pytest.fixture
def images(tmp_path):
    """Two images of discs, the second with more noise, and a file that is none."""
    y, x = np.mgrid[:120, :140]
    folder = tmp_path / "data"
    folder.mkdir()
    for number, noise in enumerate((4, 30)):
        rng = np.random.default_rng(number)
        plane = 60 + rng.normal(0, noise, y.shape)
        for row, column in ((25, 25), (30, 90), (80, 50), (85, 110)):
            plane += 90 * (np.hypot(y - row, x - column) < 9)
        imsave(folder / f"cells_{number}.png", np.clip(plane, 0, 255).astype(np.uint8), check_contrast=False)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no")
    made = ImageList(tmp_path / "workspace" / "images")
    made.add(sorted(folder.iterdir()))
    return made


def labelling(images, **options):
    pattern = OTSU.job(read(images.images()[1].path), LabelRequest(options=OtsuOptions(**options)))
    return ImageLabelling(images, pattern)


def label(way, one):
    """Label an image as a dock does; False where there was nothing to do."""
    work = way.work(one)
    if work is None:
        return False
    parts = []
    way.keep(work, parts, work.job.run_parts(Control(), LoadedModels(), parts.append))
    return True


def change(images, one, mark="here", **changes):
    """Correct a corner, and keep it."""
    kept = labels_of(images, one)
    labels, flags = kept.labels.copy(), kept.flags.copy()
    labels[:4, :4], flags[:4, :4] = 1, REACHED | CORRECTED
    now = replace(kept, labels=labels, flags=flags, mark=mark, **changes)
    now.write(images.kept_path(one), before=(kept.mark, mark))
    return now


def test_a_name_stays_that_of_its_image(images, tmp_path):
    first = images.images()[1]
    twin = tmp_path / "Cells_0.tif"
    (added,) = images.add([twin, first.path])
    assert added.name == "Cells_0-2"
    images.take_off([first.name])
    assert first.name not in [one.name for one in images.images()]
    (other,) = images.add([tmp_path / "elsewhere" / "cells_0.png"])
    assert other.name == "cells_0-3"
    (back,) = images.add([first.path])
    assert back.name == first.name


def test_every_field_of_a_plate_is_an_image_of_the_list(tmp_path):
    plate, images = write_plate(tmp_path / "P.zarr"), ImageList(tmp_path / "workspace" / "images")
    images.add([*images_at(plate), tmp_path / "P_A1_0.png"])
    listed = images.images()
    assert [one.name for one in listed] == ["P_A1_0", "P_A1_1", "P_B2_0", "P_A1_0-2"]
    assert [one.position for one in listed] == [*FIELDS, None]
    assert images.add(images_at(plate)) == ()
    for number, one in enumerate(listed[:3]):
        found = listed_image(one)
        assert (found.name, found.position) == (one.name, FIELDS[number])
        np.testing.assert_array_equal(found.plane(), picture(number))
    way = ImageLabelling(images, OTSU.job(listed_image(listed[0]), LabelRequest()))
    assert [label(way, one) for one in listed[:3]] == [True] * 3
    assert [label(way, one) for one in listed[:3]] == [False] * 3
    images.take_off([listed[1].name])
    assert [one.name for one in images.add(images_at(plate))] == ["P_A1_1"]
    for number, one in enumerate(listed[:3]):
        run = labels_of(images, one).runs[-1]
        assert (run["source"]["path"], run["source"]["position"]) == (str(plate), FIELDS[number])


def test_images_are_labelled_once_and_never_over_a_change(images):
    broken, first, second = images.images()
    way = labelling(images)
    with pytest.raises(InputError, match="broken"):
        label(way, broken)
    assert images.standing(broken).kind == "waiting"
    assert label(way, first)
    assert label(way, second)
    assert images.standing(first).kind == "labelled"
    assert "4 nuclei" in images.standing(first).told["objects_in_words"]
    again = labelling(ImageList(images.folder))  # napari was started anew
    assert not label(again, first)
    changed = change(images, first)
    other = labelling(images, smoothing_px=3.0)
    assert not label(other, first)
    assert label(other, second)
    np.testing.assert_array_equal(labels_of(images, first).labels, changed.labels)
    assert images.standing(first).kind == "changed"


def test_what_is_kept_comes_back_and_is_not_replaced_from_elsewhere(images):
    _, one, _ = images.images()
    label(labelling(images), one)
    before = labels_of(images, one)
    assert before.flags.min() == before.flags.max() == REACHED
    kept = change(images, one, "first")
    back = labels_of(images, one)
    for name in ("labels", "predicted", "flags", "confidence"):
        np.testing.assert_array_equal(getattr(back, name), getattr(kept, name))
    assert (back.classes, back.placement, back.runs) == (kept.classes, kept.placement, kept.runs)
    # Opened twice: whoever comes second is told, and the first stays.
    replace(kept, mark="second").write(images.kept_path(one), before=("first", "second"))
    with pytest.raises(InputError, match="changed elsewhere"):
        replace(kept, labels=kept.labels * 0).write(images.kept_path(one), before=("", "first"))
    np.testing.assert_array_equal(labels_of(images, one).labels, kept.labels)
    content = bytearray(images.kept_path(one).read_bytes())
    content[len(content) // 3] ^= 255
    images.kept_path(one).write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        labels_of(images, one)


def test_the_next_image_is_the_one_with_the_most_to_gain(images):
    _, clear, noisy = images.images()
    way = labelling(images)
    label(way, clear)
    assert next_image(images).one == clear
    label(way, noisy)
    gains = [gain_in(images, one) for one in (clear, noisy)]
    assert gains[1].rate > gains[0].rate > 0
    found = next_image(images)
    assert (found.one, found.gain, found.again) == (noisy, gains[1], False)
    assert next_image(images, seen=["cells_1"]).one == clear
    assert next_image(images, seen=["cells_0", "cells_1"], shown="cells_1").again
    kept = labels_of(images, noisy)
    done = replace(kept, flags=kept.flags | np.uint8(CONFIRMED), mark="me")
    assert ImageGain.of(done) == ImageGain(regions=gains[1].regions)
    done.write(images.kept_path(noisy), before=("",))
    assert next_image(images).one == clear
    assert next_image(images, shown="cells_0") is None


def test_all_finished_images_leave_as_they_stand(images, tmp_path):
    _, first, second = images.images()
    png = next(one for one in formats() if one.name == "png")
    job = ExportImagesJob(images.folder, str(tmp_path / "out"), png, False)
    with pytest.raises(InputError, match="No image of the list is labelled"):
        job.run(Control(), None)
    for one in (first, second):
        label(labelling(images), one)
    changed = change(images, first)
    images.labels_path(second).write_bytes(b"II*\0")
    told = job.run(Control(), None)
    assert [path.name for path in told.written] == ["cells_0_labels.png"]
    assert [name for name, _ in told.failed] == ["cells_1"]
    np.testing.assert_array_equal(read_labels(told.written[0]).data, changed.labels)
    side = read_sidecar(told.written[0])
    assert side.share_corrected == pytest.approx(16 / changed.labels.size)
    assert side.strategy == "otsu"
    assert side.source.path == first.path


def test_what_was_decided_is_learned_from_with_the_scale_and_names_of_its_image(images, tmp_path):
    _, first, second = images.images()
    for one in (first, second):
        label(labelling(images), one)
    split, others = WorkspaceSplit(tmp_path / "split.json"), DecidedImages(images)
    assert others.read(split).planes == ()
    kept = change(images, first)
    flags = kept.flags.copy()
    flags[10:50, 10:60] |= CONFIRMED
    found = {**kept.runs[-1]["parameters"], "factor": 2.5, "found": {"factor": 2.5, "sure": True, "why": ""}}
    runs = ({**kept.runs[-1], "parameters": found},)
    replace(kept, flags=flags, runs=runs).write(images.kept_path(first), before=("here",))
    split.assign(plane_key(read(first.path)), (10, 10, 50, 60))
    (plane,) = others.read(split).planes
    np.testing.assert_array_equal(plane.image, read(first.path).plane(()))
    np.testing.assert_array_equal(plane.labels, kept.labels)
    np.testing.assert_array_equal(plane.touched, kept.touched | (flags & CONFIRMED > 0))
    assert plane.held_out.sum() == 20 * 25
    assert plane.scale == Scale(factor=2.5)
    # What only counts is cut to where something was decided, and counts the same.
    (bare,) = others.read(split, bare=True).planes
    assert bare.touched.shape == (50, 60)
    assert missing([bare], kept.classes) == missing([plane], kept.classes)
    assert (bare.touched.sum(), bare.held_out.sum()) == (plane.touched.sum(), 20 * 25)
    change(images, second)
    assert others.read(split, bare=True).images == 2
    assert [one.name for one in others.read(split, without=first.name).planes] == [second.name]
    other = (LabelClass(name="mitochondrion", value=1),)
    for bare in (True, False):
        left = others.read(split, classes=other, bare=bare)
        assert (left.planes, [name for name, _ in left.left]) == ((), [first.name, second.name])
        assert "mitochondrion in the open labels" in left.left[0][1]
