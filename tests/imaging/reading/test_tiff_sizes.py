"""Pixel sizes as TIFF files of many programs give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.exporting import export
from napari_pseudolabel.imaging import Placement, read, read_labels

FIELD = Path(__file__).parents[2] / "field"
PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("c03_ome_and_imagej.ome.tif", 0.65),
        ("c05_imagej_zunit_nm.tif", 0.1),
        ("c20_fei_sem.tif", 0.12),
        ("c20_resolution_cm.tif", 0.12),
        ("c21_ome_unit_mojibake.ome.tif", 0.12),
        ("c21_ome_size_x_only.ome.tif", 0.12),
        ("c21_ome_decimal_comma.ome.tif", 0.12),
    ],
)
def test_sizes_of_files_from_the_field(name, size):
    image = read(FIELD / name)
    assert image.placement.pixel_size_um() == pytest.approx(size)
    assert len(image.notes) == ("x_only" in name or "c03" in name)


def test_planes_may_lie_apart_in_another_unit():
    placement = read(FIELD / "c05_imagej_zunit_nm.tif").placement
    assert placement.scale == pytest.approx((300, 0.1, 0.1))
    assert placement.units == ("nanometer", "micrometer", "micrometer")


@pytest.fixture
def written(tmp_path):
    """Writes a TIFF and reads it: (size in um, notes)."""

    def write(*, pixels=PIXELS, **options):
        path = tmp_path / "image.tif"
        tifffile.imwrite(path, pixels, **options)
        image = read(path)
        return image.placement.pixel_size_um(), image.notes

    return write


def ome(**attributes):
    """OME-XML with these attributes of Pixels."""
    told = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="8" SizeY="6" SizeZ="1" '
        f'SizeC="1" SizeT="1" {told}><Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    ).encode()


def both(value, unit="um"):
    return {
        f"PhysicalSize{letter}{more}": told for letter in "XY" for more, told in (("", value), ("Unit", unit))
    }


@pytest.mark.parametrize(
    ("attributes", "size", "told"),
    [
        (both("0.2"), 0.2, ""),
        (both("200", "nm"), 0.2, ""),
        (both("2e-7", "m"), 0.2, ""),
        (both("0,2"), 0.2, ""),
        (both("2", "\u00c5"), 2e-4, ""),
        (both("2", "\u00c3\u2026"), 2e-4, ""),  # the same, read in the wrong encoding
        (both("0.2", "\u00ce\u00bcm"), 0.2, ""),
        (both("0.2", "\ufffdm"), 0.2, ""),
        (both("0.2", "&#956;m"), 0.2, ""),
        (both("INF"), None, "is no size"),
        (both("1e400"), None, "is no size"),
        (both("NaN"), None, "is no size"),
        (both("-0.2"), None, "is no size"),
        (both("0"), None, "is no size"),
        (both(""), None, "is no size"),
        (both("1.234,5"), None, "is no size"),
        (both("1e30"), None, "cannot be the size of a pixel"),
        (both("1e-30"), None, "cannot be the size of a pixel"),
        (both("5", "m"), None, "cannot be the size of a pixel"),
        (both("0.2", "s"), None, "has a unit that does not fit"),
        (both("0.2", "reference frame"), None, ""),
        (both("0.2", "furlong"), None, "has an unknown unit"),
        (both("0.001", "thou"), 0.0254, ""),
        (both("0.0072", "pt"), 2.54, ""),
        (both("1.2e-4", "li"), 0.254, ""),
        (both("2e-9", "hm"), 0.2, ""),
        (both("200000", "fm"), 2e-4, ""),
        (both("0.2", "Mm"), None, "cannot be the size of a pixel"),  # a thousand kilometres, no mm
        (both("1,234", "nm"), None, "is no size"),  # a thousand, or a little more than one
        (both("0,234"), 0.234, ""),
        ({"PhysicalSizeY": "0.2"}, 0.2, "along y only"),
        ({"PhysicalSizeX": "0.2", "PhysicalSizeY": "inf"}, 0.2, "along x only"),
    ],
)
def test_sizes_in_ome_xml(written, attributes, size, told):
    found, notes = written(description=ome(**attributes), metadata=None)
    assert found == (None if size is None else pytest.approx(size))
    assert told in " ".join(notes)
    assert bool(told) == bool(notes)


def test_time_has_units_of_its_own(tmp_path):
    path = tmp_path / "a.ome.tif"
    axes = {"axes": "TYX", "TimeIncrement": 40, "TimeIncrementUnit": "ms", **both(0.2, "µm")}
    tifffile.imwrite(path, np.stack([PIXELS] * 3), metadata=axes)
    placement = read(path).placement
    assert (placement.scale, placement.units) == ((40, 0.2, 0.2), ("millisecond", *("micrometer",) * 2))
    imagej = {"axes": "TYX", "unit": "um", "finterval": 40, "tunit": "ms"}
    tifffile.imwrite(
        tmp_path / "b.tif", np.stack([PIXELS] * 3), imagej=True, resolution=(5, 5), metadata=imagej
    )
    assert read(tmp_path / "b.tif").placement == placement
    axes |= {"TimeIncrement": 40000, "TimeIncrementUnit": "µs"}
    tifffile.imwrite(path, np.stack([PIXELS] * 3), metadata=axes)
    image = read(path)
    assert (image.placement.scale[0], image.placement.units[0]) == (40000, "microsecond")
    assert not image.notes


@pytest.mark.parametrize(
    ("unit", "resolution", "standard", "size", "told"),
    [
        ("um", 5, "NONE", 0.2, ""),
        ("\\u00B5m", 5, "NONE", 0.2, ""),
        ("micron", 5, "NONE", 0.2, ""),
        ("um^2", 5, "NONE", None, "has an unknown unit"),
        ("nm", 0.005, "NONE", 0.2, ""),
        ("inch", 127000, "INCH", 0.2, ""),
        ("cm", 50000, "CENTIMETER", 0.2, ""),
        ("", 50000, "CENTIMETER", 0.2, ""),  # ImageJ takes the unit of the tags then
        ("pixel", 50000, "CENTIMETER", 0.2, ""),
        ("um", 5, "INCH", 0.2, ""),  # the unit of the tags was left as it is by default
        (
            "um",
            50000,
            "CENTIMETER",
            0.2,
            "0.2 um wide by its resolution tags and 2e-05 um by its ImageJ comment",
        ),
        ("um", 0, "NONE", None, ""),
        ("um", 1e9, "NONE", None, "cannot be the size of a pixel"),
        ("pixel", 5, "NONE", None, ""),
    ],
)
def test_sizes_of_imagej(written, unit, resolution, standard, size, told):
    ratio = (round(resolution * 10**6), 10**6) if resolution < 1000 else (int(resolution), 1)
    found, notes = written(
        imagej=True, resolution=(ratio, ratio), resolutionunit=standard, metadata={"unit": unit}
    )
    assert found == (None if size is None else pytest.approx(size))
    assert told in " ".join(notes)
    assert bool(told) == bool(notes)


@pytest.mark.parametrize("dots_per_inch", [1, 72, 96, 150, 300, 600, 1200])
@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_resolutions_for_printing_are_no_pixel_sizes(written, dots_per_inch, unit):
    per_unit = dots_per_inch if unit == "INCH" else dots_per_inch / 2.54
    assert written(resolution=(per_unit, per_unit), resolutionunit=unit) == (None, ())


def test_two_sources_that_disagree_are_both_named(written):
    found, notes = written(
        description=ome(**both(0.2)), metadata=None, resolution=(20000, 20000), resolutionunit="CENTIMETER"
    )
    assert found == pytest.approx(0.2)
    (note,) = notes
    assert "0.2 um wide by its OME-XML and 0.5 um by its resolution tags; the first was believed" in note


def test_a_size_that_cannot_be_leaves_the_word_to_the_next(written):
    found, notes = written(
        description=ome(**both("1e30")), metadata=None, resolution=(20000, 20000), resolutionunit="CENTIMETER"
    )
    assert found == pytest.approx(0.5)
    assert "cannot be" in notes[0]


def metaseries(state):
    """What MetaMorph writes, with a calibration that is on or off."""
    sizes = "".join(f'<prop id="spatial-calibration-{axis}" type="float" value="0.25"/>' for axis in "xy")
    return (
        f'<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" value="{state}"/>{sizes}'
        '<prop id="spatial-calibration-units" type="string" value="um"/></PlaneInfo></MetaData>'
    )


def fei(text):
    return (34682, "s", 0, text, True)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"extratags": [fei("[Scan]\nPixelWidth=1.2e-07\nPixelHeight=1.2e-07\n")]}, 0.12),
        ({"extratags": [fei("[EScan]\nPixelWidth=5e-09\n")]}, 0.005),
        ({"extratags": [fei("[Scan]\nPixelWidth=\n")]}, None),
        ({"extratags": [fei("[Scan")]}, None),
        ({"extratags": [(34118, "s", 0, "\nAP_PIXEL_SIZE\nPixel Size = 12.5 nm\n", True)]}, 0.0125),
        ({"description": "Aperio Image Library v10\n8x6 [0,0 8x6]|AppMag = 20|MPP = 0.499"}, 0.499),
        ({"description": metaseries("on"), "software": "MetaSeries"}, 0.25),
        ({"description": metaseries("off"), "software": "MetaSeries"}, None),
    ],
)
def test_sizes_of_makers(written, options, size):
    found, _ = written(metadata=None, **options)
    assert found == (None if size is None else pytest.approx(size))


def test_a_coarser_level_has_larger_pixels(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    pixels = np.zeros((64, 64), np.uint8)
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, subifds=1, metadata=both(0.2, "µm"))
        writer.write(pixels[::2, ::2], subfiletype=1)
    assert read(path, level=1).placement.pixel_size_um() == pytest.approx(0.4)


OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
    'DimensionOrder="XYCZT" ID="Pixels:0" SizeX="{1}" SizeY="{0}" SizeC="1" SizeZ="1" SizeT="1" Type="uint8" PhysicalSizeX="0.12" '
    'PhysicalSizeY="0.12"><TiffData/></Pixels></Image></OME>'
)
FEI = "[Scan]\nPixelWidth=1.2e-07\nPixelHeight=1.2e-07\n[Image]\nResolutionX={1}\nResolutionY={0}\n"


@pytest.mark.parametrize("maker", ["OME-XML", "FEI header"])
@pytest.mark.parametrize(
    ("described", "size"),
    [
        ((60, 80), 0.12),
        ((120, 160), None),
        ((30, 40), None),
        ((119, 160), None),  # rounded
        ((100, 80), 0.12),  # a part was cut out
        ((60, 100), 0.12),
    ],
)
def test_the_size_of_another_number_of_pixels_does_not_count(tmp_path, maker, described, size):
    ome, path = OME.format(*described), tmp_path / "resized.tif"
    told = {"description": ome} if maker == "OME-XML" else {"extratags": [fei(FEI.format(*described))]}
    tifffile.imwrite(path, np.zeros((60, 80), np.uint8), metadata=None, **told)
    image = read(path)
    assert image.placement.pixel_size_um() == (None if size is None else pytest.approx(size))
    said = f"it has 60 x 80 pixels, but its {maker} describes {described[0]} x {described[1]}: it was made smaller or larger"
    assert any(said in note for note in image.notes) == (size is None)


def test_so_does_that_of_our_own_files_and_a_banner_is_no_other_scale(tmp_path):
    path = tmp_path / "ours.ome.tif"
    placement = Placement.identity(2, "YX").with_pixel_size_um(0.12)
    export(path, np.ones((60, 80), np.uint8), classes=(), placement=placement, provenance={})
    assert read_labels(path).placement.pixel_size_um() == pytest.approx(0.12)
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    tifffile.imwrite(path, np.ones((30, 40), np.uint8), description=xml.encode(), metadata=None)
    assert read_labels(path).placement.pixel_size_um() is None
    for described, size in (((56, 80), 0.12), ((112, 160), None)):
        tifffile.imwrite(path, np.zeros((60, 80), np.uint8), extratags=[fei(FEI.format(*described))])
        assert read(path).placement.pixel_size_um() == (None if size is None else pytest.approx(size))
