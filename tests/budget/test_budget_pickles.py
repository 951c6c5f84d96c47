"""Pickles are gone through before they are unpickled: what would cost too much is refused, at once."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.budget import Budget, scan
from napari_pseudolabel.budget.pickles import Broken, Costly

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def shared_lists(levels: int) -> bytes:
    """Lists that hold the list before them twice: 2^levels values when written out."""
    steps = b"".join(
        b"]" + b"h" + bytes([n]) + b"a" + b"h" + bytes([n]) + b"a" + b"q" + bytes([n + 1])
        for n in range(levels)
    )
    return b"\x80\x02]q\x00" + steps + b"."


def doubling_texts(levels: int) -> bytes:
    """Calls that join the text before them with itself."""
    call = b"ctorch\ndevice\nq\x01"
    steps = b"".join(
        b"h\x01h" + bytes([n]) + b"h" + bytes([n]) + b"\x86Rq" + bytes([n + 1]) for n in range(2, levels)
    )
    return b"\x80\x02" + call + b"X\x10\x00\x00\x00" + b"x" * 16 + b"q\x02" + steps + b"."


def shared_keys(levels: int) -> bytes:
    """A key made of tuples of tuples, whose hash would take 2^levels steps."""
    steps = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(levels))
    return b"\x80\x02}K\x01q\x00" + steps + b"Ns."


COSTLY = {
    "deep lists": (b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".", "deep"),
    "deep tuples": (b"\x80\x02)" + b"\x85" * 300_000 + b".", "deep"),
    "deep dictionaries": (b"\x80\x02" + b"}K\x01" * 200_000 + b"N" + b"s" * 200_000 + b".", "deep"),
    "shared keys": (shared_keys(40), "names are no names"),
    "doubling texts": (doubling_texts(60), "without an end"),
    "a memo of billions": (b"\x80\x02Nr\x00\x00\x00\x80.", "billions"),
    "a memo of billions in text": (b"Np2147483648\n.", "billions"),
    "a huge number": (b"\x80\x02\x8b" + struct.pack("<i", 2**20) + b"\xff" * 2**20 + b".", "digits"),
    "a huge number in text": (b"I" + b"9" * 100_000 + b"\n.", "digits"),
    "the extension registry": (b"\x80\x02\x82\x01.", "no checkpoint needs"),
    "colliding keys": (
        b"\x80\x02}(" + b"".join(b"\x8a\x0a" + (n * (2**61 - 1)).to_bytes(10, "little") + b"N" for n in range(30_000)) + b"u.",
        "without a name",
    ),
    "too many steps": (b"\x80\x02" + b"N0" * 1_000_001 + b"N.", "steps"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(COSTLY))
def test_what_would_cost_too_much_is_refused(name):
    program, reason = COSTLY[name]
    with pytest.raises(Costly, match=reason):
        scan(program)


def test_calls_that_hand_shared_values_on_are_counted_each_time():
    calls = b"".join(b"h\x02h\x01\x85R0" for _ in range(2000))
    program = b"\x80\x02](" + b"N" * 100_000 + b"eq\x01cbuiltins\nset\nq\x02" + calls + b"N."
    with pytest.raises(Costly, match="without an end"):
        scan(program)
    assert scan(b"\x80\x02](" + b"N" * 100_000 + b"eq\x01cbuiltins\nset\nq\x02h\x02h\x01\x85R.").names == {
        ("builtins", "set")
    }


BROKEN = {
    "empty": b"",
    "no end": b"\x80\x02N",
    "unknown operation": b"\x80\x02\xffN.",
    "nothing on the stack": b"\x80\x02.",
    "a mark that is not there": b"\x80\x02Nt.",
    "a memo that is not there": b"\x80\x02h\x05.",
    "a text behind the end": b"\x80\x02X\xff\xff\xff\x7fab.",
    "a frame behind the end": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "eight exabytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "names of no text": b"\x80\x04NN\x93.",
    "a line without an end": b"cos",
    "a negative memo": b"\x80\x02Npx\n.",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_what_is_no_pickle(name):
    with pytest.raises((Broken, Costly)):
        scan(BROKEN[name])


def test_shared_values_that_nobody_hashes_or_hands_on_are_read():
    assert scan(shared_lists(40)).names == frozenset()


@given(PLAIN, st.sampled_from(range(6)))
def test_what_python_writes_is_gone_through_to_its_end(value, protocol):
    program = pickle.dumps(value, protocol)
    found = scan(program + b"behind it")
    assert found.end == len(program)
    assert scan(b"before" + program, 6).end == 6 + len(program)


@given(st.binary(max_size=60))
def test_any_bytes_get_an_answer(content):
    try:
        found = scan(b"\x80\x02" + content)
    except (Broken, Costly):
        return
    assert found.end <= len(content) + 2


def test_names_are_what_the_unpickler_would_look_up():
    program = pickle.dumps(OrderedDict(a=io.BytesIO), 4)
    wanted = {("collections", "OrderedDict"), ("_io", "BytesIO")}
    assert scan(program).names == wanted
    assert scan(pickletools.optimize(program)).names == wanted


def test_a_smaller_budget_is_kept():
    program = pickle.dumps([[[1]]], 2)
    assert scan(program, budget=Budget(depth=3)).end == len(program)
    with pytest.raises(Costly, match="more than 2 levels"):
        scan(program, budget=Budget(depth=2))
    with pytest.raises(Costly, match="more settings"):
        scan(pickle.dumps("x" * 1000), budget=Budget(pickle_bytes=500))
