"""Files of layers are asked for what napari left out, beside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari.layers import Image, Labels

from napari_pseudolabel.viewer.file_facts import FileFacts, note_file_facts, question_for
from napari_pseudolabel.widgets.common.layer_box import uid_of
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor


class FileAsker:
    """Asks the file of each layer once.

    Parameters
    ----------
    executor
        In which files are read.
    """

    def __init__(self, executor: SerialExecutor) -> None:
        self._executor = executor
        self._asked: set[str | None] = set()

    def ask(self, layers: Iterable[Image | Labels], answered: Callable[[], None]) -> None:
        """Ask the files of layers that were not asked yet; `answered` is called, in the window, where any of them was."""
        new = [one for one in layers if uid_of(one) not in self._asked]
        self._asked |= {uid_of(one) for one in new}
        asked = [(one, question) for one in new if (question := question_for(one)) is not None]
        if not asked:
            return

        def noted(found: list[FileFacts]) -> None:
            for (layer, _), facts in zip(asked, found, strict=True):
                note_file_facts(layer, facts)
            answered()

        self._executor.run(lambda: [question.answer() for _, question in asked], noted)
