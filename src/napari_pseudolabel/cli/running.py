"""From arguments to an exit code: every error becomes one sentence on standard error."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from napari_pseudolabel.cli.progress import Stopped
from napari_pseudolabel.errors import Cancelled, InputError, message_for
from napari_pseudolabel.imports import lasting_imports
from napari_pseudolabel.wording import sentence, shown

VERBOSE = "--verbose"
DEBUG_VARIABLE = "PSEUDOLABEL_DEBUG"

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code.

    0: done. 1: a mistake of ours. 2: the input, the options or the machine do not allow it. 130: Ctrl-C.

    Parameters
    ----------
    arguments
        As typed behind ``pseudolabel``. ``--verbose`` may stand anywhere.
    """
    verbose = VERBOSE in arguments or bool(os.environ.get(DEBUG_VARIABLE))
    words = [word for word in arguments if word != VERBOSE]
    quiet = logging.NullHandler()
    with warnings.catch_warnings():
        if not verbose:
            # Libraries warn about things that the person at the shell cannot act upon.
            warnings.simplefilter("ignore")
            logging.getLogger().addHandler(quiet)
        try:
            _refuse_empty(words)
            return _run(words or ["--help"])
        except (Stopped, Cancelled) as error:
            return _told(str(error), INTERRUPTED, verbose)
        except KeyboardInterrupt:
            return _told(str(Cancelled()), INTERRUPTED, verbose)
        except Exception as error:
            known = message_for(error)
            return _unexpected(error, verbose) if known is None else _told(known, BAD_INPUT, verbose)
        finally:
            logging.getLogger().removeHandler(quiet)


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuse a variable of the shell that is not set: as a path it would be the folder that one stands in."""
    for number, word in enumerate(words, start=1):
        if not word.strip():
            raise InputError(f"Argument {number} is empty; give a value, or leave the option out.")


def _run(words: list[str]) -> int:
    with lasting_imports():
        import typer

        from napari_pseudolabel.cli.app import make_app

        command = typer.main.get_command(make_app())
    try:
        code = command.main(words, prog_name="pseudolabel", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        # typer brought its own copy of click at some point: only the shape of usage errors is the same.
        if not hasattr(error, "format_message"):
            raise
        return _told(error.format_message(), BAD_INPUT, verbose=False)
    if code == INTERRUPTED:  # newer typer turns Ctrl-C into this without a word
        raise KeyboardInterrupt
    return code if isinstance(code, int) else OK


def _told(why: str, code: int, verbose: bool) -> int:
    if verbose:
        print(shown(traceback.format_exc(), keep="\n"), file=sys.stderr)
    text = sentence(why)
    print(text if text.endswith((".", "?", "!")) else f"{text}.", file=sys.stderr)
    return code


def _unexpected(error: Exception, verbose: bool) -> int:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "please report it" if verbose else f"run it again with {VERBOSE} and report what it prints"
    return _told(f"Something went wrong that should not ({what}); {hint}.", FAILED, verbose)
