"""What the image shows: proposed, asked where nothing tells, and what follows from it for the models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted_engine import MODELS, segmenter, translator

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.widgets.pseudo_label import label_jobs

PROXY = segmenter("sample:sem-proxy", "SEM")
NUCLEI = (LabelClass(name="background", value=0), LabelClass(name="nucleus", value=1))
STAIN = (
    translator("sample:purple-to-dapi", "purple stain", "DAPI"),
    segmenter("sample:nuclei", "DAPI", NUCLEI),
)
NOTHING = "Nothing tells what this image shows"


@pytest.fixture(autouse=True)
def models(script, monkeypatch):
    """Models that a test may take away."""
    found = [*MODELS, PROXY, *STAIN]
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: tuple(found))
    return found


def choose(dock, name):
    box = dock.view.strategy
    box.setCurrentIndex(box.findData(name))


def say(dock, modality):
    """The person chooses what the image shows."""
    box = dock.view.modality
    box.setCurrentIndex(box.findData(modality))
    box.activated.emit(box.currentIndex())


def add(viewer, **given):
    data = np.random.default_rng(1).random((20, 30, 3) if given.get("rgb") else (20, 30))
    return viewer.add_image(data, **given)


def chosen(dock):
    """What labels the image: a translator, where the strategy takes one, and a segmenter."""
    choice = dock.view.choice()
    return choice.translator if choice.strategy == "adaptation" else None, choice.segmenter


DIRECT = (None, "sample:tem-axons")


def pick(dock, translator, segmenter):
    """The person chooses models themselves."""
    choose(dock, "adaptation")
    for kind, ref in (("translator", translator), ("segmenter", segmenter)):
        dock.view.models[kind].setCurrentIndex(dock.view.models[kind].findData(ref))


def run(dock, script, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    return script.jobs[-1]


def test_what_the_metadata_say_is_shown_and_goes_with_the_job(dock, script, qtbot):
    assert dock.view.modality.currentText() == "SEM"
    assert dock.view.assumed == ""
    assert run(dock, script, qtbot).image.modality == "SEM"


def test_what_the_name_says_is_called_so(dock, viewer):
    add(viewer, name="tem_3")
    assert dock.view.modality.currentText() == "TEM (by its name)"
    assert chosen(dock) == DIRECT


def test_a_new_name_is_what_the_dock_says_and_what_the_job_gets(dock, viewer, script, qtbot):
    layer = add(viewer, name="scan 3")
    assert dock.view.modality.currentText() == ""
    layer.name = "tem scan 3"
    assert dock.view.modality.currentText() == "TEM (by its name)"
    assert chosen(dock) == DIRECT
    assert run(dock, script, qtbot).image.modality == "TEM"
    layer.name = "scan 3"
    assert dock.view.modality.currentText() == ""
    assert dock.view.assumed.startswith(NOTHING)
    assert not dock.view.run_button.isEnabled()
    assert dock.view.hint.startswith("Say above what this image shows")


def test_where_nothing_tells_the_person_is_asked_once(dock, viewer, script, qtbot):
    layer = add(viewer, name="image 7")
    assert dock.view.modality.currentIndex() == -1
    assert dock.view.assumed.startswith(NOTHING)
    assert not dock.view.run_button.isEnabled()
    pick(dock, "sample:sem-to-tem", "sample:tem-axons")  # the person may
    assert "taken for SEM" in dock.view.assumed
    assert run(dock, script, qtbot).image.modality == ""
    viewer.layers.selection.active = layer
    say(dock, "TEM")
    assert layer.metadata["modality"] == "TEM"
    assert image_of(layer).modality == "TEM"
    assert dock.view.assumed == ""
    assert chosen(dock) == DIRECT
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.view.modality.currentText() == "SEM"
    viewer.layers.selection.active = layer
    assert dock.view.modality.currentText() == "TEM"
    assert run(dock, script, qtbot).image.modality == "TEM"


def test_what_was_said_of_an_image_counts_for_its_folder_after_what_files_say(
    dock, viewer, script, qtbot, tmp_path
):
    def opened(folder, name, **metadata):
        layer = add(viewer, name=name, metadata=metadata)
        layer._source = layer.source.copy(update={"path": str(tmp_path / folder / f"{name}.png")})
        viewer.layers.selection.active = viewer.layers["sem_12"]
        viewer.layers.selection.active = layer
        return dock.view.modality.currentText()

    assert opened("mine", "image 7") == ""
    say(dock, "TEM")
    assert opened("mine", "image 8") == "TEM (by its folder)"
    assert dock.view.assumed == ""
    assert chosen(dock) == DIRECT
    assert run(dock, script, qtbot).image.modality == "TEM"
    assert opened("other", "image 9") == ""
    # What a file says of itself goes first.
    assert opened("mine", "sem_13") == "SEM (by its name)"
    assert opened("mine", "image 10", modality="SEM") == "SEM"
    assert opened("mine", "image 11") == "TEM (by its folder)"
    say(dock, "something else")  # a person may think again
    assert opened("mine", "image 12") == "something else (by its folder)"
    assert chosen(dock)[0] is None


def test_a_model_that_says_nothing_is_not_run_on_what_nobody_knows(dock, viewer, models):
    add(viewer, name="image 7")
    choose(dock, "adaptation")
    silent = translator("user:silent", "", "TEM")
    dock.models._catalogue.put_first([silent])
    say(dock, "something else")
    assert chosen(dock)[0] is None
    choose(dock, "adaptation")
    assert chosen(dock)[0] is None
    box = dock.view.models["translator"]
    dock.view.set_models("translator", dock.models.offered("translator"), "user:silent")
    box.currentIndexChanged.emit(box.currentIndex())
    assert chosen(dock)[0] == "user:silent"  # the person may


def test_a_wrong_proposal_can_be_corrected(dock, viewer):
    layer = add(viewer, name="tem_3")
    say(dock, "SEM")
    assert (dock.view.modality.currentText(), layer.metadata["modality"]) == ("SEM", "SEM")
    assert chosen(dock) == (None, "sample:sem-proxy")


def test_alone_the_segmenter_of_translations_is_not_kept_for_an_unknown_image(dock, viewer):
    add(viewer, name="image 7")
    choose(dock, "segmentation")
    assert dock.view.choice().segmenter is None
    assert "Say above what this image shows" in dock.view.hint
    say(dock, "SEM")
    assert dock.view.choice().segmenter == "sample:sem-proxy"
    assert dock.view.hint == ""


def test_colours_are_no_electron_microscopy(dock, viewer, models, qtbot):
    assert chosen(dock) == (None, "sample:sem-proxy")
    add(viewer, name="slide", rgb=True)
    assert chosen(dock) == ("sample:purple-to-dapi", "sample:nuclei")
    assert "taken for purple stain" in dock.view.assumed
    models[:] = [*MODELS, PROXY]
    for name in ("translator", "segmenter"):
        dock.models._catalogue._entries.pop((name, STAIN[name == "segmenter"].ref))
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert chosen(dock) == (None, "sample:sem-proxy")
    viewer.layers.selection.active = viewer.layers["slide"]
    assert chosen(dock)[0] is None
    assert not dock.view.run_button.isEnabled()
    choose(dock, "segmentation")
    assert dock.view.choice().segmenter is None
    say(dock, "SEM")  # a photo of a screen
    assert dock.view.choice().segmenter == "sample:sem-proxy"


def test_an_image_of_none_of_the_models_gets_none(dock, viewer):
    add(viewer, name="image 7", metadata={"modality": "MRI"})
    assert dock.view.modality.currentText() == "MRI"
    assert chosen(dock)[0] is None
    assert "No model here knows MRI images" in dock.view.hint
    say(dock, "something else")
    assert chosen(dock)[0] is None
    assert "No model here knows this kind of image" in dock.view.hint
    choose(dock, "adaptation")
    assert "grey levels only" in dock.view.hint
    assert dock.view.misfits == {}  # the segmenter sees translations, not this image
    assert "models of your own" in dock.view.hint
    box = dock.view.models["translator"]
    box.setCurrentIndex(box.findData("sample:sem-to-tem"))
    (sentence,) = dock.view.misfits.values()
    assert sentence.startswith(
        "“sem-to-tem” takes SEM images, but this image shows something else (“image 7”)"
    )
    assert not dock.view.run_button.isEnabled()


def test_where_nothing_is_clear_all_is_tried_that_finds_what_is_looked_for(dock, viewer, models):
    add(viewer, name="image 7")
    view, box = dock.view, dock.view.objects
    assert view.choice().strategy == "auto"
    assert [box.itemText(number) for number in range(box.count())] == ["axon, myelin", "nucleus"]
    box.setCurrentIndex(1)
    assert view.run_button.isEnabled()
    assert [one.segmenter for one in dock.ways._ways()] == ["sample:nuclei"] * 2
    box.setCurrentIndex(0)
    assert {one.segmenter for one in dock.ways._ways()} == {"sample:tem-axons", "sample:sem-proxy"}
    # Where a measurement speaks for models these are proposed; models that nobody measured on such images are no proposal.
    say(dock, "SEM")
    assert view.choice().strategy == "segmentation"
    for name in ("sample:sem-proxy", "sample:sem-to-tem"):
        (one,) = (one for one in models if one.ref == name)
        unknown = replace(one, card=one.card.model_copy(update={"quality": ()}))
        dock.models._catalogue.add(unknown)
    dock.models._chosen.clear()
    say(dock, "SEM")
    assert view.choice().strategy == "auto"
    assert "Nobody measured which models do best on SEM images" in view._explanation.text()
    assert view.run_button.isEnabled()


def test_a_translator_that_does_not_take_the_image_is_refused_by_name(dock):
    choose(dock, "adaptation")
    box = dock.view.models["translator"]
    box.setCurrentIndex(box.findData("sample:tem-to-sem"))
    (sentence,) = dock.view.misfits.values()
    assert sentence.startswith("“tem-to-sem” takes TEM images, but this image is SEM (“sem_12”)")
    assert dock.view.misfits == {"translator": sentence}
    assert "above" in dock.view.hint
    assert not dock.view.run_button.isEnabled()
    box.setCurrentIndex(box.findData("sample:sem-to-tem"))
    assert dock.view.misfits == {}
    assert dock.view.hint == ""


def test_beside_each_model_stands_what_it_expects(dock):
    choose(dock, "adaptation")
    lines = dock.view._summaries
    assert lines["translator"].toolTip()
    assert lines["translator"].text().startswith("for SEM")
    assert lines["segmenter"].text().startswith("for TEM")


def test_where_there_is_nothing_to_see_no_layers_are_made_and_it_is_said(dock, viewer, script, qtbot):
    script.seen, script.label = False, 0
    script.notes = (
        "There is nothing to see in sem_12, and nothing was labelled: why; choose another image or channel.",
    )
    run(dock, script, qtbot)
    assert [layer.name for layer in viewer.layers] == ["sem_12"]
    assert dock.view.status == "Nothing was labelled."
    assert script.notes[0] in dock.view._notes.text()
    assert dock.view.run_button.isEnabled()


def test_what_the_person_chose_for_such_images_comes_back_with_them(dock, viewer):
    choose(dock, "tutorship")
    add(viewer, name="tem_3")
    assert dock.view.choice().strategy == "segmentation"
    assert chosen(dock) == DIRECT
    pick(dock, "sample:sem-to-tem", "sample:tem-axons")  # of no use here, but theirs
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.view.choice().strategy == "tutorship"
    viewer.layers.selection.active = viewer.layers["tem_3"]
    assert chosen(dock) == ("sample:sem-to-tem", "sample:tem-axons")
