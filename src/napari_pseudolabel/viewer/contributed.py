"""What goes wrong in readers and writers reaches the person, whatever napari makes of the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari.utils.notifications import show_error

from napari_pseudolabel.errors import PseudolabelError, message_for
from napari_pseudolabel.wording import shown


class NotSavedError(PseudolabelError, RuntimeError):
    """Labels could not be saved.

    Not a ValueError: napari takes that for "there is no writer for this" and says so instead of what is wrong.
    """


@contextmanager
def telling_why_not_opened() -> Iterator[None]:
    """Show the sentence of an error: napari says that the reader failed, and asks for another one."""
    try:
        yield
    except PseudolabelError as error:
        show_error(shown(error))
        raise


@contextmanager
def telling_why_not_saved() -> Iterator[None]:
    """Turn every error into one that napari shows.

    Raises
    ------
    NotSavedError
        With the sentence of the error.
    """
    try:
        yield
    except PseudolabelError as error:
        raise NotSavedError(shown(error)) from error
    except Exception as error:
        if (known := message_for(error)) is not None:
            raise NotSavedError(shown(known)) from error
        what = shown(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        raise NotSavedError(f"The labels could not be saved ({what}); nothing was written.") from error
