"""Personal data in free Chinese text: names, phones, numbers of papers and cards, plates, doors of homes.

A machine proposes, a person decides: `sure` says whether the words around leave little doubt. Phones and identity
numbers are those of `identifiers.find_personal` (which hides them wherever a text enters); this adds what needs context.
No list of people and no learned weights: surnames, forms of address and the words before and after a name (`names`).

A door is masked, not the estate or street before it: where something happened stays readable, whose home it is does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from heli.engines.grams import folded
from heli.engines.identifiers import COMPOUND_SURNAMES, find_personal
from heli.engines.text.names import AFTER, CLEAR, GIVEN, OFFICES, ROLES, SURNAMES, TITLES, WORDS

Kind = Literal["name", "phone", "id_number", "plate", "address", "bank_card", "licence", "account"]
STAR = "＊"


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch [start, end) of the text. `sure`: little doubt; else a person looks."""

    kind: Kind
    start: int
    end: int
    sure: bool


# Numbers and doors; read in the folded text (narrow, small letters), whose positions are those of the original -----------
_N = r"(?:\d{1,3}|[一二三四五六七八九十百]{1,4})"
_FLAT = (
    r"(?:\d{3,4}(?:室|号|户)?(?!\d|元|米|块|多|人|户人|年|平)"
    r"|(?:\d{1,2}|[一二三四五六七八九十]{1,3})(?:楼|层)?[东西中南北左右]边?[户门])"
)
_HOUSE = r"(?:号楼|栋|幢|座|#楼?|号(?!院|线|门|台))"
_ENTRY = r"(?:单元|门洞|门)"
_DOORS = re.compile(
    rf"(?<![\da-z])(?:(?:{_N}|[a-k]){_HOUSE}[ ,，]?(?:{_N}{_ENTRY}[ ,，]?)?{_FLAT}"
    rf"|{_N}{_HOUSE}[ ,，]?{_N}{_ENTRY}[ ,，]?{_N}(?:楼|层)(?:[东西中南北左右]?户)?"
    rf"|(?:{_N}{_HOUSE}[ ,，]?)?{_N}{_ENTRY}[ ,，]?(?:{_FLAT}|\d{{1,2}}(?:室|号|户))"
    r"|\d{1,3}[-－—]\d{1,2}[-－—]\d{3,4}(?:室|号|户)?(?![\d-])"
    rf"|(?:\d{{1,2}}|[一二三四五六七八九十]{{1,3}})(?:楼|层)[东西中南北左右]户)"
)
_HOME = re.compile(r"(?:家住|住在|住址是?|地址[是为:：]|住|户主|我家|他家|她家|老家)[^，。；！？,;!?]{0,24}$")
_NUMBERED = re.compile(
    r"(?<=[村路街巷弄庄屯疃夼里院沟寨])(?:同)?\d{1,4}号(?:附\d+号)?(?!楼|线|院|门|台|地|车|井|杆|栋|桥|站|令|文)"
)
_PUBLIC = re.compile(
    r"(?:医院|中心|大厦|学校|大学|中学|小学|政务|写字楼|办公楼?|广场|商场|法院|宾馆|酒店)[^，。；！？,;!?]{0,8}$"
)
_PLATE = re.compile(
    r"(?<![a-z0-9])[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][ ]?[a-hj-z][ ·.．•・-]?"
    r"(?=[a-z0-9]*\d[a-z0-9]*\d)(?:[a-hj-np-z0-9]{4}[挂学警港澳]|[a-hj-np-z0-9]{5,6})(?![a-z0-9])"
)
_CARD = re.compile(r"(?<![\da-z])\d{4}(?:[ -]?\d{4}){2}[ -]?\d{4}(?:[ -]?\d{1,3})?(?!\d)")
_CARD_BEFORE = re.compile(r"(?:卡号?|账号|帐号|账户|帐户|存折|[打转汇退存交]到)[^\d]{0,10}$")
_PAPER = re.compile(
    r"(?:(?:护照|通行证|驾驶?证|行驶证|残疾人?证|社保卡?|医保卡?|社会保障卡|军官证|士兵证|退役军人?证|优待证|结婚证|房产证|不动产权?证|低保证|"
    r"学籍|准考证|就诊卡|病历|档案)(?:编?号码?|号)?|证件?号码?|证号)[是为:：\s]{0,3}(?P<number>[a-z]{0,2}\d[a-z0-9]{5,21})(?![a-z0-9])"
)
_ACCOUNT = re.compile(
    r"(?P<mail>[a-z0-9][\w.+-]{1,40}@[a-z0-9-]+(?:\.[a-z]{2,10}){1,3})"
    r"|(?:微信号?|vx|wx|抖音号?)[是为:：\s]{0,3}(?P<chat>[a-z][\w-]{5,19})(?![\w-])|(?:qq号?|扣扣)(?:群)?[是为:：\s]{0,3}(?P<qq>[1-9]\d{4,10})(?!\d)",
    re.ASCII,
)
_OFFICE_LINE = re.compile(
    r"(?:热线|咨询|服务|值班|办公|举报|监督|投诉|前台|窗口|公示|公布)(?:电话|热线|号码)?[是为:：\s]{0,3}$"
)


def _luhn(digits: str) -> bool:
    twice = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(t - 9 if t > 9 else t for t in twice)) % 10 == 0


def _numbers(text: str, read: str) -> Iterator[Found]:
    for span in find_personal(text):
        if span.kind == "id_number":
            yield Found("id_number", span.start, span.end, True)
        else:
            office = span.kind == "landline" and bool(_OFFICE_LINE.search(read, 0, span.start))
            yield Found("phone", span.start, span.end, not office)
    for m in _PLATE.finditer(read):
        yield Found("plate", *m.span(), True)
    for m in _PAPER.finditer(read):
        yield Found("licence", *m.span("number"), True)
    for m in _CARD.finditer(read):
        digits = re.sub(r"\D", "", m[0])
        said = bool(_CARD_BEFORE.search(read[max(0, m.start() - 16) : m.start()]))
        if said or (digits[0] in "3456" and _luhn(digits)):
            yield Found("bank_card", *m.span(), said)
    for m in _ACCOUNT.finditer(read):
        yield Found("account", *m.span(m.lastgroup or 0), True)


def _doors(read: str) -> Iterator[Found]:
    for m in _DOORS.finditer(read):
        yield Found("address", *m.span(), not _PUBLIC.search(read[max(0, m.start() - 20) : m.start()]))
    for m in _NUMBERED.finditer(read):
        before = read[max(0, m.start() - 30) : m.start()]
        lived = bool(_HOME.search(before)) and not _PUBLIC.search(before)
        if lived or re.match(r"[\u4e00-\u9fff]{2,3}家", read[m.end() :]):
            yield Found("address", *m.span(), lived)


# Names -------------------------------------------------------------------------------------------------------------------
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_ROLE = re.compile(rf"(?:{ROLES})(?:[是为叫]|名叫|名字叫)?[：:\s“\"]{{0,2}}")
_SAID = re.compile(r"我叫|我名叫|本人|姓名|名叫|.*[：:]")
_TITLE = re.compile(rf"(?P<office>{OFFICES})|(?P<title>{TITLES})")
_AFTER = re.compile(AFTER)
_CALLED = re.compile(
    r"(?:(?<=网格员)|(?<=社工)|(?<=邻居)|(?<=同事)|(?<=司机)|(?<=保安)|(?<=民警)|(?<=保洁)|(?<=员工)|(?<=护工)|(?<=楼长))[老小]([\u4e00-\u9fff])"
)
_NOT_LAST = frozenset("的是在家和与说把被有因于也都去到从等已不没要同跟")
_JOINING = "和与跟同及于向从由对给让被把找请叫是的有在为到"


def _wordlike(name: str) -> bool:
    return name[:2] in WORDS or bool(_NOT_ENDS.fullmatch(name[-2:]))


_NOT_ENDS = re.compile(
    "小区|社区|街道|公司|医院|学校|中心|广场|花园|部门|领导|家园|大厦|市场|车站|路口|东路|西路|南路|北路|大街|村委"
)


def _surname_size(text: str, at: int) -> int:
    if text[at : at + 2] in COMPOUND_SURNAMES and text[at : at + 2] != "第五":  # “the fifth …”, nearly always
        return 2
    return 1 if text[at : at + 1] in SURNAMES else 0


def _named(text: str, at: int) -> tuple[int, bool]:
    """Length of a name that begins at `at` (0: none), and whether what follows it shows that it ends there."""
    family = _surname_size(text, at)
    names = [text[at : at + family + given] for given in (2, 1)] if family else []
    names = [n for n in names if len(n) > family and _HAN.fullmatch(n) and not _wordlike(n)]
    if text[at : at + 1] in _JOINING:
        names = [n for n in names if len(n) > 2 and _given(n, family)]
    for name in names:
        if _AFTER.match(text, at + len(name)) and (
            _given(name, family) or (len(name) > 2 and name[-1] not in _NOT_LAST)
        ):
            return len(name), True
    likely = next((n for n in names if _given(n, family)), "")
    return len(likely), False


def _given(name: str, family: int) -> bool:
    return all(c in GIVEN for c in name[family:])


def _before_title(text: str, end: int) -> int:
    """Where the name before a form of address begins; -1 when there is none."""
    for size in (4, 3, 2, 1):
        at = end - size
        if at < 0 or not _HAN.fullmatch(text[at:end]):
            continue
        family = _surname_size(text, at)
        if not family or size - family > 2 or (size > 1 and _wordlike(text[at:end])):
            continue
        if size > family and (text[at] in _JOINING or not _given(text[at:end], family)):
            continue
        return at
    return -1


def _names(text: str) -> Iterator[Found]:
    for m in _ROLE.finditer(text):
        size, ends = _named(text, m.end())
        if size:
            plain = text[m.end()] in CLEAR or size > 2 or bool(_SAID.match(m[0]))
            yield Found("name", m.end(), m.end() + size, ends and plain)
    for m in _TITLE.finditer(text):
        at = _before_title(text, m.start())
        if at < 0:
            continue
        alone = m.start() - at <= (2 if text[at : at + 2] in COMPOUND_SURNAMES else 1)
        if alone and at and text[at - 1 : at + 1] in WORDS:
            continue
        end = m.end() if alone else m.start()
        yield Found("name", at, end, not alone and m.lastgroup == "title")
    for m in _CALLED.finditer(text):
        if m[1] in SURNAMES and not _wordlike(text[m.start(1) : m.start(1) + 2]):
            yield Found("name", *m.span(), False)
    for run in _HAN.finditer(text):
        yield from _standing_alone(text, run.start(), run.end())


def _standing_alone(text: str, start: int, end: int) -> Iterator[Found]:
    at = start
    while at < end - 1:
        if text[at] in CLEAR or text[at : at + 2] in COMPOUND_SURNAMES:
            size, ends = _named(text, at)
            family = _surname_size(text, at)
            if ends and size > family and _given(text[at : at + size], family):
                starts = at == start or text[at - 1] in _JOINING or text[at - 1] in "我号"
                if starts and (size - family == 2 or at == start):
                    yield Found("name", at, at + size, False)
                    at += size
                    continue
        at += 1


def find(text: str) -> list[Found]:
    """Personal data in a text, ascending, not overlapping; where two overlap the sure one stays, then the longer.

    O(length). Positions are those of the text as given.
    """
    read = folded(text)
    return _apart([*_numbers(text, read), *_doors(read), *_names(text)])


def _apart(found: Iterable[Found]) -> list[Found]:
    kept: list[Found] = []
    for f in sorted(found, key=lambda f: (not f.sure, f.start - f.end)):
        if all(f.end <= k.start or k.end <= f.start for k in kept):
            kept.append(f)
    return sorted(kept, key=lambda f: f.start)


def masked(text: str, found: Iterable[Found]) -> str:
    """The text with what was found starred out: of a name the form of address or office stays (“＊女士”), of a plate the
    place it is from; the rest is one star a character."""
    for f in sorted(found, key=lambda f: f.start, reverse=True):
        piece = text[f.start : f.end]
        keep = _TITLE.search(piece) if f.kind == "name" else None
        shown = STAR * keep.start() + piece[keep.start() :] if keep else STAR * len(piece)
        text = text[: f.start] + (piece[:2] + STAR * (len(piece) - 2) if f.kind == "plate" else shown) + text[f.end :]
    return text


def marked(text: str, found: Iterable[Found]) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it was found: for a page that marks them. `found` as `find` gives it."""
    pieces, last = [], 0
    for f in found:
        pieces += [(text[last : f.start], False), (text[f.start : f.end], True)]
        last = f.end
    return [piece for piece in [*pieces, (text[last:], False)] if piece[0]]
