"""Where there is nothing to see there are no labels, although models find objects in whatever they are given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake_models import A_TO_B, CPU, Models, OnePass, Threshold

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.blank_layer import nothing_in
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.strategies.blank import flat_parts
from napari_pseudolabel.tiling import TileSettings

TILE = 32
SETTINGS = LabelSettings(tiles=dataclasses.replace(CPU, tile=TILE, overlap=8))


class Dreamer(Threshold):
    """A segmenter that sees objects everywhere."""

    def probabilities(self, image, **given):
        found = super().probabilities(image, **given)
        return np.stack([np.full_like(found[0], 0.3), np.full_like(found[0], 0.7)])


def run(job):
    return job.run(Control(), Models(OnePass(), Dreamer()))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32) + 1


def few(count, fill, shape=(60, 70)):
    """An image of one value but for a few pixels."""
    data = np.full(shape, fill, np.float32)
    data.flat[np.random.default_rng(1).choice(data.size, count, replace=False)] = noise(count)
    return data


EMPTY = {
    "zeros": np.zeros((60, 70), np.uint8),
    "one value": np.full((60, 70), 7, np.float32),
    "NaN": np.full((60, 70), np.nan, np.float32),
    "infinite": np.full((60, 70), np.inf, np.float32),
    "few values": few(15, np.nan),
    "hot pixels": few(3, 100),
    "rounding": np.float32(0.1) * (1 + np.random.default_rng(0).integers(0, 2, (60, 70)) * 1e-7).astype("f4"),
    "false": np.zeros((60, 70), bool),
    "colours": np.full((60, 70, 3), 255, np.uint8),
    "stack": np.zeros((3, 60, 70), np.uint16),
    "tiny": np.zeros((3, 3), np.uint8),
    "row": np.zeros((1, 500), np.uint8),
}


@pytest.mark.parametrize("data", EMPTY.values(), ids=EMPTY)
def test_an_image_without_content_gets_no_labels_and_a_sentence(data):
    axes = "ZYX" if len(data) == 3 and data.ndim == 3 else None
    image = from_array(data, axes, name="blank_3")
    for job in (
        LabelJob(image, "t", "s", settings=SETTINGS),
        LabelJob(image, segmenter="s", settings=SETTINGS),
        LabelJob(image, "t", settings=SETTINGS),
    ):
        found = run(job)
        assert found.labels is None or not found.labels.any()
        assert found.confidence is None or np.isnan(found.confidence).all()  # not predicted
        assert found.translation is None or np.isnan(found.translation).all()
        (note,) = found.report.notes
        assert note.startswith("There is nothing to see in blank_3, and nothing was labelled: ")


@pytest.mark.parametrize(
    "data",
    [
        np.eye(60, dtype=np.uint8),
        np.arange(16, dtype=np.uint8).reshape(4, 4),
        few(30, 0),
        np.pad(noise(20, 20), ((200, 0), (0, 100))),
        np.where(np.arange(4000).reshape(50, 80) % 2, 5, 9).astype(np.uint16),
    ],
)
def test_whatever_holds_something_is_labelled(data):
    assert nothing_in(from_array(data)) is None


def test_only_the_channel_that_is_labelled_counts():
    data = np.stack([noise(40, 40), np.zeros((40, 40), np.float32)])
    image = from_array(data, "CYX", name="two")
    assert run(LabelJob(image, segmenter="s", settings=SETTINGS)).labels.all()
    assert not run(
        LabelJob(image, segmenter="s", settings=dataclasses.replace(SETTINGS, channel=1))
    ).labels.any()


def test_bands_of_one_value_each_are_content(monkeypatch):
    monkeypatch.setattr("napari_pseudolabel.imaging.blank_layer._BAND_PX", 100)
    bands = np.repeat(np.arange(2, dtype=np.float32), 50)[:, None].repeat(40, axis=1)
    assert nothing_in(from_array(bands)) is None
    assert "the value 1 everywhere" in nothing_in(from_array(np.ones((100, 40), np.float32)))


def test_content_between_the_samples_is_found(monkeypatch):
    monkeypatch.setattr("napari_pseudolabel.imaging.normalisation._SAMPLES", 100)
    data = np.zeros((100, 100), np.float32)
    data[51:55, 51:55] = np.arange(16).reshape(4, 4)
    job = LabelJob(from_array(data), segmenter="s", settings=SETTINGS)
    plan = job.plan(job.survey.run(Control(), Models(OnePass(), Dreamer())), Control())
    limits = plan.statistics[0].channels[0].limits
    assert (limits.low, limits.high) == (0, 15)
    assert any("come from an even sample" in note for note in plan.report.notes)


def mosaic():
    """Content in the middle, an empty border of zeros around it, and of NaN below that."""
    data = np.zeros((200, 180), np.float32)
    data[60:140, 50:130] = noise(80, 80)
    data[170:] = np.nan
    return data


@pytest.mark.parametrize("made", ["label", "segment"])
def test_the_empty_border_of_a_mosaic_has_no_objects_and_nan_is_not_predicted(made):
    image = from_array(mosaic(), name="mosaic")
    job = {
        "label": LabelJob(image, "t", "s", settings=SETTINGS),
        "segment": LabelJob(image, segmenter="s", settings=SETTINGS),
    }[made]
    found = run(job)
    labels, sure = found.labels[0], found.confidence[0]
    content = np.zeros(labels.shape, bool)
    content[60:140, 50:130] = True
    assert (labels[content] == 3).all()
    assert not labels[170:].any()
    assert not labels[:20].any()
    assert (sure[:20] == 1).all()
    assert np.isnan(sure[170:]).all()
    assert np.isfinite(sure[:170]).all()
    assert any("NaN" in note for note in found.report.notes)
    assert any("empty border" in note for note in found.report.notes)
    if made == "label":
        assert np.isnan(found.translation[0, 170:]).all()
        assert np.isfinite(found.translation[0, :170]).all()


def test_every_part_is_as_empty_as_in_the_whole(monkeypatch):
    """The cut does not decide about what is empty."""
    image = from_array(mosaic())
    whole = run(LabelJob(image, segmenter="s", settings=SETTINGS))
    for region in (Region(0, 0, 45, 180), Region(30, 30, 150, 90), Region(90, 100, 200, 180)):
        part = run(LabelJob(image, segmenter="s", settings=SETTINGS, region=region))
        rows, columns = slice(region.y0, region.y1), slice(region.x0, region.x1)
        np.testing.assert_array_equal(part.labels[0], whole.labels[0, rows, columns])
        np.testing.assert_array_equal(part.confidence[0], whole.confidence[0, rows, columns])
    monkeypatch.setattr("napari_pseudolabel.strategies.chunks.cut.__kwdefaults__", {"tiles": 2, "ring": 1})
    cut = run(LabelJob(image, segmenter="s", settings=SETTINGS))
    np.testing.assert_array_equal(cut.labels, whole.labels)
    np.testing.assert_array_equal(cut.confidence, whole.confidence)


def test_a_constant_plane_of_a_stack_and_a_constant_view_have_no_objects():
    data = np.stack([noise(90, 90), np.full((90, 90), 1.5, np.float32), noise(90, 90, seed=2)])
    data[0, :60, :60] = 1.2
    image = from_array(data, "ZYX")
    found = run(LabelJob(image, segmenter="s", settings=SETTINGS))
    assert not found.labels[1].any()
    assert (found.labels[2] == 3).all()
    view = run(LabelJob(image, segmenter="s", settings=SETTINGS, region=Region(5, 5, 50, 50), planes=((0,),)))
    assert not view.labels.any()


def test_what_is_one_value_but_small_is_an_object_as_any_other():
    data = noise(90, 90)
    data[40:50, 40:50] = 5  # saturated
    found = run(LabelJob(from_array(data), segmenter="s", settings=SETTINGS))
    assert (found.labels == 3).all()


def test_the_square_follows_the_grid_of_the_model():
    """What is as large as half a tile on the model's grid is empty, whatever the size of a pixel."""
    data = noise(120, 120)
    data[:30, :30] = 5
    job = LabelJob(
        from_array(data), segmenter="s", settings=dataclasses.replace(SETTINGS, tiles=TileSettings(64, 16))
    )
    assert (run(job).labels == 3).all()  # 32 pixels at least
    assert A_TO_B.source.pixel_size_um == 0.2
    assert not run(LabelJob(from_array(data), segmenter="s", settings=SETTINGS)).labels[0, :30, :30].any()


@pytest.mark.parametrize("seed", range(20))
def test_no_flat_square_is_missed_wherever_it_lies(seed):
    """Where no block can be part of a square, nothing more is looked at."""
    rng = np.random.default_rng(seed)
    side = int(rng.integers(2, 9))
    pixels = rng.random((19, 23)).astype(np.float32)
    y, x = (int(rng.integers(0, size - side + 1)) for size in pixels.shape)
    odd = side - (side + 1) % 2
    pixels[y : y + odd, x : x + odd] = np.nan if seed % 3 == 0 else 0.5
    found = flat_parts(pixels, side)
    assert found[y : y + odd, x : x + odd].all()
    assert found.sum() == odd**2 if odd > 1 else found.all()
