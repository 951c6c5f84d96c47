"""Ways to labels side by side: a small picture of each, its name, and how well its labels hold up; one click takes it."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QSizePolicy, QToolButton, QWidget

from napari_pseudolabel.labels.pictures import overlay
from napari_pseudolabel.models.headline import short
from napari_pseudolabel.strategies.choice.found_way import FoundWay, TriedWay
from napari_pseudolabel.widgets.common.picture_rows import image_of

_COLUMNS, _SIDE_PX = 3, 72
# More would not fit beside the rest of the dock; what is left out is the worst.
_MOST = 6
# Of a line under a picture.
_WIDE_PX = 102
# So much of the middle of what was looked at: all of it would show no borders.
_SHOWN_PX = 2 * _SIDE_PX
_STYLE = """
QToolButton { border: 2px solid transparent; border-radius: 3px; padding: 1px; background: transparent }
QToolButton:hover { border-color: palette(mid) }
QToolButton:checked { border-color: palette(highlight) }
"""


class WayPictures(QWidget):
    """A grid of pictures, the best first.

    Attributes
    ----------
    taken
        A person took the way of this number.
    changed
        Other pictures are shown, or none.
    """

    taken = Signal(int)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self.setStyleSheet(_STYLE)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._group.idClicked.connect(self.taken)
        self.hide()

    @property
    def count(self) -> int:
        """How many are shown."""
        return len(self._group.buttons())

    @property
    def texts(self) -> dict[int, str]:
        """What stands under the pictures, by number of the way."""
        return {self._group.id(one): one.text() for one in self._group.buttons()}

    def show_ways(self, found: FoundWay | None, *, so_far: bool = False) -> None:
        """Show what was tried; nothing for None.

        Parameters
        ----------
        so_far
            Others are still being tried: nothing can be taken yet.
        """
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, so_far)
        for one in self._group.buttons():
            self._group.removeButton(one)
            self._grid.removeWidget(one)
            one.deleteLater()
        if found is not None:
            for place, number in enumerate(_shown(found)):
                card = self._card(found, number, so_far=so_far)
                self._group.addButton(card, number)
                self._grid.addWidget(card, *divmod(place, _COLUMNS), Qt.AlignmentFlag.AlignTop)
            if not so_far:
                self.choose(found.best)
        self.setVisible(found is not None)
        self.changed.emit()

    def choose(self, number: int) -> None:
        """Mark a way as the one that is used."""
        if (button := self._group.button(number)) is not None:
            button.setChecked(True)

    def click(self, number: int) -> None:
        """Take a way, as a person does."""
        button = self._group.button(number)
        assert button is not None, "it is shown"
        button.click()

    def _card(self, found: FoundWay, number: int, *, so_far: bool) -> QToolButton:
        one, place, classes = found.tried[number], found.places[0], found.classes_of(number)
        card = QToolButton()
        card.setCheckable(True)
        card.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        card.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        middle = _middle(place.pixels.shape)
        picture = image_of(overlay(place.pixels[middle], one.labels[0][middle], classes, _SHOWN_PX))
        card.setIcon(QIcon(QPixmap.fromImage(picture)))
        card.setIconSize(QSize(_SIDE_PX, _SIDE_PX))
        metrics, lines = (
            card.fontMetrics(),
            [*found.names[number].split("\n"), _verdict(found, number, so_far=so_far)],
        )
        card.setText(
            "\n".join(metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, _WIDE_PX) for line in lines)
        )
        # Styles forget that there are several lines.
        card.setFixedHeight(_SIDE_PX + len(lines) * metrics.lineSpacing() + 14)
        card.setToolTip(_tooltip(found, one, number))
        return card


def _middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    starts = [max(0, (side - _SHOWN_PX) // 2) for side in shape]
    return tuple(slice(start, start + _SHOWN_PX) for start in starts)


def _shown(found: FoundWay) -> list[int]:
    """As many as there is room for; what is not judged is among them, because nobody can say that it is worse."""
    possible = [number for number in found.order if found.tried[number].possible]
    judged = [number for number in possible if found.tried[number].way.judged]
    left_out = set(judged[_MOST - len(possible) + len(judged) :])
    return [number for number in possible if number not in left_out]


def _verdict(found: FoundWay, number: int, *, so_far: bool) -> str:
    one = found.tried[number]
    if so_far and one.scores is not None:
        return short(one.scores.agreement)
    if one.scores is None:
        return "not judged"
    if one.reasons:
        return f"{short(one.scores.agreement)} doubtful"
    if number == found.best:
        return (
            f"{short(one.scores.agreement)} best"
            if len(found.ties) == 1
            else f"{short(one.scores.agreement)} cheapest"
        )
    return f"{short(one.scores.agreement)} as good" if number in found.ties else short(one.scores.agreement)


def _tooltip(found: FoundWay, one: TriedWay, number: int) -> str:
    taken = "chosen" if number == found.best else "as good as the best" if number in found.ties else ""
    told = ". ".join(filter(None, (one.way.title, one.words, taken)))
    if one.scores is None:
        return f"{told}. Compare the pictures; click to label by this way"
    return (
        f"{told}. The number says how much mirrored looks at the image agree (Dice): it tells ways apart, and is not how right "
        "they are. Click to label by this way"
    )
