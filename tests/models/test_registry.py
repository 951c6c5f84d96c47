"""Names of checkpoints, and the cards beside them."""

import json

import pytest
from syndiff_case import WITH_ATTENTION
from translator_files import generator

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import (
    Card,
    Modality,
    load_translator,
    models_folder,
    named_checkpoints,
    read_sidecar,
    registry,
    resolve,
    sidecar_path,
    write_sidecar,
)
from napari_pseudolabel.models.card_files import complete, given_card
from napari_pseudolabel.models.cards import CardCalibration, TypicalLabels
from napari_pseudolabel.models.translators import syndiff

CARD = Card(kind="translator", family="syndiff", source=Modality(name="SEM"), target=Modality(name="TEM"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Empty folders of samples and of the user."""
    samples, user = tmp_path / "samples", tmp_path / "user"
    for folder in (samples, user):
        folder.mkdir()
    monkeypatch.setattr(registry, "sample_folder", lambda: samples)
    monkeypatch.setattr(registry, "models_folder", lambda: user)
    return tmp_path


def test_names_from_both_folders(home):
    path = syndiff.save(generator(), CARD, home / "samples" / "sem-to-tem.safetensors")
    (home / "user" / "mine.pth").write_bytes(b"anything")
    (home / "user" / "mine.safetensors").write_bytes(b"damaged")
    (home / "user" / "notes.txt").write_bytes(b"anything")
    (home / "user" / "._mine.safetensors").write_bytes(b"of macOS")
    (home / "user" / "nnunet").mkdir()
    (home / "user" / "nnunet" / "plans.json").write_text("{}")
    named = {n.name: n for n in named_checkpoints()}
    assert list(named) == ["sample:sem-to-tem", "user:mine", "user:mine.safetensors", "user:nnunet"]
    assert named["sample:sem-to-tem"].path == path
    assert named["sample:sem-to-tem"].card.source.name == "SEM"
    assert named["user:mine"].card is None
    assert resolve("sample:sem-to-tem") == path
    assert load_translator("sample:sem-to-tem").network.config == WITH_ATTENTION


def test_unknown_names_list_the_known_ones(home):
    with pytest.raises(InputError, match="there are no named checkpoints"):
        resolve("sample:nothing")
    syndiff.save(generator(), CARD, home / "samples" / "a.safetensors")
    for ref in ("sample:nothing", "user:a", "typo.pth", "other:a", ""):
        with pytest.raises(InputError, match="the named checkpoints are sample:a"):
            resolve(ref)


def test_paths_resolve_to_themselves(tmp_path):
    file = tmp_path / "user_a.pth"
    file.touch()
    assert resolve(file) == file
    assert resolve(str(tmp_path)) == tmp_path


def test_the_folder_that_one_stands_in_has_its_name(tmp_path, monkeypatch):
    inner = tmp_path / "model" / "fold_0"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert (resolve("."), resolve("..")) == (inner.resolve(), inner.parent.resolve())


def test_the_user_folder_belongs_to_this_program():
    assert models_folder().parts[-2:] == ("napari-pseudolabel", "models")


def test_sidecar_round_trip(tmp_path):
    path = tmp_path / "gen_diffusive_1_50.pth"
    path.touch()
    assert read_sidecar(path) is None
    assert write_sidecar(path, CARD) == sidecar_path(path) == tmp_path / "gen_diffusive_1_50.card.json"
    assert Card(**read_sidecar(path)) == CARD
    write_sidecar(path, {"num_timesteps": 2})
    assert json.loads(sidecar_path(path).read_text()) == {"num_timesteps": 2}
    assert sidecar_path(tmp_path).name == tmp_path.name + ".card.json"
    twin = path.with_suffix(".pt")
    twin.touch()
    write_sidecar(twin, {"num_timesteps": 8})  # does not touch the card that is there
    assert (read_sidecar(path), read_sidecar(twin)) == ({"num_timesteps": 2}, {"num_timesteps": 8})


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_sidecar_is_one_sentence(tmp_path, text):
    (tmp_path / "a.card.json").write_bytes(text)
    with pytest.raises(CheckpointError, match=r"a\.card\.json"):
        read_sidecar(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"classes": [{"name": "a", "value": 1}, {"name": "b", "value": 1}]}, "classes: .* two classes have the value 1"),
        ({"classes": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}, "two classes have the name 'a'"),
        ({"classes": [{"name": "", "value": 1}]}, r"wrong at classes\.0\.name"),
        ({"name": "x" * 10_000}, "wrong at name"),
        ({"source": {"name": "a", "object_size_px": 1e300}}, r"wrong at source\.object_size_px"),
        ({"source": {"name": "a", "pixel_size_um": 1e-300}}, r"wrong at source\.pixel_size_um"),
    ],
)  # fmt: skip
def test_cards_that_nobody_can_mean_are_refused(said, words):
    with pytest.raises(CheckpointError, match=words):
        complete({"kind": "segmenter", "family": "torchscript", **said}, "a.pt")


def test_a_card_that_says_two_things_is_refused(tmp_path):
    (tmp_path / "a.card.json").write_text('{"name": "a", "classes": [], "name": "b"}')
    with pytest.raises(CheckpointError, match="'name' twice in one place"):
        read_sidecar(tmp_path / "a.pt")


def test_a_card_that_windows_wrote_is_read(tmp_path):
    (tmp_path / "a.card.json").write_text('{"name": "a"}', encoding="utf-8-sig")
    assert read_sidecar(tmp_path / "a.pt") == {"name": "a"}


def test_a_calibration_travels_with_its_card_and_old_cards_have_none(tmp_path):
    typical = TypicalLabels(agreement=0.95, hesitation=0.2, contrast=((0, 1, 0.97),), widths=((1, 7.5),))
    known = CardCalibration(temperature=1.3, carried=1.5, typical=typical, data="two mice", date="2026-11-30")
    card = Card(kind="segmenter", family="monai-unet", calibration=known)
    path = tmp_path / "x.safetensors"
    path.touch()
    write_sidecar(path, card)
    assert Card(**read_sidecar(path)).calibration == known
    assert Card.model_validate_json(card.model_dump_json(exclude_none=True)).calibration == known
    assert Card(kind="segmenter", family="monai-unet").calibration is None
    with pytest.raises(CheckpointError, match=r"calibration\.temperature"):
        complete({"calibration": {"temperature": 0}}, path, kind="segmenter", family="monai-unet")
    with pytest.raises(CheckpointError, match="several named values belong"):
        given_card(path.with_suffix(".pth"), {"calibration": 1.3})
