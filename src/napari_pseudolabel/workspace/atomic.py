"""Files and folders that appear complete or not at all.

Everything is written beside its destination under a temporary name, brought to the disk (fsync)
and then renamed (``os.replace``), which the system does in one step. An error, a cancel or a kill
before that leaves the destination as it was. What a killed process has left under a temporary name
goes when something is written beside it again, see `leftovers`.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.leftovers import clear, name_for
from napari_pseudolabel.workspace.plain_files import kind_of


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Hand out the temporary path of one file, see `atomic_files`."""
    with atomic_files(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_files(*paths: str | Path, folders: Collection[Path] = ()) -> Iterator[tuple[Path, ...]]:
    """Hand out temporary paths; when the block ends well, they replace `paths`, all or none.

    The temporary files and folders exist, empty, from the start. All are complete on disk before the first is
    renamed. Should a rename fail, those before it are taken back.

    Parameters
    ----------
    folders
        Those of `paths` that are folders. One that was there before disappears only after all new ones are complete.

    Raises
    ------
    InputError
        When the folder is missing or cannot be written to, a destination is no file (a folder, device,
        pipe) or, where a folder is to be written, no folder, or the disk is full; nothing was changed then.
    """
    targets = tuple(Path(path) for path in paths)
    temporaries = tuple(name_for(target, "new") for target in targets)
    try:
        for target, temporary in zip(targets, temporaries, strict=True):
            _check_target(target, target in folders)
            clear(target.parent)
            if target in folders:
                temporary.mkdir()
            else:
                temporary.touch(exist_ok=False)
        yield temporaries
        for temporary in temporaries:
            _sync(temporary)
        _replace_all(temporaries, targets)
    except OSError as error:
        raise _sentence(targets, error) from error
    finally:
        for temporary in temporaries:
            _remove(temporary)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Hand out an empty temporary folder; when the block ends well, it replaces `path`; see `atomic_files`."""
    with atomic_files(path, folders=[Path(path)]) as (temporary,):
        yield temporary


def into_place(folder: Path, target: Path, texts: Mapping[Path, str]) -> None:
    """Give a finished folder the name of another one beside it, which it replaces; texts appear with it, all or none.

    Parameters
    ----------
    texts
        Of files in other places, UTF-8.

    Raises
    ------
    InputError
        When it cannot be; `folder` is where it was then, and nothing else was changed.
    """
    files = {path: name_for(path, "new") for path in texts}
    try:
        _check_target(target, folder=True)
        for path, temporary in files.items():
            _check_target(path, folder=False)
            temporary.write_text(texts[path], encoding="utf-8", newline="\n")
        for one in (folder, *files.values()):
            _sync(one)
        _replace_all((*files.values(), folder), (*files, target))
    except OSError as error:
        raise _sentence((target,), error) from error
    finally:
        for temporary in files.values():
            _remove(temporary)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically; raises as `atomic_files` does."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, with its head, as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((head, *rows))
    return text.getvalue()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically; raises as `atomic_files` does."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def _check_target(target: Path, folder: bool) -> None:
    if not target.parent.is_dir():
        raise InputError(f"The folder {target.parent} does not exist; create it or choose another.")
    # A link to a file is replaced itself; what may never end must not be read for a backup.
    mode = stat.S_IFDIR if folder else stat.S_IFREG
    with suppress(OSError):
        mode = target.stat().st_mode
    if folder and not stat.S_ISDIR(mode):
        raise InputError(f"{target} is a file, but a folder is to be written; choose another name.")
    if not folder and not stat.S_ISREG(mode):
        raise InputError(f"{target} is {kind_of(mode)}, but a file is to be written; choose another name.")


def _sentence(targets: tuple[Path, ...], error: OSError) -> InputError:
    names = ", ".join(target.name for target in targets)
    reason = error.strerror or str(error)
    return InputError(
        f"{names} could not be written to {targets[0].parent} ({reason}); "
        "nothing was changed, choose another folder or make room."
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if one.is_file():
            with one.open("rb+") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring renames in `folder` to the disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace_all(temporaries: tuple[Path, ...], targets: tuple[Path, ...]) -> None:
    backups: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for target in targets:
            if target.is_dir():  # a folder that holds anything cannot be replaced in one step
                backups[target] = name_for(target, "old")
                os.replace(target, backups[target])
            elif len(targets) > 1 and os.path.lexists(target):
                backups[target] = name_for(target, "old")
                shutil.copy2(target, backups[target], follow_symlinks=False)
        for temporary, target in zip(temporaries, targets, strict=True):
            os.replace(temporary, target)
            done.append(target)
    except BaseException:
        for target in done:
            if target not in backups or target.is_dir():
                _remove(target)
        for target, backup in backups.items():
            if target in done or not os.path.lexists(target):
                os.replace(backup, target)
        raise
    finally:
        for target, backup in backups.items():
            if os.path.lexists(target):  # else it is all that is left
                _remove(backup)
    for folder in {target.parent for target in targets}:
        _sync_folder(folder)
