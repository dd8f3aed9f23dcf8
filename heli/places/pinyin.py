"""Pinyin initials of place names.

Place names break the rules of a general dictionary (芝罘 zf, 长 is c, 单县 sx, 十里堡 slp): the tables below say what
we decided. They are about initials only, so 会理 and 会计 need no row, and 会稽 does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

# One reading for a character in place names, unless a phrase below says otherwise.
CHARS = {
    "长": "c", "朝": "c", "乐": "l", "巷": "x", "冯": "f", "贾": "j", "翟": "z", "曾": "z", "单": "s", "仇": "q",
    "咀": "z", "尾": "w", "台": "t", "圣": "s", "泊": "p", "车": "c", "柏": "b", "卜": "b", "召": "z", "沈": "s",
    "任": "r", "盛": "s", "葛": "g", "区": "q", "佛": "f", "石": "s", "红": "h", "隗": "w", "缪": "m", "员": "y",
}  # fmt: skip
# The letter of one character inside a phrase: (phrase, place of the character, letter). Later rows win.
PHRASES = (
    ("长子", 0, "z"), ("院长", 1, "z"), ("首长", 1, "z"), ("成长", 1, "z"), ("家长", 1, "z"),
    ("朝霞", 0, "z"), ("朝晖", 0, "z"), ("朝露", 0, "z"), ("今朝", 1, "z"),
    ("音乐", 1, "y"), ("乐清", 0, "y"), ("乐器", 0, "y"),
    ("单位", 0, "d"), ("单元", 0, "d"), ("简单", 1, "d"),
    ("重庆", 0, "c"), ("重阳", 0, "c"), ("重兴", 0, "c"), ("重华", 0, "c"), ("重型", 0, "z"), ("重工", 0, "z"),
    ("厦门", 0, "x"), ("番禺", 0, "p"), ("六安", 0, "l"), ("六合", 0, "l"), ("涡阳", 0, "g"), ("铅山", 0, "y"),
    ("尉犁", 0, "y"), ("枞阳", 0, "z"), ("浚县", 0, "x"), ("荥阳", 0, "x"), ("荥经", 0, "y"), ("泌阳", 0, "b"),
    ("洪洞", 1, "t"), ("什邡", 0, "s"), ("歙县", 0, "s"), ("繁峙", 1, "s"), ("莘县", 0, "s"), ("莘庄", 0, "x"),
    ("莘城", 0, "s"), ("莘亭", 0, "s"), ("莘州", 0, "s"), ("会稽", 0, "k"), ("祭城", 0, "z"), ("渑池", 0, "m"),
    ("筠连", 0, "j"), ("盱眙", 0, "x"), ("泊头", 0, "b"), ("盖州", 0, "g"), ("太行", 1, "h"), ("行唐", 0, "x"),
    ("银行", 1, "h"), ("西藏", 1, "z"), ("藏族", 0, "z"), ("藏马", 0, "z"), ("藏青", 0, "z"), ("宿州", 0, "s"),
    ("宿迁", 0, "s"), ("柞水", 0, "z"), ("牟平", 0, "m"), ("芝罘", 1, "f"), ("石家庄", 0, "s"), ("大厦", 1, "s"),
    ("解甲", 0, "j"), ("解放", 0, "j"), ("解家", 0, "x"), ("解庄", 0, "x"), ("解村", 0, "x"), ("解楼", 0, "x"),
    ("解集", 0, "x"), ("解营", 0, "x"), ("解店", 0, "x"), ("解屯", 0, "x"), ("解州", 0, "x"), ("解老", 0, "x"),
)  # fmt: skip
# Readings that hold in some provinces only (first two digits of the code).
REGIONAL = {
    "37": (("东阿县", 1, "e"), ("东阿镇", 1, "e")),
    "44": (("涌", 0, "c"), ("圩", 0, "x"), ("大埔", 1, "b"), ("陂", 0, "b")),
    "45": (("圩", 0, "x"), ("弄", 0, "l")),
    "35": (("圩", 0, "x"), ("陂", 0, "b")),
    "36": (("圩", 0, "x"), ("陂", 0, "b")),
    "42": (("黄陂", 1, "p"),),
    "46": (("圩", 0, "x"),),
}
MILES = re.compile("[一二三四五六七八九十廿百]里堡")  # 十里堡 is read pù: a relay post


def initials(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Pinyin initials of (path, name): letters and digits only, one for each character that has any."""
    from pypinyin import Style, lazy_pinyin

    for path, name in names:
        letters = lazy_pinyin(name, style=Style.FIRST_LETTER, errors=list)  # type: ignore[arg-type]
        if len(letters) != len(name):
            raise ValueError(f"{name}: {letters}")
        for i, char in enumerate(name):
            letters[i] = CHARS.get(char, letters[i])
        for phrase, where, letter in (*PHRASES, *REGIONAL.get(path[:2], ())):
            at = name.find(phrase)
            while at >= 0:
                letters[at + where] = letter
                at = name.find(phrase, at + 1)
        for found in MILES.finditer(name):
            letters[found.end() - 1] = "p"
        plain = unicodedata.normalize("NFKC", "".join(letters)).lower()
        yield "".join(c for c in plain if c.isascii() and c.isalnum())


def initials_of(path: str, name: str) -> str:
    """The initials of one name; `path` tells the province, whose own readings count (大埔 in Guangdong is db)."""
    return next(initials([(path, name)]))
