"""What comes from a file and is shown to a person holds nothing that a person cannot see."""

from __future__ import annotations

import errno
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import CheckpointError, FileError, InputError, message_for
from napari_pseudolabel.wording import json_shown, sentence, shown

ANY_TEXT = st.text(st.characters(codec=None))  # halves of characters among them
HOSTILE = {
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "a\u202egpj.exe": r"a\u202egpj.exe",
    "bell\x07": r"bell\x07",
    "c1\x9b2J": r"c1\x9b2J",
    "half \ud800": r"half \ud800",
    "nothing\x00": r"nothing\x00",
    "zero\u200bwidth": r"zero\u200bwidth",
    "line\u2028end": r"line\u2028end",
    "back\b\b": r"back\x08\x08",
}


@pytest.mark.parametrize("text", list(HOSTILE))
def test_what_cannot_be_seen_is_spelled_out(text):
    assert shown(text) == HOSTILE[text]
    assert shown(f"{text}\nand", keep="\n") == f"{HOSTILE[text]}\nand"
    assert shown(f"{text}\nand") == f"{HOSTILE[text]}\\nand"


@pytest.mark.parametrize("text", ["Zellkern µm ü 細胞 Ωß", "a [red]b[/red] <b>c</b>", "e\u0301"])
def test_what_can_be_seen_stays(text):
    assert shown(text) == sentence(text) == json_shown(text) == text


@given(ANY_TEXT)
def test_any_text_can_be_shown_and_encoded(text):
    for words in (shown(text), sentence(text)):
        assert all(one.isprintable() or unicodedata.category(one) == "Zs" for one in words)
        words.encode("utf-8")


@given(ANY_TEXT)
def test_json_stays_the_same_json(text):
    written = json_shown(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(written) == {text: [text]}
    assert shown(written, keep="\n") == written


def test_a_sentence_is_one_line_and_ends():
    assert sentence(" two\n lines\tof  text ") == "two lines of text"
    assert len(sentence("x" * 10**6)) < 5000


def test_what_a_person_is_told():
    assert message_for(InputError("Choose another file.")) == "Choose another file."
    assert "not enough memory" in str(message_for(MemoryError()))
    assert "not enough memory" in str(
        message_for(RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory"))
    )
    assert message_for(FileNotFoundError(2, "No such file", "a.tif")) == (
        "a.tif: No such file; check the path and its permissions."
    )
    full = "a.tif: No space: the disk, or what you may use of it, is full; make room, then do the same again."
    assert message_for(OSError(errno.ENOSPC, "No space", "a.tif")) == full
    assert message_for(KeyError("x")) is None
    assert issubclass(FileError, InputError)
    assert issubclass(FileError, CheckpointError)
