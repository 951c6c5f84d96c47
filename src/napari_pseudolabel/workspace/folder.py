"""The folder that holds the split, the models and the runs of one labelling effort."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path

from platformdirs import user_data_path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.history import History
from napari_pseudolabel.workspace.split import Split
from napari_pseudolabel.workspace.stored import make_folder


class Workspace:
    """What is on disk of one labelling effort.

    Nothing is written before there is something to write. Several programs may have the same workspace
    open: each change is made by one of them at a time and seen by the others.

    Attributes
    ----------
    folder
        Where it is; need not exist yet.
    split
        Which pixels are training and which are validation.
    history
        The models that were trained.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.split = Split(self.folder / "split.json")
        self.history = History(self.folder)

    @classmethod
    def open(cls, folder: str | Path) -> Workspace:
        """The workspace in a folder.

        Raises
        ------
        InputError
            When there is a file of that name.
        """
        path = Path(folder).expanduser().absolute()
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, but a workspace is a folder; choose a folder.")
        return cls(path)

    @classmethod
    def default(cls) -> Workspace:
        """The workspace in the user's folder of the plugin."""
        return cls.open(user_data_path("napari-pseudolabel", appauthor=False) / "workspace")

    def new_run(self, kind: str) -> Path:
        """Make an empty folder for the files of a training, ``runs/<kind>-<date>-<n>``.

        Raises
        ------
        InputError
            When it cannot be made.
        """
        runs = self.folder / "runs"
        today = date.today().isoformat()
        make_folder(runs)
        try:
            for number in itertools.count(1):
                path = runs / f"{kind}-{today}-{number}"
                try:
                    path.mkdir()
                except FileExistsError:
                    continue
                break
        except OSError as error:
            raise InputError(
                f"No folder can be made in {runs} ({error.strerror}); choose another workspace or make room."
            ) from error
        return path
