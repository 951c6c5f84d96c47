"""One JSON file that several processes read and change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.atomic import write_text
from napari_pseudolabel.workspace.lock import locked
from napari_pseudolabel.workspace.plain_files import check_plain

# A split of many planes is the largest by far.
_LARGEST = 2**28

Content = TypeVar("Content", bound=BaseModel)


@dataclass
class JsonFile(Generic[Content]):
    """A JSON file with a schema; every change is written at once, atomically, by one writer at a time.

    Attributes
    ----------
    path
        The file. It and its folder are made by the first change.
    schema
        What it holds; ``schema()`` is the content of a missing file.
    """

    path: Path
    schema: type[Content]
    # What was read last, and the state of the file then.
    _read: tuple[tuple[int, int, int], Content] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def read(self) -> Content:
        """Return the content now; do not change it.

        Raises
        ------
        InputError
            When the file is damaged, was written by a newer version, is no plain file, or cannot be read.
        """
        check_plain(self.path)
        try:
            state = self.path.stat()
            if state.st_size > _LARGEST:
                raise InputError(
                    f"{self.path} is larger than any file of a workspace; bring it back from a backup."
                )
            # A file is never changed but replaced, so a new inode tells what the clock may be too coarse for.
            mark = (state.st_mtime_ns, state.st_size, state.st_ino)
            if self._read is None or self._read[0] != mark:
                self._read = mark, self.schema.model_validate_json(self.path.read_bytes())
            return self._read[1]
        except FileNotFoundError:
            return self.schema()
        except ValidationError as error:
            raise InputError(
                f"{self.path} is damaged or was written by another version, so it cannot be used; "
                "bring it back from a backup, or move it away to begin anew."
            ) from error
        except MemoryError as error:
            raise InputError(
                f"{self.path} does not fit into memory; close something, then try again."
            ) from error
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be read ({error.strerror}); allow it, or choose another workspace."
            ) from error

    @contextmanager
    def changing(self) -> Iterator[Content]:
        """Hand out a copy of the content to be changed; it is written when the block ends well.

        Raises
        ------
        InputError
            As `read`, and when the file cannot be written.
        """
        folder = self.path.parent
        make_folder(folder)
        with locked(folder / f".{self.path.name}.lock"):
            before = self.read()
            content = before.model_copy(deep=True)
            yield content
            if content != before or not self.path.exists():
                write_text(self.path, content.model_dump_json())

    def __getstate__(self) -> dict[str, object]:
        """Without what was read: another machine reads for itself."""
        return {"path": self.path, "schema": self.schema, "_read": None}


def make_folder(folder: Path) -> None:
    """Make a folder of a workspace, unless it is there.

    Raises
    ------
    InputError
        When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {folder} of the workspace cannot be made ({error.strerror}); choose another workspace."
        ) from error
