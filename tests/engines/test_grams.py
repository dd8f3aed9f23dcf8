"""A text as numbers of its characters and pairs: whatever holds a phrase holds all that is asked for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heli.engines import grams

WORDS = st.text("路灯坏了不亮，。 \n＊abzAＢＺ019０９-*一乙𠀀🙂（）", max_size=60)


def test_wide_capital_and_blank():
    assert grams.folded("ＷｉＦｉ　坏了！ABC") == "wifi 坏了!abc"
    assert grams.phrases("路灯　不亮 路灯 ＷＩＦＩ") == ("路灯", "不亮", "wifi")
    assert grams.phrases("   ") == ()


def test_pairs_do_not_cross_marks_and_stars_are_nothing():
    road, lamp = ord("路"), ord("灯")
    assert grams.grams(grams.folded("路，灯")) == sorted([road, lamp])
    assert grams.grams("路灯") == sorted([road, lamp, road << grams.BITS | lamp])
    assert grams.grams(grams.folded("＊＊＊")) == []


def test_what_is_asked():
    assert len(grams.asked("路灯坏")) == 2
    assert grams.asked("灯") == [ord("灯")]
    assert grams.asked("灯,坏了") == sorted([ord("灯"), ord("坏") << grams.BITS | ord("了")])
    assert grams.asked(grams.folded("，*")) == []


def test_areas_are_below_zero_and_each_above_is_there():
    assert grams.area_grams("370602003006") == [-37, -3706, -370602, -370602003, -370602003006]
    assert grams.area_grams("370602003006015") == grams.area_grams("370602003006")
    assert grams.area_grams("") == grams.area_grams("37x") == []


@given(WORDS, WORDS, WORDS)
def test_what_holds_a_phrase_holds_its_numbers(before, phrase, after):
    body = grams.folded(before + phrase + after)
    for one in grams.phrases(phrase):
        assert set(grams.asked(one)) <= set(grams.grams(body))


@given(WORDS)
def test_folding_keeps_the_length_and_is_done_once(text):
    assert len(grams.folded(text)) == len(text) and grams.folded(grams.folded(text)) == grams.folded(text)
