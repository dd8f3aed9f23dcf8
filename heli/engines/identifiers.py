"""Numbers of people, organisations, areas and requests: read forgivingly, checked strictly, told precisely.

Check digits come from python-stdnum; what it lacks is mended here:

- organisations: codes that begin with a letter (N… rural collective economic organisations, Y… others, A… the armed
  forces);
- people: residence permits of Hong Kong, Macao and Taiwan residents (81, 82, 83), permanent residence cards of
  foreigners (18 digits beginning with 9, issued since 2023-12-01), counties younger than stdnum's table, and births in
  the future.

Everything typed is first folded: full-width digits, lower case, blanks and dashes of every kind. What is wrong is
raised as `BadIdentifier` with the numbers a page needs to say it: "少了 1 位：手机号是 11 位，您填了 10 位".
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from stdnum.cn import ric, uscc

Problem = Literal[
    "empty", "too_short", "too_long", "bad_length", "bad_character", "bad_start", "bad_date", "future", "bad_check"
]
Kind = Literal["mobile", "phone", "resident_id", "organisation", "area", "request"]

_FULL_WIDTH: Final = {i: i - 0xFEE0 for i in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SPACING: Final = re.compile(r"[\s\-‐‑‒–—―−﹣－·•.。_,，、/]+")


class BadIdentifier(ValueError):
    """What was typed is not such a number.

    Attributes:
        code: empty | too_short | too_long | bad_length | bad_character | bad_start | bad_date | future | bad_check.
        kind: which number was expected.
        given, expected: lengths, for too_short, too_long and bad_length.
        at: position (from 0, in the folded text) of the first bad character, for bad_character.
    """

    def __init__(
        self, code: Problem, kind: Kind, *, given: int | None = None, expected: int | None = None, at: int | None = None
    ) -> None:
        self.code: Final = code
        self.kind: Final = kind
        self.given: Final = given
        self.expected: Final = expected
        self.at: Final = at
        super().__init__(f"{kind}: {code}" + (f" ({given} of {expected})" if expected is not None else ""))

    @property
    def off_by(self) -> int:
        """How many characters are missing or too many; 0 when length is not the problem."""
        return abs(self.given - self.expected) if self.given is not None and self.expected is not None else 0


def fold(text: str) -> str:
    """Full-width forms to ASCII, upper case, blanks and separators dropped."""
    return _SPACING.sub("", text.translate(_FULL_WIDTH)).upper()


def _check_length(text: str, expected: int, kind: Kind) -> None:
    if not text:
        raise BadIdentifier("empty", kind)
    if len(text) != expected:
        code: Problem = "too_short" if len(text) < expected else "too_long"
        raise BadIdentifier(code, kind, given=len(text), expected=expected)


def _check_characters(text: str, allowed: str, kind: Kind) -> None:
    for at, character in enumerate(text):
        if character not in allowed:
            raise BadIdentifier("bad_character", kind, at=at)


# Telephone ----------------------------------------------------------------------------------------------------------

DIGITS: Final = "0123456789"
_COUNTRY: Final = re.compile(r"^(?:\+|00)86|^86(?=1\d{10}$)")
_LANDLINE: Final = re.compile(r"^0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}$")


def mobile(text: str) -> str:
    """A mobile phone number as 11 digits; a +86, 0086 or 86 in front is dropped.

    Raises:
        BadIdentifier: empty, bad_character, too_short, too_long, bad_start (not 13 to 19).
    """
    number = _COUNTRY.sub("", fold(text))
    if not number:
        raise BadIdentifier("empty", "mobile")
    _check_characters(number, DIGITS, "mobile")
    _check_length(number, 11, "mobile")
    if not re.match(r"1[3-9]", number):
        raise BadIdentifier("bad_start", "mobile")
    return number


def phone(text: str) -> str:
    """A number to call back: a mobile number, or a land line with its area code as digits only (05356210000).

    Raises:
        BadIdentifier: as `mobile`; for a number that starts with 0 and is no land line, bad_start (kind "phone").
    """
    number = _COUNTRY.sub("", fold(re.sub(r"[()（）]", "", text)))
    if not number.startswith("0"):
        return mobile(number)
    _check_characters(number, DIGITS, "phone")
    if not _LANDLINE.match(number):
        raise BadIdentifier("bad_start", "phone")
    return number


# Names and masks ----------------------------------------------------------------------------------------------------

_COMPOUND: Final = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容"
    "仲孙钟离长孙宇文司徒鲜于司空令狐呼延百里东郭南门公西梁丘左丘第五"
)
COMPOUND_SURNAMES: Final = frozenset(_COMPOUND[i : i + 2] for i in range(0, len(_COMPOUND), 2))


def surname(name: str) -> str:
    """The family name: two characters for compound surnames of names of three or more, else the first character."""
    name = name.strip()
    return name[:2] if len(name) > 2 and name[:2] in COMPOUND_SURNAMES else name[:1]


def mask_name(name: str, title: str = "") -> str:
    """'刘桂兰' → '刘**'; with a title ('女士') → '刘女士'. The number of stars tells nothing. Empty stays empty."""
    name = name.strip()
    if not name:
        return ""
    return surname(name) + (title or "**")


def mask_phone(number: str) -> str:
    """'13912345678' → '139****5678'; a land line keeps its area code and two digits; anything else its last two."""
    digits = _COUNTRY.sub("", fold(re.sub(r"[()（）]", "", number)))
    if re.fullmatch(r"1\d{10}", digits):
        return f"{digits[:3]}****{digits[-4:]}"
    if _LANDLINE.match(digits):
        area = 3 if re.match(r"010|02", digits) else 4
        return f"{digits[:area]}-{'*' * (len(digits) - area - 2)}{digits[-2:]}"
    return "****" + digits[-2:] if len(digits) > 4 else "****" if digits else ""


# People -------------------------------------------------------------------------------------------------------------

_REGIONS: Final = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES: Final = frozenset(str(code) for first, last in _REGIONS for code in range(first, last + 1))
_PERMITS: Final = {"81": "hong_kong", "82": "macao", "83": "taiwan"}
_OLDEST: Final = 130  # years; nobody is known to have lived longer


@dataclass(frozen=True, slots=True)
class ResidentId:
    """A checked identity number of 18 characters.

    `holder`: citizen | hong_kong | macao | taiwan (residence permits) | foreigner (permanent residence card).
    `area`: the six-digit code inside it ('' for foreigners). `sex`: male | female.
    """

    number: str
    holder: str
    area: str
    born: date
    sex: Literal["male", "female"]

    def age(self, on: date) -> int:
        """Full years on a day."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


def resident_id(text: str, *, on: date) -> ResidentId:
    """Check an 18-character identity number (GB 11643; ISO 7064 MOD 11-2).

    The county inside is not looked up: numbers stay valid when a county is renamed, and new ones appear each year.

    Args:
        on: today; a birth after it is refused.

    Raises:
        BadIdentifier: empty, too_short, too_long, bad_length (a 15-digit number of the time before 1999: 18 are
            needed), bad_character, bad_start, bad_date, future, bad_check.
    """
    number = fold(text)
    if re.fullmatch(r"\d{15}", number):
        raise BadIdentifier("bad_length", "resident_id", given=15, expected=18)
    _check_length(number, 18, "resident_id")
    _check_characters(number[:17], DIGITS, "resident_id")
    if number[17] not in DIGITS + "X":
        raise BadIdentifier("bad_character", "resident_id", at=17)
    foreign = number[0] == "9"
    if (number[1:3] if foreign else number[:2]) not in PROVINCES:
        raise BadIdentifier("bad_start", "resident_id")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise BadIdentifier("bad_date", "resident_id") from None
    if born > on:
        raise BadIdentifier("future", "resident_id")
    if on.year - born.year > _OLDEST:
        raise BadIdentifier("bad_date", "resident_id")
    if ric.calc_check_digit(number) != number[17]:
        raise BadIdentifier("bad_check", "resident_id")
    holder = "foreigner" if foreign else _PERMITS.get(number[:2], "citizen")
    return ResidentId(number, holder, "" if foreign else number[:6], born, "male" if int(number[16]) % 2 else "female")


# Organisations ------------------------------------------------------------------------------------------------------

USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: without I, O, S, V, Z
AUTHORITIES: Final = {
    "1": "organisation_offices",  # 机构编制
    "2": "foreign_affairs",
    "3": "justice",
    "4": "culture",
    "5": "civil_affairs",  # 民政
    "6": "tourism",
    "7": "religion",
    "8": "trade_unions",
    "9": "market_regulation",
    "A": "armed_forces",
    "N": "agriculture",  # 农业农村: rural collective economic organisations
    "Y": "other",
}
_CIVIL_AFFAIRS: Final = {"1": "association", "2": "private_non_enterprise", "3": "foundation"}


@dataclass(frozen=True, slots=True)
class OrganisationCode:
    """A checked unified social credit code.

    `authority` says who registers ('' when the first character is not known to us); `form` is association,
    private_non_enterprise, foundation or '' ; `area` is the six-digit code of the registering place.
    """

    number: str
    authority: str
    form: str
    area: str


def organisation_code(text: str) -> OrganisationCode:
    """Check a unified social credit code of 18 characters (GB 32100, MOD 31-3), letter-first ones included.

    Raises:
        BadIdentifier: empty, too_short, too_long, bad_character (I, O, S, V, Z never occur), bad_check.
    """
    number = fold(text)
    _check_length(number, 18, "organisation")
    _check_characters(number, USCC_ALPHABET, "organisation")
    for at in range(2, 8):
        if number[at] not in DIGITS:
            raise BadIdentifier("bad_character", "organisation", at=at)
    if uscc.calc_check_digit(number[:17]) != number[17]:
        raise BadIdentifier("bad_check", "organisation")
    form = _CIVIL_AFFAIRS.get(number[1], "") if number[0] == "5" else ""
    return OrganisationCode(number, AUTHORITIES.get(number[0], ""), form, number[2:8])


# Areas --------------------------------------------------------------------------------------------------------------

AREA_LENGTHS: Final = (2, 4, 6, 9, 12)


def area_path(text: str) -> str:
    """An area code of 2, 4, 6, 9 or 12 digits, zero-padded or not, as its unpadded path.

    '370602000000' → '370602'; '370602003006' stays. Zeros inside stay: '441900003000' (a street of a city without
    counties) → '441900003'.

    Raises:
        BadIdentifier: empty, bad_character, bad_length, bad_start (all zeros, or no such province).
    """
    code = fold(text)
    if not code:
        raise BadIdentifier("empty", "area")
    _check_characters(code, DIGITS, "area")
    if len(code) not in AREA_LENGTHS:
        longer = next((n for n in AREA_LENGTHS if n > len(code)), AREA_LENGTHS[-1])
        raise BadIdentifier("bad_length", "area", given=len(code), expected=longer)
    if code[:2] not in PROVINCES:
        raise BadIdentifier("bad_start", "area")
    for longer, shorter in ((12, 9), (9, 6), (6, 4), (4, 2)):
        if len(code) == longer and not code[shorter:].strip("0"):
            code = code[:shorter]
    return code


# Request codes ------------------------------------------------------------------------------------------------------

CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31 characters (a prime) without 0 O 1 I L
_BODY: Final = 7  # 6 random characters and 1 check character
_PREFIX_VALUES: Final = {c: i for i, c in enumerate(CODE_ALPHABET)} | {"I": 0, "L": 1, "O": 2}


def _check_character(prefix: str, body: str) -> str:
    """Weighted sum modulo 31 with a different weight at each place, counted from the right.

    31 is prime, weights differ and are not 0, so every single substitution and every swap of two neighbours changes the
    sum. Prefixes hold letters only, so the values that I, L and O share with digits never meet.
    """
    values = [_PREFIX_VALUES[c] for c in prefix] + [CODE_ALPHABET.index(c) for c in body]
    total = sum(weight * value for weight, value in enumerate(reversed(values), start=2))
    return CODE_ALPHABET[-total % 31]


def _dashed(prefix: str, body: str) -> str:
    return f"{prefix}-{body[:4]}-{body[4:]}"


def new_code(prefix: str, source: random.Random) -> str:
    """A request code such as ZF-7K3M-42Q: prefix (1 to 4 letters A–Z), 6 random characters, 1 check character.

    887 million codes a prefix, and still two of 40,000 will likely meet: the caller draws again when the
    unique constraint says so. `source` is `random.SystemRandom()`
    outside tests. A code is a name, not a secret.

    Raises:
        ValueError: the prefix is not 1 to 4 letters.
    """
    if not re.fullmatch(r"[A-Z]{1,4}", prefix):
        raise ValueError(f"a code's prefix is 1 to 4 letters A-Z, not {prefix!r}")
    body = "".join(source.choice(CODE_ALPHABET) for _ in range(_BODY - 1))
    return _dashed(prefix, body + _check_character(prefix, body))


def normalise(typed: str) -> str:
    """A request code as it was printed, however it was typed: lower case, full width, blanks, no dashes.

    Raises:
        BadIdentifier: empty, too_short, too_long, bad_character (0, O, 1, I and L never occur after the prefix),
            bad_check.
    """
    code = fold(typed)
    if not code:
        raise BadIdentifier("empty", "request")
    if len(code) < _BODY + 1:
        raise BadIdentifier("too_short", "request", given=len(code), expected=_BODY + 2)
    if len(code) > _BODY + 4:
        raise BadIdentifier("too_long", "request", given=len(code), expected=_BODY + 2)
    prefix, body = code[:-_BODY], code[-_BODY:]
    _check_characters(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "request")
    for at, character in enumerate(body, start=len(prefix)):
        if character not in CODE_ALPHABET:
            raise BadIdentifier("bad_character", "request", at=at)
    if _check_character(prefix, body[:-1]) != body[-1]:
        raise BadIdentifier("bad_check", "request")
    return _dashed(prefix, body)


# Personal numbers in running text -----------------------------------------------------------------------------------

SpanKind = Literal["id_number", "mobile", "landline"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch [start, end) of a text that holds a personal number."""

    kind: SpanKind
    start: int
    end: int


# One character for one: positions in the folded text are positions in the original.
_SPOKEN: Final = dict(zip(map(ord, "〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"), "001234567891123456789", strict=True))
_SPOKEN_ONLY: Final = {ord(d): "#" for d in DIGITS} | _SPOKEN
_GAP: Final = r"[ \t\-‐‑–—_.·]{0,2}"


def _spaced(*parts: str) -> str:
    return _GAP.join(parts)


_YEAR: Final = f"(?:{_spaced('1', '9')}|{_spaced('2', '0')}){_GAP}" + _spaced(r"\d", r"\d")
_MONTH: Final = f"(?:{_spaced('0', '[1-9]')}|{_spaced('1', '[0-2]')})"
_DATE: Final = f"(?:{_spaced('0', '[1-9]')}|{_spaced('[12]', r'[0-9]')}|{_spaced('3', '[01]')})"
_ID_18: Final = _spaced("[1-9]", *[r"\d"] * 5, _YEAR, _MONTH, _DATE, *[r"\d"] * 3, r"[\dXx]")
_ID_15: Final = r"[1-8]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}"
_MOBILE: Final = rf"(?:(?:\+|00)?86{_GAP})?" + _spaced("1", "[3-9]", *[r"\d"] * 9)
_FIXED: Final = rf"\(?0(?:10|2\d|[3-9]\d{{2}})\)?{_GAP}[2-8](?:{_GAP}\d){{6,7}}"
_LOCAL: Final = r"(?:电话|座机|固话|号码|联系方式)[:是为有\s]{0,3}(?P<local>[2-8]\d{6,7})"
_PERSONAL: Final = re.compile(
    rf"(?<!\d)(?:(?P<id_number>{_ID_18}|{_ID_15})|(?P<mobile>{_MOBILE})|(?P<landline>{_FIXED})|{_LOCAL})(?![\dXx])"
)


def find_personal(text: str) -> list[Span]:
    """Mobile numbers, land lines and identity numbers in running Chinese text, ascending, not overlapping.

    Found also when spaced or dashed (139 1234 5678), full width (１３９…) or spoken (幺三九…). It errs towards
    finding: an 18-digit order number with a year in the right place is taken for an identity number. Public short
    numbers (12345, 110, 400…) are not personal and are left alone.
    """
    typed = list(_spans(text.translate(_FULL_WIDTH)))
    spoken = _spans(text.translate(_SPOKEN_ONLY))
    typed += [s for s in spoken if all(s.end <= t.start or t.end <= s.start for t in typed)]
    return sorted(typed, key=lambda s: s.start)


def _spans(read: str) -> Iterator[Span]:
    kinds: tuple[SpanKind, ...] = ("id_number", "mobile", "landline")
    for found in _PERSONAL.finditer(read):
        group = next((k for k in kinds if found[k]), None)
        yield Span(group, *found.span(group)) if group else Span("landline", *found.span("local"))


def without_personal(text: str, *, offices: bool = False) -> str:
    """Numbers of people and phones in running text are starred out; the whole text goes to the vault.

    With `offices` land lines stay: in what staff write they are the number of an office to call.
    """
    for span in sorted(find_personal(text), key=lambda s: s.start, reverse=True):
        if not (offices and span.kind == "landline"):
            text = text[: span.start] + "＊" * (span.end - span.start) + text[span.end :]
    return text
