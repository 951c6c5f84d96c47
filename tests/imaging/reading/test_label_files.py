"""Label files keep the numbers that are stored in them, whatever wrote them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Placement, ReadOptions, from_array, read, read_labels
from napari_pseudolabel.imaging.reading.label_values import like
from napari_pseudolabel.training.data.image_folders import class_planes

FIELD = Path(__file__).parents[2] / "field"
RNG = np.random.default_rng(2)
LABELS = RNG.integers(0, 4, (9, 8)).astype(np.uint8)
COLOURS = np.zeros((256, 3), np.uint8)
COLOURS[:5] = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (7, 7, 7), (0, 0, 255)]


def labels_of(path, **how):
    image = read_labels(path, **how)
    assert image.axes == image.plane_axes
    values = np.asarray(image.data)
    assert values.dtype.kind == "u"
    assert values.dtype.isnative
    return values


def write_palette_png(path):
    picture = Pillow.fromarray(LABELS, "P")
    picture.putpalette(COLOURS.tobytes())
    picture.save(path)


def write_few_bits_png(path):
    picture = Pillow.fromarray(LABELS, "P")
    picture.putpalette(COLOURS[:4].tobytes())
    picture.save(path, bits=2, transparency=0)


def write_bits_of_grey_png(path):
    """2 bit grey, which decoders spread to 0, 85, 170, 255."""
    import struct
    import zlib

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    packed = (LABELS.reshape(9, 2, 4) << np.array([6, 4, 2, 0], np.uint8)).sum(-1).astype(np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", 8, 9, 2, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def rgb(alpha=False):
    data = np.stack([LABELS] * 3, axis=-1)
    return np.dstack([data, np.full_like(LABELS, 255)]) if alpha else data


TABLE = (COLOURS.T.astype(np.uint16) * 257).copy()
WRITERS = {
    "palette.png": write_palette_png,
    "palette of 2 bits with transparency.png": write_few_bits_png,
    "grey of 2 bits.png": write_bits_of_grey_png,
    "grey.png": lambda path: Pillow.fromarray(LABELS).save(path),
    "16 bit.png": lambda path: Pillow.fromarray(LABELS.astype(np.uint16)).save(path),
    "grey rgb.png": lambda path: Pillow.fromarray(rgb()).save(path),
    "grey rgba.png": lambda path: Pillow.fromarray(rgb(alpha=True)).save(path),
    "grey with alpha.png": lambda path: Pillow.fromarray(rgb(alpha=True)[..., 2:], "LA").save(path),
    "palette.tif": lambda path: tifffile.imwrite(path, LABELS, photometric="palette", colormap=TABLE),
    "white is zero.tif": lambda path: tifffile.imwrite(path, LABELS, photometric="miniswhite"),
    "grey rgb.tif": lambda path: tifffile.imwrite(path, rgb(), photometric="rgb"),
    "grey rgba.tif": lambda path: tifffile.imwrite(path, rgb(alpha=True), photometric="rgb"),
    "grey with alpha.tif": lambda path: tifffile.imwrite(
        path, rgb(alpha=True)[..., 2:], photometric="minisblack", extrasamples=["unassalpha"]
    ),
    "planar grey rgb.tif": lambda path: tifffile.imwrite(
        path, np.moveaxis(rgb(), -1, 0).copy(), photometric="rgb", planarconfig="separate"
    ),
    "float.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.float32)),
    "half.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.float16)),
    "int64.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.int64)),
    "int16.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.int16), byteorder=">"),
    "imagej lut.tif": lambda path: tifffile.imwrite(
        path, LABELS, photometric="palette", colormap=TABLE, description="ImageJ=1.54f\nimages=1\n", metadata=None
    ),
    "ome with singles.ome.tif": lambda path: tifffile.imwrite(
        path, LABELS[None, None, None], metadata={"axes": "TCZYX"}
    ),
    "channel of one.tif": lambda path: tifffile.imwrite(
        path, LABELS[None], imagej=True, metadata={"axes": "CYX"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_stored_numbers_are_the_labels(tmp_path, name):
    WRITERS[name](tmp_path / name)
    np.testing.assert_array_equal(labels_of(tmp_path / name), LABELS)
    image = from_array(np.zeros((9, 8), np.uint8), "YX")
    (plane,) = class_planes(tmp_path / name, image)
    np.testing.assert_array_equal(plane, LABELS)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_masks_of_one_bit_are_zero_and_one(tmp_path, suffix):
    truth = labels_of(FIELD / "c14_labels.tif")
    np.testing.assert_array_equal(labels_of(FIELD / f"c14_mask_1bit.{suffix}"), truth == 1)
    mask = LABELS > 1
    Pillow.fromarray(mask).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(labels_of(tmp_path / f"a.{suffix}"), mask)
    if suffix == "tif":
        tifffile.imwrite(tmp_path / "b.tif", mask)  # called white-is-zero by tifffile
        np.testing.assert_array_equal(labels_of(tmp_path / "b.tif"), mask)
        assert read_labels(tmp_path / "b.tif").notes == ()


def test_floats_and_grey_colours_from_the_field():
    truth = labels_of(FIELD / "c14_labels.tif")
    np.testing.assert_array_equal(labels_of(FIELD / "c16_labels_float32.tif"), truth)
    np.testing.assert_array_equal(labels_of(FIELD / "c16_labels_rgb_grey.png"), truth)


def test_large_labels_stay_apart(tmp_path):
    for dtype in (np.int64, np.uint32, np.float64):
        data = np.array([[0, 2**24, 2**24 + 1]], dtype)
        tifffile.imwrite(tmp_path / "a.tif", data)
        np.testing.assert_array_equal(labels_of(tmp_path / "a.tif"), data)
    tifffile.imwrite(tmp_path / "a.tif", data.astype(np.float32) * 2)
    with pytest.raises(InputError, match="no longer told apart"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((4, 5), 0.5), "no whole numbers"),
        (np.full((4, 5), np.nan, np.float32), "no whole numbers"),
        (np.full((4, 5), np.inf, np.float32), "no whole numbers"),
        (np.full((4, 5), -1.0, np.float32), "negative"),
        (np.full((4, 5), -1, np.int32), "negative"),
        (np.arange(60, dtype=np.uint8).reshape(4, 5, 3), "colours"),
    ],
)
def test_what_is_no_label_is_one_sentence(tmp_path, data, message):
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb" if data.ndim == 3 else "minisblack")
    with pytest.raises(InputError, match=rf"a\.tif.*{message}"):
        read_labels(tmp_path / "a.tif")


def test_coloured_masks_and_channels_are_refused(tmp_path):
    Pillow.fromarray(COLOURS[LABELS]).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="colours"):
        read_labels(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.stack([LABELS] * 2), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(InputError, match="2 channels"):
        read_labels(tmp_path / "a.tif")
    np.testing.assert_array_equal(labels_of(tmp_path / "a.tif", axes="ZYX"), np.stack([LABELS] * 2))


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_labels_are_never_compressed_as_jpeg(tmp_path, name):
    options = {} if name == "a.jpg" else {"compression": "jpeg"}
    Pillow.fromarray(LABELS).save(tmp_path / name, **options)
    with pytest.raises(InputError, match="JPEG, which changes values"):
        read_labels(tmp_path / name)
    assert read(tmp_path / name).shape == (9, 8)


def test_labels_need_not_have_the_axes_of_length_one(tmp_path):
    stack = RNG.integers(0, 9, (3, 9, 8)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack)
    for axes, shape in (("TZYX", (3, 9, 8)), ("CZYX", (3, 9, 8)), ("TCYX", (3, 9, 8)), (None, (3, 9, 8))):
        found = ReadOptions(axes).labels(tmp_path / "a.tif")
        assert found.shape == shape
        np.testing.assert_array_equal(found.data, stack)
    (tmp_path / "a.tif").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not an image"):
        ReadOptions("TZYX").labels(tmp_path / "a.tif")


def test_classes_end_at_255(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5), 256, np.uint16))
    with pytest.raises(InputError, match="0 to 255"):
        list(class_planes(tmp_path / "a.tif", from_array(np.zeros((4, 5)), "YX")))


# Axes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [None, "ZYX", "tyx"])
def test_three_planes_that_were_written_as_colours(axes):
    image = read_labels(FIELD / "c11_three_planes_labels.tif", axes=axes)
    values = np.asarray(image.data)
    assert values.shape == image.shape == (3, 48, 64)
    assert [int((plane == 1).sum()) for plane in values] == [75, 0, 290]
    assert [int((plane == 2).sum()) for plane in values] == [0, 200, 0]
    assert bool(image.notes) == (axes is None)


def test_whoever_says_that_three_planes_are_one_is_not_corrected():
    with pytest.raises(InputError, match="holds colours"):
        read_labels(FIELD / "c11_three_planes_labels.tif", axes="YX")


def test_said_axes_go_before_colours_in_pictures_too(tmp_path):
    image = read(FIELD / "c11_three_planes_labels.tif", axes="ZYX")
    assert (image.shape, image.notes) == ((3, 48, 64), ())
    data = RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb")
    channels = read(tmp_path / "a.tif", axes="YXC")
    np.testing.assert_array_equal(channels.plane(channel=1), data[..., 1])
    tifffile.imwrite(tmp_path / "b.tif", data, photometric="minisblack", planarconfig="contig")
    assert read(tmp_path / "b.tif").axes == "YXC"
    assert read(tmp_path / "b.tif", axes="YXS").axes == "YXS"


@pytest.mark.parametrize("name", ["grey rgb.png", "grey rgba.png", "grey rgb.tif", "planar grey rgb.tif"])
def test_colours_need_not_be_said(tmp_path, name):
    WRITERS[name](tmp_path / name)
    np.testing.assert_array_equal(labels_of(tmp_path / name, axes="YX"), LABELS)
    assert read(tmp_path / name, axes="yx").axes == "YXS"


def test_said_axes_of_length_one(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS[None, None, None], metadata={"axes": "TCZYX"})
    assert read(tmp_path / "a.ome.tif", axes="TCZYX").shape == (1, 1, 9, 8)
    assert read(tmp_path / "a.ome.tif", axes="YX").shape == (9, 8)
    with pytest.raises(InputError, match="do not fit"):
        read(tmp_path / "a.ome.tif", axes="TZYX")


def test_axes_of_length_one_from_the_field():
    flat = labels_of(FIELD / "c17_labels_2d.tif")
    deep = read_labels(FIELD / "c17_labels_5d.ome.zarr")
    assert deep.axes == "TZYX"
    image = from_array(np.zeros(flat.shape), "YX")
    np.testing.assert_array_equal(like(deep, image), flat)


@pytest.mark.parametrize(
    ("image", "labels", "fits"),
    [
        ((3, 9, 8), (1, 3, 1, 9, 8), True),
        ((1, 3, 9, 8), (3, 9, 8), True),
        ((1, 9, 8), (9, 8), True),
        ((9, 8), (1, 1, 9, 8), True),
        ((1, 8), (1, 1, 8), True),
        ((3, 9, 8), (9, 8), False),
        ((2, 3, 9, 8), (3, 2, 9, 8), False),
        ((9, 8), (8, 9), False),
    ],
)
def test_labels_fit_an_image_but_for_axes_of_length_one(tmp_path, image, labels, fits):
    values = RNG.integers(0, 9, labels).astype(np.uint8)
    array = zarr.create_array(tmp_path / "a.zarr", shape=labels, dtype="u1", chunks=labels)
    array[:] = values
    axes = {2: "YX", 3: "ZYX", 4: "TZYX"}[len(image)]
    seen = from_array(np.zeros(image), axes, Placement.identity(len(axes), axes))
    found = read_labels(tmp_path / "a.zarr", axes={5: "TZCYX"}.get(len(labels)))
    if not fits:
        with pytest.raises(InputError, match="must match"):
            like(found, seen)
        return
    np.testing.assert_array_equal(like(found, seen), values.reshape(image))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["bool", "u1", ">u2", "i4", ">i8", "f2", ">f8"])
def test_labels_in_zarr_of_every_type(tmp_path, version, dtype):
    truth = LABELS % 2 if dtype == "bool" else LABELS
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(9, 8), dtype=dtype, chunks=(4, 4), zarr_format=version
    )
    array[:] = truth.astype(dtype)
    np.testing.assert_array_equal(labels_of(tmp_path / "a.zarr"), truth)


def test_said_axes_go_before_those_of_ome_zarr(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", data=np.stack([LABELS] * 3))
    for names in ("cyx", "yx", "abc"):
        axes = [{"name": name, "type": "channel" if name == "c" else "space"} for name in names]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
        for letters in ("ZYX", "tyx"):
            assert read_labels(tmp_path / "a.zarr", axes=letters).axes == letters.upper()
        with pytest.raises(InputError, match=r"a\.zarr"):
            read_labels(tmp_path / "a.zarr")


def test_the_image_is_not_taken_for_its_labels(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    axes = [{"name": "y"}, {"name": "x"}]
    group.create_array("0", data=LABELS * 50)
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
    inner = group.create_group("labels")
    inner.attrs["labels"] = ["cells"]
    cells = inner.create_group("cells")
    cells.create_array("0", data=LABELS)
    cells.attrs.update(
        {"image-label": {}, "multiscales": [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]}
    )
    with pytest.raises(InputError, match="labels/cells"):
        read_labels(tmp_path / "a.zarr")
    for part in ("labels/cells", "labels"):
        np.testing.assert_array_equal(labels_of(tmp_path / "a.zarr" / part), LABELS)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").plane(), LABELS * 50)


@pytest.mark.parametrize("planes", [3, 4])
def test_planes_that_were_written_as_colours_are_all_there(tmp_path, planes):
    stack = np.arange(planes, dtype=np.uint8)[:, None, None] + np.zeros((6, 7), np.uint8)
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    image = read_labels(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, stack)
    assert f"taken for {planes} planes" in image.notes[0]
    tifffile.imwrite(tmp_path / "a.tif", stack * 0 + 1, **options)
    image = read_labels(tmp_path / "a.tif")
    assert image.axes == "YX"
    assert "are the same; they were taken for one plane" in image.notes[0]
