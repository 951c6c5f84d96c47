"""The folder that holds the split, the models and the runs of one labelling effort."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from datetime import date
from pathlib import Path

from platformdirs import user_data_path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.about import FILE, About
from napari_pseudolabel.workspace.json_file import make_folder
from napari_pseudolabel.workspace.leftovers import clear
from napari_pseudolabel.workspace.model_history import ModelHistory
from napari_pseudolabel.workspace.sessions.listing import Sessions
from napari_pseudolabel.workspace.split import WorkspaceSplit


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
    about
        Its name and its settings.
    sessions
        What viewers hold of the effort: layers, corrections, confirmations.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.split = WorkspaceSplit(self.folder / "split.json")
        self.history = ModelHistory(self.folder)
        self.about = About(self.folder)
        self.sessions = Sessions(self.folder / "sessions")

    @classmethod
    def open(cls, folder: str | Path) -> Workspace:
        """Return the workspace in a folder.

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
    def create(cls, folder: str | Path, name: str, *, target_quality: float = 0.9) -> Workspace:
        """Make a workspace, in a new folder or in one that is there.

        Parameters
        ----------
        name
            What the person calls the effort.
        target_quality
            The mean Dice at which the person wants to stop correcting, above 0 and up to 1.

        Raises
        ------
        InputError
            When the folder has a name and settings already, or cannot be written to.
        """
        workspace = cls.open(folder)
        if workspace.about.exists:
            raise InputError(f"{workspace.folder} is a workspace already; open it, or choose another folder.")
        workspace.about.write(name=name, target_quality=target_quality)
        return workspace

    @staticmethod
    def is_workspace(folder: str | Path) -> bool:
        """Whether a folder is a workspace: it says so itself, or it holds sessions. Answers at once."""
        path = Path(folder)
        try:
            if (path / FILE).is_file():
                return About(path).is_valid()
            return any((path / "sessions").glob("????-??-??-*.sqlite"))
        except OSError:
            return False

    @classmethod
    def default(cls) -> Workspace:
        """Return the workspace in the user's folder of the plugin."""
        return cls.open(user_data_path("napari-pseudolabel", appauthor=False) / "workspace")

    def clear(self) -> None:
        """Remove what killed processes have left under temporary names; what cannot be removed stays."""
        with suppress(OSError):
            runs = [one.path for one in os.scandir(self.folder / "runs") if one.is_dir(follow_symlinks=False)]
            for run in runs:
                clear(Path(run))
        for folder in (self.folder, self.folder / "models", self.folder / "runs", self.sessions.folder):
            clear(folder)
        self.sessions.clear()

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
