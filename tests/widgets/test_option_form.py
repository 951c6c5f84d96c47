"""The form of options shows what they declare, and says what the person has set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.widgets.common.option_form import OptionForm


@dataclass(frozen=True)
class Size(Checked):
    factor: Annotated[float | None, Option("Times.", unit="×", step=0.01, typical=1.5, above=0)] = None
    pixels: Annotated[float | None, Option("Pixels.", unit="px", step=0.1, typical=30, above=0)] = None


@dataclass(frozen=True)
class Toy(Checked):
    steps: Annotated[int, Option("How many steps.", unit="px", least=1, most=2**32 - 1, step=10)] = 3
    rate: Annotated[float, Option("How fast.", above=0, below=1, step=1e-5, group="advanced")] = 0.001
    share: Annotated[float, Option("How much.", unit="%", least=0, most=1, special="nothing")] = 0.25
    kind: Annotated[Literal["a_b", "c"], Option("Which.", names=(("a_b", "Both"), ("c", "One")))] = "c"
    looks: Annotated[
        int, Option("How often.", title="Look also at mirrored images", term="flips", least=0)
    ] = 0
    over: Annotated[bool, Option("Whether.", title="Take all")] = False
    patience: Annotated[int | None, Option("How long.", least=1, special="for ever")] = None
    device: Annotated[str, Option("Where.", listed=True)] = "auto"
    model: Annotated[str | None, Option("By what.", listed=True)] = None
    size: Annotated[Size, Option("How large.", special="As it is")] = field(default_factory=Size)
    folder: Annotated[Path | None, Option("Where it lies.")] = None
    phrases: Annotated[list[str] | None, Option("What is looked for.")] = None
    hidden: Annotated[int, Option("Not here.", seen="shell")] = 5


@pytest.fixture
def form(qtbot):
    made = OptionForm(Toy())
    qtbot.addWidget(made)
    return made


def titles(form):
    assert form.edits  # else nobody has seen them yet
    return [one.text() for one in form.findChildren(QLabel)]


def test_rows_are_made_when_they_are_seen_and_tab_leads_through_them(qtbot):
    """In their place, though controls that Qt learns of later come last otherwise; until then a form says what it was given."""
    window = QWidget()
    qtbot.addWidget(window)
    column, form = QVBoxLayout(window), OptionForm(Toy())
    above, below = QPushButton("above"), QPushButton("below")
    for one in (above, form, below):
        column.addWidget(one)
    form.hide()
    window.show()
    form.set_value(Toy(steps=7))
    assert form.value() == Toy(steps=7)
    assert not form.findChildren(QLabel)
    form.show()
    assert form.value() == Toy(steps=7)
    assert form.findChildren(QLabel)
    QApplication.processEvents()  # Qt shows what is added to a widget on the screen a moment later
    order, part = [above], above.nextInFocusChain()
    while part is not above:
        if (
            part.focusPolicy() & Qt.FocusPolicy.TabFocus
            and part.window() is window
            and part.isVisibleTo(window)
        ):
            order.append(part)
        part = part.nextInFocusChain()
    heights = [one.mapTo(window, QPoint(0, 0)).y() for one in order if one.focusProxy() is None]
    assert order[-1] is below
    assert len(heights) > len(titles(form))
    assert heights == sorted(heights)


def test_a_form_begins_with_the_values_it_is_given(form):
    assert form.value() == Toy()
    form.set_value(Toy(7, 0.25, 0.5, "a_b", 2, True, 9, size=Size(pixels=12.5)))
    assert form.value() == Toy(7, 0.25, 0.5, "a_b", 2, True, 9, size=Size(pixels=12.5))


def test_texts_are_one_line_and_a_folder_is_one_or_none(form):
    made = Toy(folder=Path("/models/sd"), phrases=["round nucleus", "a=b"])
    form.set_value(made)
    assert form.value() == made
    form.edits["phrases"].native.setText(" one ;; two;")
    assert form.value().phrases == ["one", "two"]
    form.set_value(Toy())
    assert form.value() == Toy()


def test_what_nobody_touches_keeps_digits_that_are_not_shown(form):
    options = Toy(rate=0.1234567, share=0.12345, size=Size(pixels=12.345))
    form.set_value(options)
    assert form.edits["share"].native.text() == "12 %"
    assert form.value() == options
    form.edits["share"].native.setValue(13)
    assert form.value() == Toy(rate=0.1234567, share=0.13, size=Size(pixels=12.345))


def test_rows_say_what_is_declared(form):
    assert titles(form) == [
        *(
            "Steps",
            "Rate",
            "Share",
            "Kind",
            "Look also at\nmirrored images",
            "Patience",
            "Device",
            "Model",
            "Size",
            "Folder",
            "Phrases",
        )
    ]
    rows = {name: one.native for name, one in form.edits.items()}
    assert "hidden" not in rows
    assert rows["steps"].toolTip() == "How many steps."
    assert (rows["steps"].minimum(), rows["steps"].singleStep(), rows["steps"].text()) == (1, 10, "3 px")
    assert rows["looks"].toolTip() == "How often. Also called: flips."
    assert rows["rate"].text() == "0.00100"
    assert rows["share"].text() == "25 %"
    assert [rows["kind"].itemText(number) for number in range(2)] == ["Both", "One"]
    assert rows["patience"].text() == "for ever"
    assert isinstance(rows["over"], QCheckBox)
    assert rows["over"].text() == "Take all"
    rows["share"].setValue(0)
    assert rows["share"].text() == "nothing"


def test_one_answer_of_several_counts(form):
    size = form.answers["size"]
    assert [size.which.itemText(number) for number in range(3)] == ["As it is", "Factor", "Pixels"]
    size.which.setCurrentText("Pixels")
    assert form.value().size == Size(pixels=30)
    size.which.setCurrentText("Factor")
    assert form.value().size == Size(factor=1.5)
    assert size.edits["size", "pixels"].native.isHidden()
    size.which.setCurrentText("As it is")
    assert form.value().size == Size()


def test_every_change_is_told_once(form, qtbot):
    told = []
    form.changed.connect(lambda *_: told.append(True))
    for change in (
        lambda: form.edits["steps"].native.setValue(8),
        lambda: form.edits["kind"].native.setCurrentIndex(0),
        lambda: form.edits["over"].native.setChecked(True),
        lambda: form.answers["size"].which.setCurrentText("Pixels"),
        lambda: form.answers["size"].edits["size", "pixels"].native.setValue(4),
    ):
        told.clear()
        change()
        qtbot.waitUntil(lambda: bool(told), timeout=1000)
        QApplication.processEvents()
        assert len(told) == 1
    with qtbot.assertNotEmitted(form.changed):
        form.set_value(Toy())


def test_what_is_offered_while_it_runs_keeps_the_choice(form, qtbot):
    device = form.edits["device"]
    with qtbot.assertNotEmitted(form.changed):
        device.offer((("auto", "Automatic"), ("cpu", "CPU")))
    device.native.setCurrentText("CPU")
    device.offer((("auto", "Automatic"), ("cuda", "GPU"), ("cpu", "CPU")))
    assert form.value().device == "cpu"
    device.offer((("auto", "Automatic"),))
    assert form.value().device == "auto"


def test_nothing_chosen_from_a_list_is_a_change_too(form, qtbot):
    model = form.edits["model"]
    model.offer(((None, "None"), ("a.pt", "A")))
    for text, value in (("A", "a.pt"), ("None", None)):
        with qtbot.waitSignal(form.changed, timeout=1000):
            model.native.setCurrentText(text)
        assert form.value().model == value


def test_a_form_of_one_group_keeps_the_rest(qtbot):
    form = OptionForm(Toy(steps=9), group="advanced")
    qtbot.addWidget(form)
    assert list(form.edits) == ["rate"]
    form.edits["rate"].native.setValue(0.5)
    assert form.value() == Toy(steps=9, rate=0.5)
    # Two forms share one dataclass.
    rest = OptionForm(Toy(), group="main")
    qtbot.addWidget(rest)
    rest.edits["steps"].native.setValue(4)
    assert form.value(rest.value()) == Toy(steps=4, rate=0.5)


@dataclass(frozen=True)
class Held(Checked):
    trust: Annotated[
        float, Option("How much.", unit="%", least=0, most=1, step=0.05, widget="FloatSlider")
    ] = 0.1
    size: Annotated[Size, Option("Not here.", seen="python")] = field(default_factory=Size)


def test_a_slider_says_its_value_and_what_a_dock_does_not_offer_keeps_its_own(qtbot):
    form = OptionForm(Held(size=Size(factor=2)))
    qtbot.addWidget(form)
    assert not form.answers
    slider, number = (form.edits["trust"].native.findChild(kind) for kind in (QSlider, QDoubleSpinBox))
    assert number.text() == "10 %"
    slider.setValue(slider.value() * 3 + 1)
    assert number.text() == "30 %"
    assert form.value() == Held(0.3, Size(factor=2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.integers(1, 64), flips=st.integers(0, 3), percent=st.integers(0, 100), seed=st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_settings_of_a_job_go_through_a_form(qtbot, samples, flips, percent, seed):
    form = OptionForm(LabelSettings())
    qtbot.addWidget(form)
    wanted = LabelSettings(samples=samples, flips=flips, smallest_object=percent / 100, seed=seed)
    form.set_value(wanted)
    assert form.value() == wanted


def test_a_step_that_is_declared_is_one_click(qtbot):
    form = OptionForm(OmeZarrOptions())
    qtbot.addWidget(form)
    box = form.edits["join_planes"].native
    for _ in range(5):
        box.stepUp()
    assert form.value().join_planes == pytest.approx(0.25)  # the usual one
