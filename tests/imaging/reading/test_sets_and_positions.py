"""Images that lie in several files, and files that hold several images."""

from __future__ import annotations

import uuid
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.targets import check_channel
from napari_pseudolabel.imaging import ReadOptions, read
from napari_pseudolabel.imaging.reading import reading_tiff
from napari_pseudolabel.imaging.reading.tiff_series import along_an_axis

FIELD = Path(__file__).parents[2] / "field"
RNG = np.random.default_rng(3)
OME = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def noise(*shape):
    return RNG.integers(1, 255, shape).astype(np.uint8)


def write_set(folder, images, *, own_uuid=True, companion=None):
    """Write one file per plane, `images` being names of images with their planes; every file describes all."""
    files = {}
    elements = ""
    for number, (name, planes) in enumerate(images.items()):
        parts = ""
        for z, plane in enumerate(planes):
            file = f"{name}_{z}.ome.tif"
            files[file] = (f"urn:uuid:{uuid.uuid4()}", plane)
            parts += (
                f'<TiffData FirstC="0" FirstT="0" FirstZ="{z}" IFD="0" PlaneCount="1">'
                f'<UUID FileName="{file}">{files[file][0]}</UUID></TiffData>'
            )
        height, width = planes[0].shape
        elements += (
            f'<Image ID="Image:{number}" Name="{name}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" '
            f'Type="uint8" SizeX="{width}" SizeY="{height}" SizeZ="{len(planes)}" SizeC="1" SizeT="1" '
            f'PhysicalSizeX="0.{number + 1}" PhysicalSizeY="0.{number + 1}">'
            f'<Channel ID="Channel:{number}:0" SamplesPerPixel="1"/>{parts}</Pixels></Image>'
        )
    for file, (own, plane) in files.items():
        attribute = f' UUID="{own}"' if own_uuid else ""
        content = (
            elements if companion is None else f'<BinaryOnly MetadataFile="{companion}" UUID="urn:uuid:0"/>'
        )
        xml = f'<?xml version="1.0" encoding="UTF-8"?><OME {OME}{attribute}>{content}</OME>'
        tifffile.imwrite(folder / file, plane, description=xml, metadata=None)
    if companion is not None:
        (folder / companion).write_text(f'<?xml version="1.0"?><OME {OME} UUID="urn:uuid:0">{elements}</OME>')
    return list(files)


# Sets of files --------------------------------------------------------------------------------


def test_a_set_that_lacks_a_file_names_it():
    for name in ("m0", "m1"):
        with pytest.raises(InputError, match=r"m2\.ome\.tif is missing"):
            read(FIELD / "c08_ome_sibling_missing" / f"{name}.ome.tif")


@pytest.mark.parametrize("own_uuid", [True, False])
@pytest.mark.parametrize("companion", [None, "set.companion.ome"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_set_is_read_whole_from_any_of_its_files(tmp_path, monkeypatch, own_uuid, companion, lazy):
    if lazy:
        monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)
    stack = noise(3, 9, 8)
    for file in write_set(tmp_path, {"a": stack}, own_uuid=own_uuid, companion=companion):
        image = read(tmp_path / file)
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(np.asarray(image.data[:]), stack)
        assert image.notes == (
            f"{file}: it was read together with the other files of its set, which are one image.",
        )


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("companion", [None, "set.companion.ome"])
def test_whatever_file_is_missing_or_renamed_is_named(tmp_path, lost, companion):
    files = write_set(tmp_path, {"a": noise(3, 9, 8)}, companion=companion)
    (tmp_path / files[lost]).rename(tmp_path / "renamed.ome.tif")
    for file in {*files} - {files[lost]}:
        with pytest.raises(InputError, match=files[lost].replace(".", r"\.")):
            read(tmp_path / file)


@pytest.mark.parametrize("own_uuid", [True, False])
def test_one_file_alone_under_another_name_is_no_image_of_its_own(tmp_path, own_uuid):
    files = write_set(tmp_path, {"a": noise(3, 9, 8)}, own_uuid=own_uuid)
    for file in files[1:]:
        (tmp_path / file).unlink()
    (tmp_path / files[0]).rename(tmp_path / "renamed.ome.tif")
    with pytest.raises(InputError, match=r"a_1\.ome\.tif"):
        read(tmp_path / "renamed.ome.tif")


def test_a_lost_companion_is_named(tmp_path):
    files = write_set(tmp_path, {"a": noise(2, 9, 8)}, companion="set.companion.ome")
    (tmp_path / "set.companion.ome").unlink()
    with pytest.raises(InputError, match=r"described in set\.companion\.ome"):
        read(tmp_path / files[0])


def test_other_images_of_a_set_may_be_missing_but_that_is_said(tmp_path):
    first, second = noise(2, 9, 8), noise(2, 9, 8)
    files = write_set(tmp_path, {"a": first, "b": second})
    (tmp_path / files[2]).unlink()
    image = read(tmp_path / files[0], position="a")
    np.testing.assert_array_equal(image.data, first)
    assert files[2] in " ".join(image.notes)
    with pytest.raises(InputError, match=files[2]):
        read(tmp_path / files[0], position="b")
    (tmp_path / files[3]).unlink()
    np.testing.assert_array_equal(read(tmp_path / files[0]).data, first)
    with pytest.raises(InputError, match=files[2]):
        read(tmp_path / files[0], position=1)


@pytest.mark.parametrize("own_uuid", [True, False])
def test_a_single_file_may_be_renamed(tmp_path, own_uuid):
    plane = noise(9, 8)
    (file,) = write_set(tmp_path, {"a": plane[None]}, own_uuid=own_uuid)
    (tmp_path / file).rename(tmp_path / "new.ome.tif")
    image = read(tmp_path / "new.ome.tif")
    np.testing.assert_array_equal(image.plane(), plane)
    assert image.placement.pixel_size_um() == pytest.approx(0.1)
    assert image.notes == ()


def cut_to(path, stack, axes, kept):
    """Write an OME-TIFF that describes `stack` and holds only its first pages."""
    tifffile.imwrite(path, stack, metadata={"axes": axes})
    with tifffile.TiffFile(path) as tif:
        root = ElementTree.fromstring(tif.ome_metadata)
    pages = stack.reshape(-1, *stack.shape[-2:])[:kept]
    with tifffile.TiffWriter(path) as tif:
        for number, page in enumerate(pages):
            tif.write(
                page,
                description=ElementTree.tostring(root, encoding="unicode") if not number else "",
                metadata=None,
                contiguous=False,
            )


def test_planes_that_were_never_written_are_no_zeros(tmp_path):
    stack, path = noise(5, 3, 9, 8), tmp_path / "a.ome.tif"
    cut_to(path, stack, "TZYX", 7)
    image = read(path)
    np.testing.assert_array_equal(image.data, stack[:2])
    assert "lacks 8 of the 15 planes" in image.notes[0]
    cut_to(path, stack, "TZYX", 2)
    with pytest.raises(InputError, match="lacks 13 of the 15 planes"):
        read(path)


def test_a_description_that_does_not_fit_is_said(tmp_path):
    """One channel of three colours, but three grey pages."""
    stack = noise(3, 9, 8)
    xml = (
        f'<?xml version="1.0"?><OME {OME}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" '
        'SizeX="8" SizeY="9" SizeZ="1" SizeC="3" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData/>'
        "</Pixels></Image></OME>"
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for number, page in enumerate(stack):
            tif.write(page, description="" if number else xml, metadata=None, contiguous=False)
    image = read(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, stack)
    assert "does not fit what it holds" in image.notes[0]
    assert read(tmp_path / "a.ome.tif", axes="CYX").channels == 3


def test_a_stack_of_imagej_that_was_cut_is_said(tmp_path):
    stack, path = noise(5, 32, 33), tmp_path / "a.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    assert read(path).notes == ()
    whole = path.read_bytes()
    path.write_bytes(whole[:-2000])
    with pytest.raises(InputError, match="cut short"):
        read(path)
    tifffile.imwrite(path, stack[0], description="ImageJ=1.54f\nimages=5\nslices=5\n", metadata=None)
    image = read(path)
    np.testing.assert_array_equal(image.plane(), stack[0])
    assert "describes 5 planes, of which it holds 1" in image.notes[0]


def test_strips_that_are_not_stored_are_said(tmp_path):
    data, path = noise(32, 33), tmp_path / "a.tif"
    tifffile.imwrite(path, data, rowsperstrip=8, compression="zlib")
    assert read(path).notes == ()
    with tifffile.TiffFile(path, mode="r+") as tif:
        tag = tif.pages[0].tags["StripByteCounts"]
        tag.overwrite([*tag.value[:2], 0, 0])
    image = read(path)
    np.testing.assert_array_equal(image.plane()[:16], data[:16])
    assert "read as zeros" in image.notes[0]


def test_a_companion_is_no_image(tmp_path):
    write_set(tmp_path, {"a": noise(2, 9, 8)}, companion="set.companion.ome")
    with pytest.raises(InputError, match="one of the TIFF files beside it"):
        read(tmp_path / "set.companion.ome")


# Several images in a file ----------------------------------------------------------------------


@pytest.fixture
def positions(tmp_path):
    """Three stage positions of differing size, with sizes of their own."""
    images = {"well A": noise(9, 8), "well B": noise(9, 8), "7": noise(5, 6)}
    path = tmp_path / "positions.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        for number, (name, data) in enumerate(images.items(), 1):
            size = {f"PhysicalSize{axis}": number / 10 for axis in "XY"}
            tif.write(data, metadata={"axes": "YX", "Name": name, **size}, photometric="minisblack")
    return path, images


@pytest.mark.parametrize("lazy", [False, True])
def test_positions_are_chosen_by_number_or_name(positions, monkeypatch, lazy):
    if lazy:
        monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)
    path, images = positions
    for number, (name, data) in enumerate(images.items()):
        for position in (number, str(number), name):
            image = read(path, position=position)
            np.testing.assert_array_equal(image.plane(), data)
            assert image.placement.pixel_size_um() == pytest.approx((number + 1) / 10)
            assert image.notes == ()
    with pytest.raises(
        InputError, match=r"3 images: 0 \(well A\), 1 \(well B\), 2 \(7\); say which: --position"
    ):
        read(path)
    for wrong in (3, "well C", -1):
        with pytest.raises(InputError, match="well B"):
            read(path, position=wrong)


def test_pages_of_differing_kinds_are_several_images(tmp_path):
    pages = [noise(9, 8), noise(5, 6), noise(9, 8).astype(np.uint16)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for page in pages:
            tif.write(page, contiguous=False)
    with pytest.raises(InputError, match="holds 3 images"):
        read(tmp_path / "a.tif")
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read(tmp_path / "a.tif", position=number).plane(), page)


@pytest.mark.parametrize("lazy", [False, True])
def test_equal_pages_are_planes_however_they_were_written(tmp_path, monkeypatch, lazy):
    """One by one, as loops of scripts do, or at once; whoever gives a position means one of the pages."""
    if lazy:
        monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)
    stack = noise(3, 9, 8)
    for metadata in ({}, None):
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            for page in stack:
                tif.write(page, contiguous=False, metadata=metadata)
        image = read(tmp_path / "a.tif")
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(np.asarray(image.data[:]), stack)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for page in stack:
            tif.write(page, contiguous=False)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", position=1).plane(), stack[1])


@pytest.mark.parametrize("odd", ["type", "compression", "meaning", "height"])
def test_a_stack_with_an_odd_page_is_no_stack_of_the_others(tmp_path, odd):
    """Its planes would be others than a person counts."""
    page = noise(9, 8)
    strange, options = {
        "type": (page.astype(np.uint16), {}),
        "compression": (page, {"compression": "zlib"}),
        "meaning": (255 - page, {"photometric": "miniswhite"}),
        "height": (noise(10, 8), {}),
    }[odd]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for one, how in ((page, {}), (strange, options), (page, {})):
            tif.write(one, metadata=None, contiguous=False, **how)
    with pytest.raises(InputError, match="holds 2 images"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["smaller", "as large", "larger"])
def test_the_first_image_stands_for_smaller_ones_alone(tmp_path, kind):
    """A slide has a label and an overview; of wells, or where the overview comes first, somebody has to say which is meant."""
    side = {"smaller": 5, "as large": 9, "larger": 20}[kind]
    images = [noise(9, 9), noise(side, side).astype(np.uint16)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for one in images:
            tif.write(one, contiguous=False)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for one in images:
            tif.write(one, metadata={"axes": "YX"})
    series = zarr.create_group(tmp_path / "series.zarr", zarr_format=2)
    series.attrs["bioformats2raw.layout"] = 3
    several = zarr.create_group(tmp_path / "several.zarr", zarr_format=2)
    for number, one in enumerate(images):
        write_image(series.create_group(str(number)), one)
        write_image(several, one, name=str(number)) if not number else several.create_array("1", data=one)
    several.attrs["multiscales"] = [
        {**several.attrs["multiscales"][0], "name": str(n), "datasets": [{"path": str(n)}]} for n in (0, 1)
    ]
    for name in ("a.tif", "a.ome.tif", "series.zarr", "several.zarr"):
        if kind == "smaller":
            image = read(tmp_path / name)
            np.testing.assert_array_equal(image.plane(), images[0])
            assert "holds 2 images" in image.notes[0]
        else:
            with pytest.raises(InputError, match=r"holds 2 images.*--position.*position=0.*window"):
                read(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name, position=1).plane(), images[1])


def test_labels_of_a_position_are_those_at_it(tmp_path):
    """Labels have the positions of their picture, or are of one."""
    labels = [np.full((6, 7), value, np.uint8) for value in (1, 2)]
    with tifffile.TiffWriter(tmp_path / "several.ome.tif", ome=True) as tif:
        for one in labels:
            tif.write(one, metadata={"axes": "YX"})
    tifffile.imwrite(tmp_path / "one.tif", labels[0])
    for name, position, value in (("several.ome.tif", 1, 2), ("several.ome.tif", "0", 1), ("one.tif", 1, 1)):
        assert (np.asarray(ReadOptions(position=position).labels(tmp_path / name).data) == value).all()
    with pytest.raises(InputError, match="2 images"):
        ReadOptions().labels(tmp_path / "several.ome.tif")


def test_names_of_channels_are_known_whatever_the_file(tmp_path):
    """Where channels have names, labelling asks which is meant."""
    data, names = noise(2, 6, 7), ["DAPI", "GFP"]
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "CYX", "Channel": {"Name": names}})
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    write_image(group, data)
    channels = [{"label": name} for name in names]
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    group.attrs["multiscales"] = [{**group.attrs["multiscales"][0], "axes": axes}]
    group.attrs["omero"] = {"channels": channels}
    for name in ("a.ome.tif", "a.zarr"):
        assert read(tmp_path / name).channel_names == ("DAPI", "GFP")
        with pytest.raises(InputError, match=r"0 \(DAPI\), 1 \(GFP\)"):
            check_channel(read(tmp_path / name), None)
    tifffile.imwrite(tmp_path / "b.ome.tif", data, metadata={"axes": "CYX"})
    check_channel(read(tmp_path / "b.ome.tif"), None)


def test_thumbnails_are_no_images(tmp_path):
    page = noise(64, 64)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(page, metadata=None)
        tif.write(page[::5, ::5], subfiletype=1, metadata=None)
    image = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.plane(), page)
    assert image.notes == ()


def test_files_of_one_image_have_one_position(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(9, 8))
    zarr.create_array(tmp_path / "a.zarr", shape=(4, 5), dtype="u1")
    for name in ("a.tif", "a.zarr"):
        assert read(tmp_path / name, position=0).notes == ()
        with pytest.raises(InputError, match=r"no position 1|position 1 does not exist"):
            read(tmp_path / name, position=1)


def write_image(group, data, name=""):
    group.create_array("0", data=data)
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    group.attrs["multiscales"] = [{"version": "0.4", "name": name, "axes": axes, "datasets": [{"path": "0"}]}]


def test_series_and_plates_of_ome_zarr(tmp_path):
    images = [noise(4, 5) for _ in range(12)]
    series = zarr.create_group(tmp_path / "series.zarr", zarr_format=2)
    series.attrs["bioformats2raw.layout"] = 3
    series.create_group("OME")
    for number, data in enumerate(images):
        write_image(series.create_group(str(number)), data)
    with pytest.raises(InputError, match="holds 12 images"):
        read(tmp_path / "series.zarr")
    for number, data in enumerate(images):
        np.testing.assert_array_equal(read(tmp_path / "series.zarr", position=number).plane(), data)
    plate = zarr.create_group(tmp_path / "plate.zarr", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for number, well in enumerate(("A/1", "B/2")):
        inner = plate.create_group(well)
        inner.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
        for field in range(2):
            write_image(inner.create_group(str(field)), images[2 * number + field])
    np.testing.assert_array_equal(read(tmp_path / "plate.zarr", position="B/2/1").plane(), images[3])
    np.testing.assert_array_equal(read(tmp_path / "plate.zarr" / "B" / "2", position=1).plane(), images[3])
    for path in ("plate.zarr", "plate.zarr/B/2"):  # no place stands for the others
        with pytest.raises(InputError, match=r"holds \d images: 0 \((A/1/)?0\), .*--position"):
            read(tmp_path / path)


def test_positions_may_be_an_axis():
    """As Micro-Manager stores them; R is what tifffile calls it."""
    stack = noise(2, 3, 4, 5)
    for position, number in ((0, 0), (1, 1), ("1", 1)):
        data, axes, notes = along_an_axis(stack, "ZRYX", Path("a.tif"), position)
        np.testing.assert_array_equal(data, stack[:, number])
        assert (axes, notes) == ("ZYX", ())
    with pytest.raises(InputError, match="say which"):
        along_an_axis(stack, "ZRYX", Path("a.tif"), None)
    with pytest.raises(InputError, match="no position 3"):
        along_an_axis(stack, "ZRYX", Path("a.tif"), 3)


def test_a_file_of_a_set_of_several_images_is_its_own_image(tmp_path):
    first, second = noise(2, 9, 8), noise(3, 9, 8)
    files = write_set(tmp_path, {"a": first, "b": second})
    for file in files[2:]:
        image = read(tmp_path / file)
        np.testing.assert_array_equal(image.data, second)
        assert "“b”, one of 2 images" in image.notes[0]
        assert [Path(one).name for one in image.files] == files[2:]
        assert image.placement.pixel_size_um() == pytest.approx(0.2)
    np.testing.assert_array_equal(read(tmp_path / files[3], position="a").data, first)


def test_an_image_in_one_file_has_no_others(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(3, 9, 8), metadata={"axes": "ZYX"})
    assert read(tmp_path / "a.ome.tif").files == ()
