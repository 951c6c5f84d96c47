"""label, translate and segment on files and folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read, read_labels

FIELD = Path(__file__).parents[1] / "field"


def test_label_writes_labels_confidence_and_provenance_on_the_grid_of_the_image(
    cli, image, tmp_path, tiny_translator, tiny_segmenter
):
    out = tmp_path / "out.ome.tif"
    options = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--seed", 5, "--device", "cpu")
    ran = cli("label", image, out, *options, "--samples", 2, "--confidence", "--overlap", 8, "--json")
    assert ran.code == 0
    assert ran.err == ""
    (result,) = ran.json["results"]
    assert ran.json["failed"] == []
    assert result["seed"] == 5
    assert result["parameters"]["samples"] == 2
    assert result["parameters"]["overlap"] == 8
    assert result["parameters"]["factor"] == pytest.approx(1.0)
    assert 0 <= result["agreement"] <= 1
    labels = read(out)
    assert labels.shape == (40, 52)
    assert set(np.unique(labels.data)) <= {0, 1, 7}
    assert labels.placement.pixel_size_um() == pytest.approx(0.2)
    assert result["shares"]["axon"] == pytest.approx((labels.data == 7).mean())
    confidence = read(tmp_path / "out.confidence.ome.tif").data
    assert confidence.shape == (40, 52)
    assert result["mean_confidence"] == pytest.approx(confidence.mean(), abs=1e-5)
    known = read_sidecar(out)
    assert [model.role for model in known.models] == ["translator", "segmenter"]
    assert all(len(model.sha256) == 64 for model in known.models)
    assert [one.name for one in known.classes] == ["background", "myelin", "axon"]


def test_translate_depends_on_the_seed_alone(cli, image, tmp_path, tiny_translator):
    def translated(name, seed, *options):
        out = tmp_path / name
        ran = cli("translate", image, out, "--translator", tiny_translator, "--seed", seed, *options)
        assert ran.code == 0, ran.err
        assert name in ran.out
        return tifffile.imread(out)

    one = translated("a.tif", 1, "--batch", 1)
    assert one.dtype == np.float32
    assert one.shape == (40, 52)
    np.testing.assert_allclose(one, translated("b.tif", 1, "--batch", 4), atol=1e-5)
    assert abs(one - translated("c.tif", 2)).mean() > 1e-3


def test_segment_scales_the_image_as_told(cli, image, tmp_path, tiny_segmenter):
    def factor(*options):
        ran = cli("segment", image, tmp_path / "s.png", "--segmenter", tiny_segmenter, "--json", *options)
        assert ran.code == 0, ran.err
        return ran.json["results"][0]["parameters"]["factor"]

    assert factor() == pytest.approx(2.0)  # 0.2 um in the file, 0.1 um on the card
    assert factor("--pixel-size", 0.05) == pytest.approx(0.5)
    assert factor("--object-size", 40, "--pixel-size", 0.05) == pytest.approx(0.5)
    assert factor("--scale", 1.5, "--object-size", 40) == pytest.approx(1.5)
    assert read(tmp_path / "s.png").shape == (40, 52)


def test_a_folder_goes_through_although_one_image_is_damaged(cli, image, tmp_path, tiny_segmenter):
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    (folder / "a.ome.tif").write_bytes(image.read_bytes())
    (folder / "b.tif").write_bytes(image.read_bytes()[:300])
    tifffile.imwrite(folder / "c.tif", np.zeros((2, 20, 20), np.uint8), metadata={"axes": "TYX"})
    (folder / "notes.txt").write_text("no image")
    ran = cli("segment", folder, out, "--segmenter", tiny_segmenter, "--json")
    assert ran.code == 2
    assert ran.err.startswith("1 of 3 images could not be used (b.tif: ")
    assert [len(part) for part in (ran.json["results"], ran.json["failed"])] == [2, 1]
    assert read(out / "c.ome.tif").shape == (2, 20, 20)
    assert sorted(path.name for path in out.iterdir()) == [
        ".finished",
        "a.ome.tif",
        "a.provenance.json",
        "c.ome.tif",
        "c.provenance.json",
    ]


def test_bad_input_is_one_sentence_and_leaves_nothing(cli, image, tmp_path, tiny_translator, tiny_segmenter):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "foreign.tif").write_text("not a TIFF")
    rgb = tmp_path / "x.confidence.ome.tif"
    rgb.write_bytes(image.read_bytes())
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / "out.tif"
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter)
    segmenter = models[2:]
    for words, part in [
        (("label", image, image, *models), "overwrite an input"),
        (("label", rgb, tmp_path / "x.tif", *models, "--confidence"), "overwrite an input"),
        (("label", tmp_path / "none.tif", out, *models), "does not exist"),
        (("label", tmp_path / "foreign.tif", out, *models), "foreign.tif is not an image"),
        (("label", image, tmp_path / "out.xyz", *models), "no suffix we can write"),
        (("label", image, tmp_path / "none" / "out.tif", *models), "does not exist"),
        (("label", image, out, *models, "--format", "png"), "png was asked for"),
        (("label", image, out, *models, "--device", "cuda:77"), "cuda"),
        (("label", image, out, *models, "--device", "toaster"), "is no device"),
        (("label", image, out, *models, "--samples", 0), "--samples"),
        (("label", image, out, *models, "--tile", "big"), "--tile"),
        (("label", image, out, *models, "--overlap", 500), "overlap"),
        (("label", image, out, *models, "--scale", -1), "magnification"),
        (("label", image, out, *models, "--channel", 3), "channel"),
        (("label", image, out, *models, "--channel", "blue"), "blue"),
        (("label", image, out, *models, "--channel", -1), "channel must be 0 or more"),
        (("label", image, out, *models, "--strategy", "magic"), "magic"),
        (("label", image, out, *models[:2]), "--segmenter"),
        (("label", image, out, "--translator", tiny_segmenter, *segmenter), "translator"),
        (("label", image, out, "--translator", "sample:none", *segmenter), "sample:none"),
        (("label", image, out, *models, "--frobnicate"), "--frobnicate"),
        (("segment", folder, tmp_path / "results", *segmenter), "holds no images"),
        (("segment", tmp_path, tmp_path, *segmenter), "cannot go into the folder of the images"),
        (("translat", image, out), "translat"),
        (("train",), "ommand"),
    ]:
        ran = cli(*words)
        assert (ran.code, words) == (2, words)
        assert part.lower() in ran.sentence.lower()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_told_pixel_size_is_written_where_the_image_has_none(cli, tmp_path, disc_image, tiny_segmenter):
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, disc_image((40, 52), 1)[0])
    out = tmp_path / "out.ome.tif"
    ran = cli("segment", plain, out, "--segmenter", tiny_segmenter, "--pixel-size", 0.2, "--device", "cpu")
    assert ran.code == 0, ran.err
    assert read(out).placement.pixel_size_um() == pytest.approx(0.2)


def test_hidden_files_of_a_folder_are_passed_over(cli, tmp_path, tiny_segmenter):
    ran = cli(
        "segment", FIELD / "c18_appledouble" / "images", tmp_path / "out", "--segmenter", tiny_segmenter
    )
    assert ran.code == 0, ran.err
    made = {path.name for path in (tmp_path / "out").iterdir()} - {".finished"}
    assert made == {f"{name}{end}" for name in "ab" for end in (".ome.tif", ".provenance.json")}


def test_names_with_dots_become_files_of_their_own(cli, tmp_path, tiny_segmenter):
    images = FIELD / "c01_dots" / "images"
    ran = cli("segment", images, tmp_path / "out", "--segmenter", tiny_segmenter, "--json")
    assert ran.code == 0, ran.err
    written = [Path(file).name for result in ran.json["results"] for file in result["files"]]
    assert written == [
        f"cell.{number}{end}" for number in (1, 2, 3) for end in (".ome.tif", ".provenance.json")
    ]


def test_what_was_labelled_among_the_images_is_not_labelled_again(cli, image, tmp_path, tiny_segmenter):
    folder = tmp_path / "folder"
    folder.mkdir()
    image.rename(folder / "a.ome.tif")
    common = ("--segmenter", tiny_segmenter, "--device", "cpu")
    named = cli("segment", folder / "a.ome.tif", folder / "a_labels.ome.tif", *common, "--confidence")
    assert named.code == 0, named.err
    ran = cli("segment", folder, tmp_path / "out", *common, "--json")
    assert ran.code == 0, ran.err
    assert [one["output"] for one in ran.json["results"]] == [str(tmp_path / "out" / "a.ome.tif")]
    assert "a_labels.confidence.ome.tif, a_labels.ome.tif" in ran.json["notes"][0]
    assert ran.json["notes"][0] in cli("segment", folder, tmp_path / "out", *common).out
    assert "only what was made here" in cli("segment", tmp_path / "out", tmp_path / "again", *common).sentence


def test_images_of_another_modality_are_refused_by_name_and_unknown_ones_are_noted(
    cli, image, tmp_path, tiny_translator, tiny_segmenter
):
    out, models = tmp_path / "out.tif", ("--translator", tiny_translator, "--segmenter", tiny_segmenter)
    ran = cli("label", image, out, *models, "--modality", "TEM")
    assert ran.code == 2
    assert "“tiny SEM to TEM” takes SEM images, but this image is TEM (“image”)" in ran.err
    assert cli("segment", image, out, "--segmenter", tiny_segmenter, "--modality", "SEM").code == 2
    assert not out.exists()
    unknown = cli("label", image, out, *models, "--json").json["results"][0]
    assert (
        "It is not known what image shows; it was taken for SEM, as “tiny SEM to TEM” expects."
        in unknown["notes"]
    )
    known = cli("label", image, out, *models, "--modality", "sem", "--json").json["results"][0]
    assert known["source"]["modality"] == "sem"
    assert not any("not known" in note for note in known["notes"])


def test_a_tutorship_for_images_that_the_translator_does_not_make_is_refused_before_it_trains(
    cli, image, tmp_path, training_set, tiny_translator
):
    command = (
        "label",
        image,
        tmp_path / "out.tif",
        "--strategy",
        "tutorship",
        "--translator",
        tiny_translator,
    )
    folders = ("--labelled-images", training_set / "a", "--labelled-labels", training_set / "labels")
    work = tmp_path / "work"
    ran = cli(*command, *folders, "--class", "disc=1", "--work-dir", work, "--modality", "SEM")
    assert ran.code == 2
    assert "“tiny SEM to TEM” makes TEM images, but the images to be labelled are SEM" in ran.err
    assert not list(work.rglob("*.safetensors"))


def labels_made(cli, tmp_path, segmenter, path, *options):
    """Labels of one image, and what was said."""
    ran = cli(
        "segment", path, tmp_path / "made.tif", "--segmenter", segmenter, "--scale", 1, *options, "--json"
    )
    assert ran.code == 0, ran.err
    return np.asarray(read(tmp_path / "made.tif").data), ran.json["results"][0]["notes"]


def test_white_is_zero_gets_the_labels_of_black_is_zero(cli, tmp_path, tiny_segmenter):
    white, black = (
        labels_made(cli, tmp_path, tiny_segmenter, FIELD / f"c12_{name}.tif")[0]
        for name in ("miniswhite", "minisblack")
    )
    assert white.any()
    np.testing.assert_array_equal(white, black)


def test_channels_and_positions_are_chosen_and_what_nobody_chose_is_said(
    cli, tmp_path, tiny_segmenter, disc_image
):
    path = FIELD / "c10_four_channels_contig.tif"
    chosen, notes = labels_made(cli, tmp_path, tiny_segmenter, path, "--channel", 3)
    assert not any("of which the first" in note for note in notes)
    tifffile.imwrite(tmp_path / "one.tif", tifffile.imread(path)[..., 3])
    np.testing.assert_array_equal(chosen, labels_made(cli, tmp_path, tiny_segmenter, tmp_path / "one.tif")[0])
    names = tmp_path / "names.ome.tif"
    channels = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "405", "Cy5"]}}
    tifffile.imwrite(names, np.moveaxis(tifffile.imread(path), -1, 0), metadata=channels)
    for channel in ("cy5", "Cy5", 3):
        found, _ = labels_made(cli, tmp_path, tiny_segmenter, names, "--channel", channel)
        np.testing.assert_array_equal(found, chosen)
    ran = cli("segment", names, tmp_path / "no.tif", "--segmenter", tiny_segmenter, "--channel", "Cy3")
    assert ran.code == 2
    assert "names has no channel Cy3; it has 0 (DAPI), 1 (GFP), 2 (405), 3 (Cy5)" in ran.sentence
    assert any("4 channels" in note for note in labels_made(cli, tmp_path, tiny_segmenter, path)[1])
    images = [disc_image((40, 52), 1)[0], disc_image((32, 36), 2)[0]]
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as tif:
        for name, image in zip("AB", images, strict=True):
            tif.write(image, metadata={"axes": "YX", "Name": name}, photometric="minisblack")
    for option in (("--position", 1), ("--scene", "B")):
        found, notes = labels_made(cli, tmp_path, tiny_segmenter, tmp_path / "two.ome.tif", *option)
        assert found.shape == (32, 36)
        assert not any("holds 2 images" in note for note in notes)
    found, notes = labels_made(cli, tmp_path, tiny_segmenter, tmp_path / "two.ome.tif")
    assert found.shape == (40, 52)
    assert any("holds 2 images: 0 (A), 1 (B)" in note for note in notes)


@pytest.mark.parametrize("name", ["labels.ome.tif", "labels.png"])
def test_where_there_is_nothing_to_see_the_file_says_not_labelled_and_not_background(
    cli, tmp_path, tiny_segmenter, tiny_translator, name
):
    source, target = tmp_path / "blank.tif", tmp_path / name
    tifffile.imwrite(source, np.full((40, 52), 7, np.uint8))
    ran = cli("label", source, target, "--translator", tiny_translator, "--segmenter", tiny_segmenter)
    assert ran.code == 0, ran.err
    assert "There is nothing to see in blank" in ran.out
    assert "background" not in ran.out  # shares of nothing
    known = read_sidecar(target)
    assert (known.share_labelled, known.not_labelled) == (0, 255)
    assert (read_labels(target).data == 255).all()
    truth = tmp_path / "truth.png"
    tifffile.imwrite(tmp_path / "truth.tif", np.ones((40, 52), np.uint8))
    assert cli("export", tmp_path / "truth.tif", truth).code == 0
    ran = cli("evaluate", target, truth, "--class", "axon=7", "--class", "myelin=1")
    assert ran.code == 2
    assert "No pixel is labelled in both" in ran.err


def test_another_file_of_the_set_of_the_image_is_not_replaced(cli, tmp_path):
    names = [f"s{z}.ome.tif" for z in range(2)]
    parts = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for z, name in enumerate(names)
    )
    planes = np.random.default_rng(0).integers(0, 255, (2, 40, 50)).astype(np.uint8)
    for z, name in enumerate(names):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{z}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="50" SizeY="40" '
            f'SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>{parts}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, planes[z], description=xml, metadata=None)
    before = [(tmp_path / name).read_bytes() for name in names]
    ran = cli("label", tmp_path / names[0], tmp_path / names[1], "--strategy", "otsu")
    assert ran.code == 2
    assert "s1.ome.tif is there already and was not written here" in ran.err
    assert [(tmp_path / name).read_bytes() for name in names] == before
