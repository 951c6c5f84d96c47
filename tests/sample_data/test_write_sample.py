"""The generated samples as files: complete, with pixel sizes, and the same as the layers."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read
from napari_pseudolabel.sample_data import contributions, samples


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Quick samples; their size does not matter here."""
    made = tuple(replace(sample, shape=(80, 96)) for sample in samples.GENERATED)
    monkeypatch.setattr(samples, "GENERATED", made)
    return made


def test_files_hold_what_the_sample_draws(small, tmp_path):
    paths = samples.write_sample(tmp_path / "new" / "folder")
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {path.name for path in paths}
    for number, sample in enumerate(small):
        image_path, labels_path, sidecar = paths[3 * number : 3 * number + 3]
        image, labels = sample.draw()
        for path, pixels in ((image_path, image), (labels_path, labels)):
            found = read(path)
            assert np.array_equal(np.asarray(found.data), pixels)
            assert np.asarray(found.data).dtype == np.uint8
            size = sample.pixel_size_um
            assert found.placement.pixel_size_um() == (size and pytest.approx(size))
            with tifffile.TiffFile(path) as file:
                assert file.is_ome
        record = read_sidecar(sidecar)
        assert record.classes == sample.classes
        assert record.seed == sample.seed
        assert record.parameters["modality"] == sample.modality


def test_writing_again_replaces(small, tmp_path):
    first = samples.write_sample(tmp_path)
    first[0].write_bytes(b"old")
    assert samples.write_sample(tmp_path) == first
    assert read(first[0]).shape == (80, 96)


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="choose another"):
        samples.write_sample(tmp_path / "taken")


def test_labels_carry_their_classes_to_an_export(small):
    for sample in small:
        image, labels = contributions.layers_of(sample)
        assert labels[1]["metadata"]["napari_pseudolabel"]["classes"] == [
            one.model_dump() for one in sample.classes
        ]
        assert "classes" not in image[1]["metadata"]["napari_pseudolabel"]
        assert image[1]["metadata"]["modality"] == sample.modality
