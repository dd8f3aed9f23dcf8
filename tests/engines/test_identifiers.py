"""Numbers as people type them, and what exactly is said when they are wrong. All numbers here are made up."""

import random
import string
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heli.engines import identifiers as ids
from heli.engines.identifiers import BadIdentifier

TODAY = date(2026, 11, 22)


# Telephone ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["13912345678", "139 1234 5678", "139-1234-5678", "１３９１２３４５６７８", "+86 13912345678", "008613912345678", "8613912345678",
     " 139　1234　5678 ", "139－1234－5678"],
)  # fmt: skip
def test_a_mobile_number_however_typed(typed: str) -> None:
    assert ids.mobile(typed) == "13912345678"


@pytest.mark.parametrize(
    ("typed", "code", "given", "expected", "at"),
    [
        ("", "empty", None, None, None),
        ("　 ", "empty", None, None, None),
        ("1391234567", "too_short", 10, 11, None),
        ("139123456789", "too_long", 12, 11, None),
        ("1391234567a", "bad_character", None, None, 10),
        ("12912345678", "bad_start", None, None, None),
        ("23912345678", "bad_start", None, None, None),
    ],
)
def test_what_is_wrong_with_a_mobile_number(
    typed: str, code: str, given: int | None, expected: int | None, at: int | None
) -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.mobile(typed)
    assert (caught.value.code, caught.value.given, caught.value.expected, caught.value.at) == (
        code,
        given,
        expected,
        at,
    )


def test_how_much_is_missing() -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.mobile("1391234567")
    assert caught.value.off_by == 1


@pytest.mark.parametrize("typed", ["0535-6210000", "（0535）6210000", "0535 621 0000", "010-65120000", "02164370000"])
def test_land_lines(typed: str) -> None:
    assert ids.phone(typed).startswith("0")


@pytest.mark.parametrize("typed", ["0535-0210000", "0535-62100", "0000"])
def test_what_is_no_land_line(typed: str) -> None:
    with pytest.raises(BadIdentifier, match="phone: bad_start"):
        ids.phone(typed)


# Masks --------------------------------------------------------------------------------------------------------------


def test_masks_of_phones() -> None:
    assert ids.mask_phone("13912345678") == "139****5678"
    assert ids.mask_phone("+86 139-1234-5678") == "139****5678"
    assert ids.mask_phone("05356210012") == "0535-*****12"
    assert ids.mask_phone("010-65120012") == "010-******12"
    assert ids.mask_phone("12345") == "****45"
    assert ids.mask_phone("") == ""


def test_masks_of_names() -> None:
    assert ids.mask_name("王桂兰") == "王**"
    assert ids.mask_name("王桂兰", "女士") == "王女士"
    assert ids.mask_name("欧阳明") == "欧阳**"
    assert ids.mask_name("欧阳") == "欧**"  # two characters: the family name is Ou
    assert ids.mask_name("阿依古丽·买买提") == "阿**"
    assert ids.mask_name("  ") == ""


# People -------------------------------------------------------------------------------------------------------------


def id_number(area: str, born: str, order: str = "002") -> str:
    """A number with a right check digit, computed here by the standard's own table (GB 11643)."""
    body = area + born + order
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]


@pytest.mark.parametrize(
    ("area", "holder"),
    [("370602", "citizen"), ("810000", "hong_kong"), ("820000", "macao"), ("830000", "taiwan"), ("937840", "foreigner"),
     ("659012", "citizen")],  # a county that the table of python-stdnum does not have
)  # fmt: skip
def test_all_who_hold_an_18_digit_number(area: str, holder: str) -> None:
    found = ids.resident_id(id_number(area, "19580314"), on=TODAY)
    assert (found.holder, found.born, found.sex) == (holder, date(1958, 3, 14), "female")
    assert found.area == ("" if holder == "foreigner" else area)
    assert found.age(TODAY) == 68
    assert found.age(date(2026, 3, 13)) == 67


def test_the_check_character_x_may_be_small_or_wide() -> None:
    number = next(n for i in range(100) if (n := id_number("370602", "19580314", f"{i:03}"))[-1] == "X")
    assert ids.resident_id(number.lower(), on=TODAY).number == number
    assert ids.resident_id(number[:-1] + "Ｘ", on=TODAY).number == number


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        ("37060219580314", "too_short"),
        ("370602580314002", "bad_length"),  # of the time before 1999
        (id_number("370602", "19580314") + "1", "too_long"),
        (id_number("370602", "20900101"), "future"),
        (id_number("370602", "20261123"), "future"),
        (id_number("370602", "18500101"), "bad_date"),
        (id_number("370602", "19580230"), "bad_date"),
        (id_number("990602", "19580314"), "bad_start"),
        (id_number("007060", "19580314"), "bad_start"),
        ("3706021958031400XX", "bad_character"),
    ],
)
def test_what_is_wrong_with_an_identity_number(typed: str, code: str) -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.resident_id(typed, on=TODAY)
    assert caught.value.code == code


@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.integers(0, 999), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(born: date, order: int, place: int, by: int) -> None:
    number = id_number("370602", f"{born:%Y%m%d}", f"{order:03}")
    assert ids.resident_id(number, on=TODAY).born == born
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    with pytest.raises(BadIdentifier):
        ids.resident_id(wrong, on=TODAY)


# Organisations ------------------------------------------------------------------------------------------------------


def organisation(first_17: str) -> str:
    """GB 32100: weights are powers of 3 modulo 31."""
    total = sum(pow(3, i, 31) * ids.USCC_ALPHABET.index(c) for i, c in enumerate(first_17))
    return first_17 + ids.USCC_ALPHABET[-total % 31]


@pytest.mark.parametrize(
    ("first_17", "authority", "form"),
    [
        ("51370602MJE000001", "civil_affairs", "association"),
        ("52370602MJE000001", "civil_affairs", "private_non_enterprise"),
        ("53370602MJE000001", "civil_affairs", "foundation"),
        ("N2370602MF3000001", "agriculture", ""),
        ("Y1370602MB0000001", "other", ""),
        ("11370602MB0000001", "organisation_offices", ""),
        ("C1370602MB0000001", "", ""),
    ],
)
def test_codes_of_organisations(first_17: str, authority: str, form: str) -> None:
    found = ids.organisation_code(organisation(first_17).lower())
    assert (found.authority, found.form, found.area) == (authority, form, "370602")


def test_a_published_code_is_right() -> None:
    assert (
        ids.organisation_code("9111 0000 6000 3734 1L").number == "91110000600037341L"
    )  # the example of python-stdnum


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("51370602MJE00000", "too_short"),
        (organisation("51370602MJE000001") + "0", "too_long"),
        ("5137060OMJE0000012", "bad_character"),
        ("513706A2MJE0000012", "bad_character"),
        ("91110000600037341A", "bad_check"),
    ],
)
def test_what_is_wrong_with_an_organisation_code(typed: str, code: str) -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.organisation_code(typed)
    assert caught.value.code == code


# Areas --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("37", "37"), ("370000", "37"), ("370000000000", "37"), ("3706", "3706"), ("370600", "3706"), ("370602", "370602"),
        ("370602000", "370602"), ("370602000000", "370602"), ("370602003", "370602003"), ("370602003000", "370602003"),
        ("370602003006", "370602003006"), ("３７０６０２", "370602"), ("441900003000", "441900003"), ("429004000000", "429004"),
    ],
)  # fmt: skip
def test_area_codes_become_paths(typed: str, path: str) -> None:
    assert ids.area_path(typed) == path


@pytest.mark.parametrize(
    ("typed", "code"), [("", "empty"), ("37060", "bad_length"), ("37x6", "bad_character"), ("000000", "bad_start"), ("99", "bad_start")]
)  # fmt: skip
def test_what_is_wrong_with_an_area_code(typed: str, code: str) -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.area_path(typed)
    assert caught.value.code == code


# Request codes ------------------------------------------------------------------------------------------------------

seeds = st.integers(0, 2**32)
prefixes = st.text(string.ascii_uppercase, min_size=1, max_size=4)


@given(prefixes, seeds)
def test_a_code_reads_back_however_it_is_typed(prefix: str, seed: int) -> None:
    code = ids.new_code(prefix, random.Random(seed))
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    for typed in (
        code,
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " "),
        f"  {code} ",
        wide,
        code.replace("-", "—"),
    ):
        assert ids.normalise(typed) == code
    assert not set(code[len(prefix) :]) & set("01ILO")


@given(prefixes, seeds, st.data())
def test_one_wrong_character_is_noticed(prefix: str, seed: int, data: st.DataObject) -> None:
    code = ids.new_code(prefix, random.Random(seed)).replace("-", "")
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from(string.ascii_uppercase + string.digits).filter(lambda c: c != code[place]))
    with pytest.raises(BadIdentifier):
        ids.normalise(code[:place] + other + code[place + 1 :])


@given(prefixes, seeds, st.data())
def test_two_neighbours_swapped_are_noticed(prefix: str, seed: int, data: st.DataObject) -> None:
    code = ids.new_code(prefix, random.Random(seed)).replace("-", "")
    i = data.draw(st.integers(0, len(code) - 2))
    swapped = code[:i] + code[i + 1] + code[i] + code[i + 2 :]
    if swapped != code:
        with pytest.raises(BadIdentifier):
            ids.normalise(swapped)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "empty"), ("ZF7K", "too_short"), ("ZFABC7K3M4QX", "too_long"), ("ZF-7K3M-0Q", "bad_character")],
)
def test_what_is_wrong_with_a_request_code(typed: str, code: str) -> None:
    with pytest.raises(BadIdentifier) as caught:
        ids.normalise(typed)
    assert caught.value.code == code


def test_a_prefix_is_letters() -> None:
    with pytest.raises(ValueError, match="1 to 4 letters"):
        ids.new_code("芝罘", random.Random(1))


# Running text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kinds", "rest"),
    [
        ("路灯不亮，打我13912345678，姓王", ["mobile"], "路灯不亮，打我，姓王"),
        ("电话１３９ １２３４ ５６７８。", ["mobile"], "电话。"),
        ("联系139-1234-5678 2单元", ["mobile"], "联系 2单元"),
        ("幺三九幺二三四五六七八", ["mobile"], ""),
        ("住三单元二13912345678", ["mobile"], "住三单元二"),
        ("+86 139 1234 5678和13812340000", ["mobile", "mobile"], "和"),
        ("座机0535-6210012或（0535）6210034", ["landline", "landline"], "座机或"),
        ("家里座机：6210012", ["landline"], "家里座机："),
        (f"身份证{id_number('370602', '19580314')}。", ["id_number"], "身份证。"),
        ("3706 0219 5803 1400 2x，", ["id_number"], "，"),
        ("老身份证370602580314002", ["id_number"], "老身份证"),
    ],
)
def test_personal_numbers_are_found_and_starred_out(text: str, kinds: list[str], rest: str) -> None:
    spans = ids.find_personal(text)
    assert [s.kind for s in spans] == kinds
    hidden = ids.without_personal(text)
    assert hidden.replace("＊", "") == rest and len(hidden) == len(text)
    assert ids.find_personal(hidden) == []


@pytest.mark.parametrize(
    "text",
    ["打12345没人接", "拨110和120", "400-658-1234", "95598", "2026年11月22日15点30分", "缴费138.50元", "第一三五七九栋", "12号楼3单元501室",
     "订单20240101123456789012", "面积1391234567890平方", "楼号13912345"],
)  # fmt: skip
def test_what_is_not_personal_stays(text: str) -> None:
    assert ids.without_personal(text) == text


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_number_slips_through_between_other_words(before: str, after: str) -> None:
    text = f"{before}，13912345678。{after}"
    assert "13912345678" not in ids.without_personal(text)
    spans = ids.find_personal(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
