"""What the samples of a file mean: pictures as viewers show them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import read, read_labels
from napari_pseudolabel.imaging.reading import reading_tiff

FIELD = Path(__file__).parents[2] / "field"
RNG = np.random.default_rng(1)


def noise(*shape, dtype=np.uint8, top=None):
    return RNG.integers(0, top or np.iinfo(dtype).max, shape).astype(dtype)


@pytest.fixture(params=["in memory", "on disk"])
def where(request, monkeypatch):
    """Colours mean the same for files that stay on disk."""
    if request.param == "on disk":
        monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)


def pixels(path, **how):
    image = read(path, **how)
    return image.axes, np.asarray(image.data)


def test_four_contiguous_channels_are_channels(where):
    image = read(FIELD / "c10_four_channels_contig.tif")
    assert (image.axes, image.channels, image.shape) == ("YXC", 4, (48, 64))
    raw = tifffile.imread(FIELD / "c10_four_channels_contig.tif")
    for channel in range(4):
        np.testing.assert_array_equal(image.plane(channel=channel), raw[..., channel])


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_grey_samples_are_channels(tmp_path, where, samples, planar):
    data = noise(9, 8, samples, dtype=np.uint16)
    stored = data if planar == "contig" else np.moveaxis(data, -1, 0).copy()
    path = tmp_path / "a.tif"
    extra = ["unspecified"] * (samples - 1)
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planar, extrasamples=extra)
    image = read(path)
    assert (image.channels, image.shape) == (samples, (9, 8))
    for channel in range(samples):
        np.testing.assert_array_equal(image.plane(channel=channel), data[..., channel])
    np.testing.assert_array_equal(image.plane(), data[..., 0])


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("extra", [(), ("unassalpha",), ("assocalpha",), ("unassalpha", "unassalpha")])
def test_transparency_is_no_colour(tmp_path, where, planar, extra):
    data = noise(9, 8, 3 + len(extra))
    stored = data if planar == "contig" else np.moveaxis(data, -1, 0).copy()
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=list(extra) or None
    )
    image = read(tmp_path / "a.tif")
    assert (image.axes, image.default_channel) == ("YXS", "luminance")
    np.testing.assert_array_equal(np.asarray(image.data)[..., :3], data[..., :3])


def test_grey_with_transparency_is_grey(tmp_path):
    data = noise(9, 8, 2)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", extrasamples=["unassalpha"])
    axes, found = pixels(tmp_path / "a.tif")
    assert axes == "YX"
    np.testing.assert_array_equal(found, data[..., 0])


def test_more_samples_than_colours_are_channels_and_that_is_said(tmp_path):
    data = noise(9, 8, 5)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", extrasamples=["unspecified", "unspecified"])
    image = read(tmp_path / "a.tif")
    assert (image.axes, image.channels) == ("YXC", 5)
    np.testing.assert_array_equal(image.plane(channel=4), data[..., 4])
    assert image.notes == (
        "a.tif: it has 5 samples per pixel, of which only three are colours; all were taken for channels.",
    )
    tifffile.imwrite(tmp_path / "b.tif", data[..., :4], photometric="rgb", extrasamples=["unspecified"])
    assert "taken for transparency" in read(tmp_path / "b.tif").notes[0]


def test_white_is_zero_looks_like_black_is_zero(where):
    white, black = (read(FIELD / "c12_miniswhite.tif"), read(FIELD / "c12_minisblack.tif"))
    np.testing.assert_array_equal(white.plane(), black.plane())
    assert white.notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_white_is_zero_of_every_type(tmp_path, where, dtype):
    data = (RNG.random((9, 8)) * (1 if dtype == np.float32 else 100)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="miniswhite")
    axes, found = pixels(tmp_path / "a.tif")
    info = (0, 1) if dtype == np.float32 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    np.testing.assert_allclose(found, info[0] + info[1] - data.astype(float), rtol=1e-6)
    assert (axes, found.dtype) == ("YX", dtype)


def test_bits_of_fax_machines_are_white_on_zero(tmp_path):
    mask = noise(16, 16, top=2).astype(bool)
    Pillow.fromarray(mask).save(tmp_path / "a.tif", compression="group4")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        stored, white = tif.asarray(), tif.pages[0].photometric == 0
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif")[1], ~stored if white else stored)


def palette(kind):
    levels = np.arange(256)
    table = {
        "colours": np.stack([levels, levels[::-1], levels * 7 % 256]),
        "grey": np.stack([255 - levels] * 3),
        "green": np.stack([levels * 0, levels, levels * 0]),
    }[kind]
    return table.astype(np.uint8)


@pytest.mark.parametrize("kind", ["colours", "grey", "green"])
def test_palette_pictures_become_pictures(tmp_path, where, kind):
    table, data = palette(kind), noise(9, 8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="palette", colormap=table.astype(np.uint16) * 257)
    axes, found = pixels(tmp_path / "a.tif")
    expected = table[:, data].transpose(1, 2, 0)
    assert axes == ("YX" if kind == "grey" else "YXS")
    np.testing.assert_array_equal(found, expected[..., 0] if kind == "grey" else expected)
    picture = Pillow.fromarray(data, "P")
    picture.putpalette(table.T.tobytes())
    picture.save(tmp_path / "a.png")
    axes, found = pixels(tmp_path / "a.png")
    np.testing.assert_array_equal(found, expected[..., 0] if kind == "grey" else expected)


def test_the_colours_of_imagej_are_for_display(tmp_path):
    data, path = noise(9, 8), tmp_path / "a.tif"
    description = "ImageJ=1.54f\nimages=1\n"
    for kind, axes in (("green", "YX"), ("colours", "YXS")):
        table = palette(kind).astype(np.uint16) * 257
        tifffile.imwrite(
            path, data, photometric="palette", colormap=table, description=description, metadata=None
        )
        image = read(path)
        assert image.axes == axes
        assert bool(image.notes) == (axes == "YX")
    tifffile.imwrite(path, data, photometric="palette", colormap=palette("green").astype(np.uint16) * 257)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_cmyk_becomes_rgb(tmp_path, where, planar):
    ink = noise(9, 8, 4)
    stored = ink if planar == "contig" else np.moveaxis(ink, -1, 0).copy()
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="separated", planarconfig=planar)
    axes, found = pixels(tmp_path / "a.tif")
    expected = np.asarray(Pillow.fromarray(ink, "CMYK").convert("RGB"))
    assert axes == "YXS"
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


def test_ycbcr_becomes_rgb(tmp_path):
    # Smooth, so that JPEG keeps it.
    rgb = (np.indices((32, 32)).sum(0)[..., None] * np.array([3, 2, 1]) + [10, 60, 90]).astype(np.uint8)
    plain = np.asarray(Pillow.fromarray(rgb).convert("YCbCr"))
    tifffile.imwrite(tmp_path / "a.tif", plain, photometric="ycbcr")
    Pillow.fromarray(rgb).convert("YCbCr").save(tmp_path / "b.tif", compression="jpeg", quality=100)
    for name in ("a.tif", "b.tif"):
        axes, found = pixels(tmp_path / name)
        assert axes == "YXS"
        np.testing.assert_allclose(found.astype(int), rgb, atol=4)


def test_colours_that_are_not_known_are_one_sentence(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(9, 8, 3), photometric="cielab")
    with pytest.raises(InputError, match=r"a\.tif stores colours as CIELAB"):
        read(tmp_path / "a.tif")


def test_ome_channels_with_several_samples(tmp_path):
    data = noise(2, 9, 8, 3)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, data[0], photometric="rgb", metadata={"axes": "YXS"})
    assert read(path).axes == "YXS"
    tifffile.imwrite(path, data, photometric="rgb", metadata={"axes": "CYXS"})
    image = read(path)
    assert (image.channels, image.shape) == (6, (9, 8))
    for channel in range(6):
        np.testing.assert_array_equal(image.plane(channel=channel), data[channel // 3, ..., channel % 3])
    assert "2 channels have three colours each" in image.notes[0]
    tifffile.imwrite(path, data, photometric="rgb", metadata={"axes": "ZYXS"})
    image = read(path)
    assert (image.axes, image.shape) == ("ZYXS", (2, 9, 8))
    grey = noise(9, 8, 3)
    tifffile.imwrite(path, grey, photometric="minisblack", planarconfig="contig", metadata={"axes": "YXS"})
    image = read(path)
    assert image.channels == 3
    np.testing.assert_array_equal(image.plane(channel=2), grey[..., 2])


@given(
    channels=st.integers(1, 3),
    planes=st.integers(1, 3),
    samples=st.integers(1, 5),
    planar=st.booleans(),
    big_endian=st.booleans(),
    dtype=st.sampled_from(["u1", "u2", "i2", "f4", "f8"]),
)
def test_every_value_is_found_where_it_was_put(
    tmp_path_factory, channels, planes, samples, planar, big_endian, dtype
):
    """All layouts of channels, planes and grey samples: value and place are those of the array that was written."""
    path = tmp_path_factory.mktemp("any") / "a.ome.tif"
    shape = (planes, channels, 6, 7, samples)
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    order, axes = ((0, 1, 4, 2, 3), "ZCSYX") if planar else ((0, 1, 2, 3, 4), "ZCYXS")
    if samples == 1:
        order, axes, data = (0, 1, 2, 3), "ZCYX", data[..., 0]
    tifffile.imwrite(
        path,
        data.transpose(order).copy(),
        photometric="minisblack",
        planarconfig=("separate" if planar else "contig") if samples > 1 else None,
        byteorder=">" if big_endian else "<",
        metadata={"axes": axes},
    )
    image = read(path)
    assert image.channels == channels * samples
    assert image.shape == ((planes, 6, 7) if planes > 1 else (6, 7))
    whole = data.reshape(planes, channels, 6, 7, samples)
    for index in image.planes():
        for channel in range(image.channels):
            expected = whole[index[0] if index else 0, channel // samples, :, :, channel % samples]
            np.testing.assert_array_equal(image.plane(index, channel), expected.astype(np.float32))


def test_pages_with_palettes_of_their_own_are_refused(tmp_path):
    tables = np.zeros((2, 3, 256), np.uint16)
    for number in range(2):
        tables[number, number] = np.arange(256) * 257
    for second, fits in ((0, True), (1, False)):
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            for number in (0, second):
                tif.write(noise(9, 8), photometric="palette", colormap=tables[number], metadata=None)
        if fits:
            assert read(tmp_path / "a.tif").axes == "ZYXS"
        else:
            with pytest.raises(InputError, match="differing palettes"):
                read(tmp_path / "a.tif")
            assert read_labels(tmp_path / "a.tif").shape == (2, 9, 8)


def test_an_orientation_is_said(tmp_path):
    data = noise(9, 8)
    for value, said in ((1, False), (6, True)):
        tifffile.imwrite(tmp_path / "a.tif", data, extratags=[(274, "H", 1, value, True)])
        image = read(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.plane(), data)
        assert ["orientation 6" in note for note in image.notes] == [True] * said


def test_the_channel_that_nobody_chose_is_said():
    image = read(FIELD / "c10_four_channels_contig.tif")
    assert "4 channels, of which the first, 0" in image.assumed()[0]
    assert image.assumed(0) == image.notes == ()


# PNG and JPEG ----------------------------------------------------------------------------------


def test_interlaced_png_of_16_bit_keeps_all_bits(tmp_path):
    # Adam7 by hand: seven passes, filter 0.
    import struct
    import zlib

    data = noise(9, 8, 3, dtype=np.uint16)
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    raw = b"".join(
        b"\0" + row.astype(">u2").tobytes()
        for y, x, down, right in passes
        for row in data[y::down, x::right]
        if row.size
    )

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 8, 9, 16, 2, 0, 0, 1)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )
    axes, found = pixels(tmp_path / "a.png")
    assert axes == "YXS"
    np.testing.assert_array_equal(found, data)


def test_an_orientation_of_a_png_is_said_and_not_followed(tmp_path):
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for orientation, said in ((1, False), (6, True)):
        exif = Pillow.Exif()
        exif[274] = orientation
        Pillow.fromarray(plane).save(tmp_path / "a.png", exif=exif)
        for image in (read(tmp_path / "a.png"), read_labels(tmp_path / "a.png")):
            np.testing.assert_array_equal(image.data, plane)
            assert ["orientation 6" in note for note in image.notes] == [True] * said


def test_an_animation_says_that_its_first_picture_was_used(tmp_path):
    path = tmp_path / "moving.png"
    first, *more = (Pillow.fromarray(np.full((4, 5), value, np.uint8)) for value in (10, 20, 30))
    first.save(path, save_all=True, append_images=more)
    for image in (read(path), read_labels(path)):
        assert (image.data == 10).all()
        assert ["animation of 3 pictures" in note for note in image.notes] == [True]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_as_it_asks_for(tmp_path, orientation):
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255  # upper left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Pillow.Exif()
    exif[274] = orientation
    Pillow.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read(tmp_path / "a.jpg")
    np.testing.assert_allclose(image.plane(), upright, atol=12)
    assert bool(image.notes) == (orientation > 1)


def test_inverted_cmyk_of_adobe_is_not_inverted(tmp_path):
    picture = Pillow.fromarray(np.full((16, 16, 3), (200, 100, 50), np.uint8)).convert("CMYK")
    file = BytesIO()
    picture.save(file, "JPEG", quality=100)  # Pillow writes it as Adobe does
    assert b"Adobe" in file.getvalue()
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    np.testing.assert_allclose(np.asarray(read(tmp_path / "a.jpg").data)[8, 8], (200, 100, 50), atol=4)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_png_with_transparency(tmp_path, mode):
    data = noise(9, 8, 4)
    picture = Pillow.fromarray(data).convert("RGB" if mode == "P" else mode).convert(mode)
    options = {"transparency": 3} if mode == "P" else {}
    picture.save(tmp_path / "a.png", **options)
    axes, found = pixels(tmp_path / "a.png")
    expected = np.asarray(picture.convert("L" if mode == "LA" else "RGB"))
    assert axes == ("YX" if mode == "LA" else "YXS")
    np.testing.assert_array_equal(found, expected)
    assert imagecodecs.png_decode((tmp_path / "a.png").read_bytes()).shape[-1] in (2, 4)
