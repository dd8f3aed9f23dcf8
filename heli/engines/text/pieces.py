"""A message taken apart for comparison: pairs of neighbours weighed by how rare they are, named places, matters, numbers.

Method: character n-grams with inverse document frequencies (Salton & Buckley 1988), which for Chinese do as well as
words found by a dictionary (Kwok, SIGIR 1997). Pure and quick: no model, no dictionary of places.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from heli.engines.text.matters import matters
from heli.engines.text.normal import normal

DATA = Path(__file__).parent / "data" / "common.txt"
TELLING = 80  # pairs of signs by which a message is found, the weightiest
CORES = 12  # names that are compared, the weightiest
READ = 1500  # characters of a body that are compared: what is told later is rarely what it is about
_RUN = re.compile(r"[a-z0-9\u3400-\u9fff]+")
_TOKEN = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")
_DIGITS = str.maketrans("〇零一二三四五六七八九两", "001234567892")
_NUMERAL = re.compile(r"[〇零一二三四五六七八九两](?=期|栋|号|单元|组|路公|楼|街区|中|小学|医院)")
_WELCOME = re.compile(
    r"尊敬的[^,。:!]{0,12}[:,!。]|(?:各位)?领导[^,。:!]{0,6}[:,!。]|您?好[:,!。]|此致|敬礼|谢谢[!。]*"
)


def plain(text: str) -> str:
    """`normal`, with Chinese numerals before 期 栋 号… as digits and greetings left out."""
    return _WELCOME.sub(" ", _NUMERAL.sub(lambda m: m[0].translate(_DIGITS), normal(text)))


def signs(text: str) -> list[str]:
    """The signs of a plain text: each Chinese character, each run of letters and digits; marks and blanks are none."""
    return _TOKEN.findall(text)


def runs(text: str) -> list[list[str]]:
    """The signs of a plain text between marks."""
    return [_TOKEN.findall(run) for run in _RUN.findall(text)]


def grams(text: str) -> list[str]:
    """Pairs of neighbours in a plain text; none goes over a mark."""
    return [a + b for row in runs(text) for a, b in itertools.pairwise(row)]


class Common:
    """How many messages hold each pair: what came with us (our own texts) and what was learned since.

    `rarity` is ln((n+1)/(df+1)) ≥ 0.1 with df raised by what its two signs alone would make likely, so that an unseen
    pair of everyday signs is not taken for a name. State is plain: {pair: count} and a number.
    """

    def __init__(self, counts: Mapping[str, float] | None = None, texts: float = 0) -> None:
        self.counts: dict[str, float] = dict(counts or {})
        self.texts = texts

    def learn(self, found: Iterable[Iterable[str]]) -> None:
        for pairs in found:
            self.texts += 1
            for pair in set(pairs):
                self.counts[pair] = self.counts.get(pair, 0) + 1

    def rarity(self, pair: str) -> float:
        return self.rarities((pair,))[pair]

    def rarities(self, pairs: Iterable[str]) -> dict[str, float]:
        base, texts = _shipped()
        own, n = self.counts, texts + self.texts + 1
        return {p: max(0.1, math.log(n / (base.get(p, 0) + own.get(p, 0) + 1))) for p in pairs}


@lru_cache(maxsize=1)
def _shipped() -> tuple[dict[str, float], float]:
    """{pair: messages that hold it}, number of messages: counted in our own texts (tools: data/README)."""
    if not DATA.exists():
        return {}, 0
    counts: dict[str, float] = {}
    texts = 0.0
    for line in DATA.read_text(encoding="utf-8").splitlines():
        count, pairs = line.split(" ", 1)
        if count == "texts":
            texts = float(pairs)
        else:
            for pair in pairs.split():
                counts[pair] = float(count)
    return counts, texts


# Names -----------------------------------------------------------------------------------------------------------------
_KINDS = {
    "home": "小区 社区 花园 家园 公寓 新城 苑 园 城 (?<!政)府 湾 郡 庭 墅 居 邸 广场 大厦 楼盘 山庄 名都 华庭 宿舍 新村 公馆 中心",
    "way": "大道 路 街 巷 桥 高速 隧道 立交 环线 胡同 国道 省道 匝道",
    "school": "小学 中学 幼儿园 学校 学院 大学 职校 技校 校区 一中 二中",
    "firm": "公司 集团 厂 超市 酒店 宾馆 商场 物业 置业 地产 银行 车贷 米业 早教 科技 网络 市场 物流园 影楼 健身房",
    "health": "医院 卫生院 诊所 卫生室",
    "village": "村 组 屯 镇 乡 街道 湾村",
    "open": "公园 湖 河 山 水库 车站 站 景区 渠 江 湿地 体育馆 图书馆",
}  # fmt: skip
_KIND_OF = {word.split(")")[-1]: kind for kind, words in _KINDS.items() for word in words.split()}
_SUFFIX = re.compile(
    "(?:"
    + "|".join(
        sorted((w for words in _KINDS.values() for w in words.split()), key=lambda w: (-len(w.split(")")[-1]), w))
    )
    + ")(?![\u3400-\u9fff]?(?:委|长|民|政|口|段|边|面|道路))"
)
_BEFORE = re.compile(r"[a-z0-9\u3400-\u9fff]+$")
_BREAK = re.compile(
    "的|了|是|在|和|与|及|或|于|至|到|对|向|从|由|把|被|将|请|我|你|您|他|们|这|那|有|没|住|就|也|都|又|再|还|不|等|给|让|并|而|但|因|该"
    "|投诉|举报|反映|咨询|建议|希望|关于|要求|请问|附近|旁边|对面|门口|前面|后面|购买|购房|入住|业主|整个|所有|本人|本小区|我们|开发商|一个|多个|各个|某"
    "|省|市(?!场|政|民)|县|镇|街道|(?<![小社校园景库片])区|乡|派出所|新建|修建|扩建|建设|领导|位于|坐落|座落|家住|地处|其他|其它|周边|居民|安置|配套|商业|现在|全部"
)


def names(text: str) -> Counter[tuple[str, str]]:
    """Named places and bodies in a plain text: {(kind, core without its suffix): times}; cores are 2 to 8 signs.

    By suffix alone, so a name without one ("林语") is missed and one may begin a sign late; compare with `alike`.
    """
    found: Counter[tuple[str, str]] = Counter()
    end = 0
    for match in _SUFFIX.finditer(text):
        before = _BEFORE.search(text, max(end, match.start() - 10), match.start())
        core = _BREAK.split(before[0])[-1] if before else ""
        if len(core) >= 2:
            end = match.end()
            if not core.isdecimal():
                found[_KIND_OF[match[0]], core[-8:]] += 1
    return found


def alike(a: str, b: str) -> bool:
    """Whether two cores may be one name: one holds the other, or they share more than half of the shorter's pairs."""
    if a in b or b in a:
        return True
    x, y = _twos(a), _twos(b)
    return not x.isdisjoint(y) and len(x & y) * 2 > min(len(x), len(y))


@lru_cache(maxsize=1 << 16)
def _twos(core: str) -> frozenset[str]:
    return frozenset(core[i : i + 2] for i in range(len(core) - 1))


# A message read ---------------------------------------------------------------------------------------------------------
Weights = dict[str, float]


def _one(found: Weights) -> Weights:
    length = math.hypot(*found.values())
    return {k: x / length for k, x in found.items()} if length else {}


def dot(a: Weights, b: Weights) -> float:
    if len(a) > len(b):
        a, b = b, a
    return sum(x * b[k] for k, x in a.items() if k in b)


@dataclass(frozen=True, slots=True)
class Pieces:
    """What is compared of a message. Vectors have length 1; `telling`: the weightiest of both;
    `cores`: names with their weight; `named`: those of the title."""

    text: str
    title: Weights
    body: Weights
    both: Weights
    telling: Weights
    cores: Weights
    named: tuple[str, ...]
    matter: Weights


@dataclass(frozen=True, slots=True)
class Read:
    """Plain title and body, with the pairs of each. A message without a title begins with one; without a body it is its title."""

    title: str
    body: str
    first: list[str]
    second: list[str]

    @classmethod
    def of(cls, title: str, body: str) -> Read:
        head, rest = plain(title), plain(body)[:READ]
        if not signs(head):
            head = rest[:30]
        if not signs(rest):
            rest = head
        return cls(head, rest, grams(head), grams(rest))

    @property
    def grams(self) -> list[str]:
        return self.first + self.second


def pieces(read: Read, common: Common) -> Pieces:
    """A message taken apart. O(length): about a millisecond for 300 characters."""
    in_title, in_body = Counter(read.first), Counter(read.second)
    rare = common.rarities(in_title.keys() | in_body.keys())

    def unit(counts: Mapping[str, int]) -> Weights:
        return _one({g: rare[g] if n == 1 else (1 + math.log(n)) * rare[g] for g, n in counts.items()})

    cores: Weights = {}
    named = []
    for (kind, core), _ in names(read.title).items():
        cores[core] = cores.get(core, 0) + 3
        if kind != "open" and _rarity(core, common) > 4:
            named.append(core)
    for (_, core), n in names(read.body).items():
        cores[core] = cores.get(core, 0) + min(n, 3)
    cores = {c: w * r for c, w in cores.items() if (r := _rarity(c, common) - 3) > 0}
    both = unit({g: 3 * in_title.get(g, 0) + in_body.get(g, 0) for g in rare})
    about, more = matters(read.title), matters(read.body)
    return Pieces(
        text=f"{read.title} {read.body}",
        title=unit(in_title),
        body=unit(in_body),
        both=both,
        telling=heaviest(both, TELLING),
        cores=heaviest(cores, CORES),
        named=tuple(named),
        matter=_one({m: 3.0 * about[m] + min(3, more[m]) for m in about | more}),
    )


def heaviest(found: Weights, most: int) -> Weights:
    """The entries of most weight; among equals, those first in the alphabet."""
    if len(found) <= most:
        return found
    return dict(sorted(found.items(), key=lambda e: (-e[1], e[0]))[:most])


def _rarity(core: str, common: Common) -> float:
    found = common.rarities(grams(core)).values()
    return sum(found) / len(found) if found else 0.0
