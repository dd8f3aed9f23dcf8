"""Long numbers: read as they were meant, and a slip of the pen is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heli.engines import serial

CODE = "QJBZ3JAWPG9VWKMNKPXRT2Y331HX17"  # the same for every process that collects these tests


@pytest.mark.parametrize(
    "typed",
    [CODE, CODE.lower(), serial.grouped(CODE), serial.in_address(CODE), f" {CODE[:9]} {CODE[9:]}", CODE.translate({ord("0"): "O", ord("1"): "l"}),
     "".join(chr(ord(c) + 0xFEE0) for c in CODE)],
)  # fmt: skip
def test_read_as_it_was_meant(typed: str) -> None:
    assert serial.normalise(typed) == CODE


@pytest.mark.parametrize(
    ("typed", "why"), [("", "empty"), (CODE[:-1], "length"), (CODE + "2", "length"), ("U" + CODE[1:], "character")]
)
def test_what_cannot_be_one(typed: str, why: str) -> None:
    with pytest.raises(serial.BadSerial) as said:
        serial.normalise(typed)
    assert said.value.why == why


ZEROS = "0" * 26 + serial._check("0" * 26)


@given(st.integers(0, 29), st.sampled_from(serial.ALPHABET))
def test_one_wrong_character_is_seen(at: int, c: str) -> None:
    wrong = ZEROS[:at] + c + ZEROS[at + 1 :]
    if wrong == ZEROS:
        assert serial.normalise(wrong) == ZEROS
        return
    with pytest.raises(serial.BadSerial):
        serial.normalise(wrong)
