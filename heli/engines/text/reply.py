"""Does a reply answer this message, and is it complete: hints for whoever writes it, never a verdict.

**Relevance** is a ratio of likelihoods over character n-grams. A piece of the reply that stands in the message too speaks
for it the more, the rarer such a piece is in replies; a piece that replies seldom have and the message has not speaks
against it a little; what every reply says ("您的留言已收悉") says nothing. So a long reply about something else is low and
an empty formula is undecided. Places and numbers named in one and not in the other count apart.

Nothing learned is shipped: `State()` knows only the formulas below and fixed weights. `learn` makes a state from a county's
own answered requests (how often each piece occurs there, and the weights, by logistic regression against replies to other
messages). Measured on 2,816 public messages, without the asker's name and the title said again: AUC 0.959 / 0.901
(any / most alike other message) as shipped, 0.978 / 0.926 learned (five folds), 0.50 / 0.46 by length (bench/_text_reply.py).

**Completeness** is a check-list of words and forms of Chinese official replies, simple on purpose, so that anybody can see
why a hint appears. By our own reading of such replies.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from heli.engines.text.normal import normal

CHECKS = ("done", "rule", "when", "whom", "next")
ENOUGH = 8  # characters from which a text is looked at
LOW = 0.1  # relevance below which a reply seems to speak of other things
LEAST = 200  # answered requests from which weights are learned
MOST = 3000  # answered requests that are learned from

# The check-list ----------------------------------------------------------------------------------------------------------
_DONE = re.compile(
    r"已(?:经|于|在|到|将|把|按|对|请|向|联系|安排|完成|修|换|清|拆|整|加|补|派|查|核|处理|解决|恢复|转|发|办|退|拉|装|停|改)"
    r"|[修换清拆整装补盖铺疏拉围]好|完毕|完成|修复|更换|清理|清运|拆除|整改|恢复|到(?:了)?现场|查看|核查|核实|走访|"
    r"[修换清拆整装补盖铺疏拉关停查做]了|[亮通热]了|办结|解决了|无法|不能|不属于|暂不|计划|安排|将(?:于|在)|依据|根据|按照"
)
_WHEN = re.compile(
    r"\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号]|底|中旬|上旬|下旬|内)?|\d{1,2}\s*[日号]|\d{1,2}[:：]\d{2}|今天|昨天|明天|前天|后天|"
    r"当天|当日|次日|本周|下周|上周|这周|周[一二三四五六日天]|\d+\s*个?(?:工作日|天|小时)[内后前]?|年底|月底|春节|入汛|供暖"
)
_WHOM = re.compile(
    r"12345|\d[\d\s-]{5,}\d|电话|热线|拨打|致电|来电|联系人|联系(?:我|社区|物业|网格|\w{0,8}(?:科|局|办|中心|所|站))|找\w{1,8}|"
    r"微信|回复(?:我们|本页)|本页|窗口"
)
_RULE = re.compile(
    r"《[^》]{2,60}》|第[\d一二三四五六七八九十百]+条|\w{0,12}(?:条例|办法|规划|合同|细则|国标|批复|通知|章程|公约)|"
    r"(?:根据|按照|依照|依据|按)[^，。；,;]{2,40}(?:规定|要求|政策|方案|标准|计划|意见|文件|协议)"
)
_NEXT = re.compile(
    r"下一步|接下来|随后|后续|届时|预计|计划|将(?:于|在|按|对|会|继续|尽|加|联|组|督|由|安|及|把|进|要)|我们会|会在|之后再|正在(?:报|走|等|招|办|审)|"
    r"请(?:您)?(?:先|再|到|去|带|携|拨|联系|前往|直接|咨询|向|保留|等)|可以?(?:到|向|拨|申请|先|带)"
)
_FINISHED = re.compile(
    r"[修换清拆整装补盖铺疏拉围弄办]好|完毕|已(?:经)?(?:全部)?(?:完成|修复|更换|清理|清运|拆除|整改|恢复|解决|办结|处理完|关停|发放|到账|退还)|"
    r"(?:修|换|清|拆|改|办|发|退|补)(?:完|掉|上)?了|办结|解决了|恢复(?:正常|供|通|了)"
)
_REFUSES = re.compile(
    r"无法|不能|不予|不属于|不符合|不在\S{0,12}范围|暂不|暂无|不具备|未列入|没有列入|不支持|不可以|不宜|不同意|没有(?:依据|计划|条件)|"
    r"不(?:存在|构成|违反|涉及)|属(?:于)?(?:正常|合法|历史)"
)
_CHECKS = {"done": _DONE, "rule": _RULE, "when": _WHEN, "whom": _WHOM, "next": _NEXT}

_GREETS = re.compile(
    r"(?:网友|网民|市民|居民|群众|您|你)?.{0,24}?(?:您好|你好|您的|来信|留言|帖|反映|所提|提出|咨询).{0,30}?(?:收悉|收到|已阅|知悉)|"
    r"(?:感谢|谢谢).{0,40}|(?:网友|尊敬的).{0,24}[:：]|[您你]好|敬请.{0,20}|请.{0,8}(?:耐心|等待|关注).{0,12}|欢迎.{0,30}|"
    r"(?:现将?.{0,12})?(?:回复|答复)如下|特此.{0,6}|\d{4}年\d{1,2}月\d{1,2}[日号]"
)
_PASSED = re.compile(
    r"(?:转(?:交|办|送|给|至|到|达|由|有关|相关|请|[^，。；]{2,16}(?:局|委|办|镇|乡|街道|部门|单位|中心|公司|政府|区|县))|交办|交由|批转|移交|报送|上报|"
    r"转[^，。；]{2,20}(?:调查|核处|处理|办理|核查|核实)|反馈(?:给|至)|责成|要求[^，。；]{2,16}(?:处理|办理|核实))[^，,。；;!！?？]*"
)
_LATER = re.compile(
    r"[^。；;!！?？]*(?:及时|尽快|第一时间|处理情况|有关情况|办理结果|进度|进展|结果)[^。；;!！?？]*(?:反馈|回复|告知|答复|公布)[^。；;!！?？]*"
)
_WORDS = re.compile(r"[\u4e00-\u9fff]")


def only_passed_on(reply: str) -> bool:
    """Whether a reply says no more than that somebody else has the matter: nobody has done or found anything yet."""
    text = normal(reply)
    left, passed = _PASSED.subn("", _GREETS.sub("", text))
    return bool(passed) and len(_WORDS.findall(_LATER.sub("", left))) < 20


# Relevance ---------------------------------------------------------------------------------------------------------------
# What official replies say whatever was asked; written by us. A piece of it says nothing of the message.
_FORMULAS = normal(
    "尊敬的网友市民居民您好。您好，您的留言、来信、来电、诉求、帖文、意见已收悉，现将有关情况回复答复如下。您反映的问题我们高度重视，"
    "感谢您对我们工作的关心、支持、理解与监督，感谢您的来信和宝贵意见建议。已转交转办相关部门、有关单位、职能部门、责任单位调查核实处理，处理结果将及时反馈给您。"
    "收到您的反映后，我局、我办、我区、我县、我镇、我街道、我单位立即安排工作人员到现场进行了调查了解核查。经调查核实，经核实，经了解，经查，情况如下，情况属实。"
    "针对您反映提出的问题、建议，关于您咨询所反映的情况，根据《规定》《条例》《办法》等文件有关要求，按照相关政策规定，依据法律法规。"
    "下一步，我们将进一步加强管理、加大力度、督促整改、认真研究、积极协调、继续跟进，切实做好工作，为群众居民提供更好的服务。"
    "如有疑问，请拨打咨询电话联系，欢迎您继续监督，祝您生活愉快、工作顺利、身体健康。目前，已经完成，正在进行，按计划实施，争取尽快解决。"
    "由于以上原因，给您带来不便，敬请谅解，请您耐心等待。一、二、三、第一、第二、首先、其次、同时、此外、因此、特此回复。年月日。市政府区政府县政府人民政府委员会局"
)
_RUN = re.compile(r"[\u4e00-\u9fffa-z0-9]+")
_TOKEN = re.compile(r"[a-z]*\d+[a-z0-9]*|[a-z]{2,}")
_PLACE = re.compile(
    r"[a-z]\d{0,3}(?=[市县区镇])|[\u4e00-\u9fff]{2}(?=街道|社区|小区|花园|家园|中学|小学|医院|[市县区镇乡村路街桥])"
)
_SIZES = (2, 3)
_SHARE = 0.05  # how likely a reply repeats a given piece of what it answers, beyond chance
_COMMON = 0.1  # a piece that this share of replies has says nothing by its absence
FEATURES = ("triples", "shared", "title", "said", "places", "other_places", "no_place", "other_numbers")
# Fixed and round. The best of ten settings tried by hand, not fitted: with these, 0.5 is about as likely as not.
WEIGHTS = (0.3, 0.5, 1.0, 5.0, -1.5, 0.5, -0.3, -1.0, -0.2)


@dataclass(frozen=True, slots=True)
class State:
    """What is known beforehand. `n`: how many answered requests were read (0: none); `replies`: in how many of their replies
    a piece stands (of those in two or more); `weights`: the constant, then one for each of FEATURES. All of it fits JSON."""

    n: int = 0
    replies: dict[str, int] = field(default_factory=dict)
    weights: tuple[float, ...] = WEIGHTS

    def share(self, piece: str) -> float:
        """The share of replies that have a piece."""
        if self.n:
            return (self.replies.get(piece, 0) + 0.5) / (self.n + 1)
        return 0.15 if piece in _FORMULAS else 0.004


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in a reply. `relevance`: 0 to 1, 0.5 = as likely a reply to another message; None: too little text.
    `answers`: pieces of the message that the reply takes up; `missing`: of CHECKS; `found`: [start, end) of each;
    `passed_on`: it says only that others have the matter."""

    relevance: float | None
    answers: tuple[str, ...]
    missing: tuple[str, ...]
    found: dict[str, tuple[tuple[int, int], ...]]
    passed_on: bool


def pieces(text: str, size: int) -> set[str]:
    """The n-grams of a text (as `normal` gives it) that lie within runs of Han characters, letters and digits."""
    return {run[i : i + size] for run in _RUN.findall(text) for i in range(len(run) - size + 1)}


@lru_cache(maxsize=8)
def _read(text: str) -> tuple[tuple[set[str], ...], set[str], set[str]]:
    text = normal(text)
    return tuple(pieces(text, k) for k in _SIZES), set(_PLACE.findall(text)), set(_TOKEN.findall(text))


def features(title: str, body: str, reply: str, state: State) -> list[float]:
    """FEATURES of a pair."""
    grams, places, tokens = _read(f"{title}\n{body}")
    said, said_places, said_tokens = _read(reply)
    hit, content, _ = _told(grams[0], said[0], state)
    triples = _told(grams[1], said[1], state)[2]
    named = _read(title)[0][0]
    title_said = sum(1 - min(1.0, state.share(g) / _COMMON) for g in named & said[0]) / (len(named) + 1)
    both = len(places & said_places)
    return [
        triples,
        math.log1p(hit),
        title_said,
        math.log1p(content),
        math.log1p(both),
        math.log1p(len(said_places) - both),
        float(bool(places and said_places and not both)),
        math.log1p(len(said_tokens - tokens)),
    ]


def _told(message: set[str], reply: set[str], state: State) -> tuple[float, float, float]:
    """What the pieces of a reply say: for, against, and both in one number that does not grow with its length."""
    hit = miss = 0.0
    for piece in reply:
        p = state.share(piece)
        if piece in message:
            hit += math.log((_SHARE + (1 - _SHARE) * p) / p)
        elif p < _COMMON:
            miss -= math.log(1 - _SHARE * (1 - p / _COMMON))
    return hit, miss, (hit - miss) / math.sqrt(3 + miss / _SHARE)


def relevance(title: str, body: str, reply: str, state: State | None = None) -> float:
    """How likely this reply is to this message rather than to another one, 0 to 1. About 1 ms for a usual pair."""
    state = state or STATE
    x = features(title, body, reply, state)
    z = state.weights[0] + sum(w * v for w, v in zip(state.weights[1:], x, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


STATE = State()


def learn(answered: Sequence[tuple[str, str, str]], *, seed: int = 0) -> State:
    """A state from a county's own answered requests (title, body, reply), newest first; at most 3,000 are read.

    Each message stands beside the reply it got, and beside replies to another message: one at random, one to the message
    most like it. The same pairs and seed give the same state.

    Raises:
        ValueError: fewer than 200 pairs.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    answered = answered[:MOST]
    n = len(answered)
    if n < LEAST:
        raise ValueError(f"{n} answered requests; {LEAST} are needed")
    counted = State(n, _counts(r for _, _, r in answered))
    messages = (normal(f"{t}\n{b}") for t, b, _ in answered)
    space = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit_transform(messages)
    alike = (space @ space.T).toarray()
    np.fill_diagonal(alike, -1)
    alike[alike > 0.5] = -1  # the same matter: its reply answers both
    near = alike.argmax(axis=1)
    rng = random.Random(seed)  # noqa: S311  # which reply stands beside which, no secret
    x, y = [], []
    for i, (title, body, _) in enumerate(answered):
        for j in (i, int(near[i]), (i + rng.randrange(1, n)) % n):
            x.append(features(title, body, answered[j][2], counted))
            y.append(int(i == j))
    scale = StandardScaler().fit(np.array(x))
    fitted = LogisticRegression(C=0.3, max_iter=500, class_weight="balanced").fit(scale.transform(x), y)
    w = fitted.coef_[0] / scale.scale_
    constant = float(fitted.intercept_[0] - w @ scale.mean_)
    return State(n, counted.replies, (constant, *map(float, w)))


def _counts(texts: Iterable[str]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for text in texts:
        for grams in _read(text)[0]:
            found.update(grams)
    return {piece: n for piece, n in found.items() if n > 1}


# The look ----------------------------------------------------------------------------------------------------------------
def look(message_title: str, message_body: str, reply: str, *, state: State | None = None, whole: bool = False) -> Look:
    """What stands in a reply and what does not; nothing is missing in a text that has hardly begun, unless it is the `whole`."""
    found = {code: tuple(m.span() for m in pattern.finditer(reply)) for code, pattern in _CHECKS.items()}
    if len(reply.strip()) < ENOUGH and not whole:
        return Look(None, (), (), found, False)
    asked = set(CHECKS)
    refuses = _REFUSES.search(reply)
    if not refuses:
        asked.discard("rule")
    if not found["done"] or refuses or _FINISHED.search(reply):
        asked.discard("next")
    state = state or STATE
    message, said = _read(f"{message_title}\n{message_body}")[0][0], _read(reply)[0][0]
    telling = sum(state.share(piece) < _COMMON for piece in said)
    enough = telling >= ENOUGH and len(message) >= 4
    return Look(
        relevance(message_title, message_body, reply, state) if enough else None,
        _shared(normal(f"{message_title}\n{message_body}"), normal(reply), state),
        tuple(code for code in CHECKS if code in asked and not found[code]),
        found,
        only_passed_on(reply),
    )


def _shared(message: str, reply: str, state: State, most: int = 5) -> tuple[str, ...]:
    """The longest stretches both have, by what they tell."""
    there = pieces(message, 2)
    runs: dict[str, float] = {}
    for run in _RUN.findall(reply):
        at = 0
        while at < len(run) - 1:
            end = at
            while run[end : end + 2] in there and len(run[end : end + 2]) == 2:
                end += 1
            if end > at:
                piece = run[at : end + 1]
                runs[piece] = sum(-math.log(state.share(piece[i : i + 2])) - 2 for i in range(len(piece) - 1))
            at = max(end, at + 1)
    return tuple(p for p in sorted(runs, key=lambda p: -runs[p]) if runs[p] > 0)[:most]
