"""Names of places in free Chinese text (estates, roads, schools, markets…), and which community each of them lies in.

A name is known by how it ends (…花园, …路, …小学) and cut at its beginning where a verb, a preposition or a pronoun
stands. That is a guess: `learned` mends it with what many people wrote. No list of places, no weights.

A door is never part of a name: 阳光花园12号楼3单元 is 阳光花园.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from heli.engines.grams import folded
from heli.engines.text.private import find as find_personal

Kind = Literal["estate", "road", "school", "market", "hospital", "park", "station", "other"]
READ = 600  # characters; a place is named near the beginning
LONGEST = 12  # characters of a name
NEAREST = 4  # communities offered for a name that lies in several
MOST_PEOPLE = 200  # told apart for one name in one community; more change no share worth knowing


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENDS: Mapping[Kind, tuple[str, ...]] = {
    "estate": (
        "小区", "花园", "花苑", "家苑", "嘉苑", "家园", "佳园", "嘉园", "公寓", "新村", "新苑", "新城", "名苑", "名都", "华庭",
        "雅居", "雅苑", "公馆", "庄园", "山庄", "别墅", "家属院", "宿舍楼", "苑", "园",
    ),
    "road": ("大街", "大道", "胡同", "路", "街", "巷"),
    "school": ("小学", "中学", "大学", "学院", "学校", "幼儿园"),
    "market": (
        "市场", "超市", "商场", "商城", "商厦", "购物中心", "百货", "早市", "夜市", "大集", "广场", "大厦", "写字楼",
    ),
    "hospital": ("医院", "卫生院", "诊所", "养老院", "敬老院", "福利院", "法院"),
    "park": ("公园", "植物园", "动物园", "游乐园", "景区"),
    "station": ("火车站", "汽车站", "客运站", "高铁站", "地铁站", "公交站", "车站", "加油站", "充电站", "站"),
    "other": ("大桥", "桥", "村", "厂", "大院", "体育馆", "图书馆", "博物馆", "电影院", "产业园", "工业园"),
}  # fmt: skip
KIND_OF = {end: kind for kind, ends in ENDS.items() for end in ends}
_END = re.compile("|".join(sorted(KIND_OF, key=len, reverse=True)))
# A character that makes another word of the end: 路灯, 街道, 站着, 村民, 厂家, 园区, 桥梁.
_GOES_ON = {
    "路": "灯过途线程况由费障政牌径标人道",
    "街": "道坊区",
    "巷": "子",
    "站": "在着点了起长岗出立台不",
    "村": "民委里庄镇干长霸支",
    "厂": "家房商区长",
    "园": "区林丁艺子长",
    "桥": "梁面洞",
    "大道": "理",
    "广场": "舞",
    "市场": "价监局化",
    "学校": "长",
    "医院": "长",
    "法院": "长",
}
# What is no name with this end: 马路, 网站, 幼儿园 (its own kind), 工厂…
_WORDS = _set(
    "道路 马路 公路 铁路 电路 线路 水路 走路 半路 一路 思路 套路 条路 小路 土路 大路 出路 修路 堵路 让路 "
    "迷路 问路 带路 占路 赶路 开路 铺路 断路 门路 顺路 拦路 柏油路 水泥路 石子路 主干路 断头路 回家路 网路 "
    "油路 支路 辅路 岔路 盲路 后路 前路 绕路 过路 短路 通路 学路 班路 干路 之路 快速路 叉路 坡路 付路 养路 "
    "小街 条街 逛街 上街 沿街 临街 步行街 商业街 小吃街 美食街 后街 小巷 条巷 网站 驿站 总站 泵站 公交站 车站 "
    "变电站 垃圾站 中转站 换热站 服务站 工作站 加油站 充电站 火车站 汽车站 客运站 高铁站 地铁站 收费站 供热站 "
    "检测站 回收站 公交车站 全站 到站 下站 农村 全村 本村 我村 我们村 城中村 自然村 行政村 乡村 各村 邻村 新村 "
    "个村 工厂 水厂 药厂 电厂 加工厂 化工厂 小厂 污水厂 该厂 个厂 天桥 立交桥 过街天桥 大桥 小桥 高架桥 座桥 "
    "公园 校园 花园 家园 果园 菜园 乐园 田园 庭园 学园 入园 开园 幼园 游园 退园 宫苑 学苑"
)
# What says what sort of place it is, but not which.
_SORTS = (
    "小区|社区|学校|农贸|批发|综合|大型|小型|中型|集贸|便民|水产|海鲜|蔬菜|水果|菜|建材|家具|家电|二手|旧货|"
    "劳务|人才|公立|私立|民办|民营|公办|公租房|廉租房|安置房?|回迁房?|拆迁|老旧|老|新|旧|高档|封闭|开放|"
    "商住|住宅|居民|商业|生活|连锁|商品房|经济适用房|公共|配套|普惠性?|商业性|免费|收费|大众|临时|重点|普通|"
    "市级|区级|县级|省级|三甲|专科|中医|妇幼|保健|乡镇|镇|乡|街道|城市|城区|市民|市区|郊区|乡村|农村|全市|"
    "全区|全县|休闲|娱乐|健身|口袋|街心|带状|地下|露天|单身|员工|职工|学生|教师|机关|单位|酒店|星级|电动车|"
    "电瓶车|汽车|新能源|公交|出租|快递|垃圾|主题|小学|中学|大学|初级|高级|初中|高中|职业|技工|技术|特殊教育|"
    "培训|驾驶|寄宿|双语|[一二三四五六七八九十百几两多0-9]+(?:[个条座所家处栋号期]|$)|个|条|座|所|家|处|"
    "各|每|整|全|大|小|主|次|好|某|另"
)
_SORT = re.compile(f"(?:{_SORTS})")
_SORT_OF_ROAD = re.compile(
    "[一二三四五六七八九十几两多0-9]+(?:[个条座处]|$)|[个条座各每整全大小主次好某另老旧新]"
    "|乡村|农村|城市|小区|社区|学校|街道"
)
_BETWEEN = re.compile(f"(?:第?[一二三四五六七八九十0-9]+|实验|中心|附属|{_SORTS})")
# Where a name cannot have begun before: what people write in front of one. Longer ones first.
_BEFORE = (
    "位于 坐落于 坐落在 居住在 居住于 家住在? 住在 住址 我住 住(?!建|房|宅) 处在 就在 是在 在于 来到 去到 "
    "走到 开到 到达 直到 送到 通到 前往 往返于? 途[径经] 路过 经过 穿过 沿着 顺着 靠近 临近 紧邻 紧靠 毗邻 "
    "挨着 对着 面对 正对 关于 由于 对于 至于 因为 为了 针对 反映 投诉 举报 咨询 请问 求助 建议 希望 要求 "
    "恳请 请求 请 想问 询问 我们 我家 我是 咱们 咱 你们 他们 她们 它们 大家 有人 自家 本人 本 我 你 他 她 "
    "这个 那个 这条 那条 这里 那里 这座 那座 这 那 哪个 哪 一个 一条 一家 一座 一所 一处 几个 多个 两个 "
    "整个 整条 某个 某 该 此 附近 旁边 旁 对面 对过 隔壁 周边 周围 前面 后面 前边 后边 东边 西边 南边 北边 "
    "东侧 西侧 南侧 北侧 东面 西面 南面 北面 里面 外面 门前 门口 以东 以西 以南 以北 往东 往西 往南 往北 "
    "楼下 路口 路段 拐角 交叉口 交汇处? 十字路口 南头 北头 东头 西头 而且 解决 加快 当做 设计 进出 进入 破坏 "
    "开设 增设 增加 设置 为何 为什么 什么 忽视 方便 建设 修建 新建 开发 经营 管理 规划 购买 买了?的? 租住 "
    "入住 搬到 搬进 搬入 发现 看到 听到 听说 知道 觉得 认为 导致 造成 影响 属于 隶属于? 归 叫做? 名叫 名为 "
    "称为 已经 现在 目前 最近 近期 昨天 今天 昨晚 今早 每天 晚上 早上 上午 下午 中午 凌晨 夜里 半夜 常年 "
    "长期 经常 一直 仍然 还是 还有 还 都 上学 上班 看病 就诊 住院 就读于? 买菜 逛 去 到 往 从 在 由 的 "
    "了 着 把 被 让 给 对 跟 与 及 或 至 是 有 没 不 也 就 离 距离? 距 各 者 连 等 时(?!代) 后 "
    "前 说 问 叫 找 去过 街道 社区 镇政府 办事处 辖区 开发区 高新区 \\d+号 和 向 于 经 进 出 过 靠 沿 "
    "据"
)
_CUT = re.compile("|".join(sorted(_BEFORE.split(), key=len, reverse=True)))
# One of these inside a name is not rare (和平路, 向阳小区, 家家悦超市, 前进路, 上海路, 有色家园): it cuts only where two more follow.
_SOFT = _set(
    "建设 修建 新建 开发 经营 管理 规划 希望 东边 西边 南边 北边 上学 晚上 早上 上午 现在 以东 以西"
    " 和 向 于 有 对 经 进 出 过 后 前 时 归 至 等 与 及 本 靠 沿 据 不 老 住"
)
_UPPER = re.compile(r"[一-鿿]{2,}?(?:省|自治区|市|区|县|旗|街道|镇|乡|社区|居委会)(?=[一-鿿]{2})")
_RUN = re.compile(r"[一-鿿A-Za-z0-9]+")
_HAN = re.compile(r"[一-鿿]")
_COMMON = re.compile("(?:马路|道路|公路|广场|公园|花园|幼儿园|医院|超市|市场|车站|公交站|商场)")
_NUMBERED = re.compile("[一二三四五六七八九十经纬]+马路")
_BUILT = tuple(e for e in ENDS["estate"] if len(e) > 1 and e not in {"小区", "家属院", "宿舍楼"})


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a place: `text` as it is kept (阳光花园小区 is 阳光花园), standing at [start, end) of what was read."""

    text: str
    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody wrote of a place a person confirmed. `who`: equal for what one person wrote ("" for nobody known)."""

    text: str
    area_path: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Landmark:
    """A name and where it lies: `area_path` is "" where it lies in several (`counts`: people in each, most first)."""

    name: str
    kind: Kind
    area_path: str
    counts: Mapping[str, int]

    @property
    def sure(self) -> bool:
        return self.area_path != ""

    @property
    def seen(self) -> int:
        return sum(self.counts.values())


def names(text: str) -> list[Name]:
    """Names of places in a text, in its order, none twice at one place; people, phones and doors are passed over."""
    text = text[:READ]
    read = list(folded(text))
    for found in find_personal(text):
        if found.sure:
            read[found.start : found.end] = "|" * (found.end - found.start)
    return [n for run in _RUN.finditer("".join(read)) for n in _in(run[0], run.start())]


def readings(text: str) -> set[str]:
    """Whatever in a text could be a name: each end with each beginning before it. To look up names that are known."""
    found = set()
    for run in _RUN.finditer(folded(text[:READ])):
        for end in _ends(run[0]):
            found |= {run[0][at : end.end()] for at in range(max(0, end.end() - LONGEST), end.end() - 2)}
    return found


def _ends(run: str) -> Iterator[re.Match[str]]:
    for m in _END.finditer(run):
        if run[m.end() : m.end() + 1] not in set(_GOES_ON.get(m[0], "")):
            yield m


def _in(run: str, offset: int) -> Iterator[Name]:
    """Names in a stretch without punctuation. One that ends in what is no name of its own goes with the one before it
    (幸福路小学, 迎春大街农贸市场)."""
    held: Name | None = None
    after = 0
    for m in _ends(run):
        stem_at = _begins(run, after, m.start())
        between = run[held.end - offset : m.start()] if held is not None else ""
        joins = held is not None and (not between or not _BETWEEN.sub("", between)) and run[m.start() - 1] not in "的在"
        at = held.start - offset if joins and held is not None else stem_at
        named = joins or _is_name(run[at : m.start()], m[0])
        if named and m.end() - at <= LONGEST:
            if held is not None and not joins:
                yield held
            held = Name(_kept(run[at : m.end()]), KIND_OF[m[0]], at + offset, m.end() + offset)
            after = m.end()
    if held is not None:
        yield held


def _begins(run: str, after: int, stop: int) -> int:
    """Where the name before `stop` begins: after the last word that cannot be part of it."""
    while 0 < after < stop and run[after] in "上里内外旁边口侧段的":  # 幸福路上的…
        after += 1
    at = max(after, stop - LONGEST)
    at = max([at, *(m.end() for m in _UPPER.finditer(run, at, stop) if stop - m.end() >= 2)])
    place = at
    while place < stop:
        m = _CUT.match(run, place)
        left = stop - m.end() if m is not None else 0
        if m is not None and (left >= 2 or m[0] not in _SOFT):
            at = place = m.end()
        else:
            place += 1
    return at


def _is_name(stem: str, end: str) -> bool:
    """Whether a stem says which one it is: not a number, not only the sort of place (老旧小区, 农贸市场)."""
    if _NUMBERED.fullmatch(stem + end):
        return True
    if set(stem) <= set(end) or (len(end) == 1 and any((stem + end)[-n:] in _WORDS for n in (2, 3, 4))):
        return False
    said, sort = stem, _SORT_OF_ROAD if KIND_OF[end] == "road" else _SORT
    while said and (m := sort.match(said) or _COMMON.match(said)) is not None:
        said = said[m.end() :]
    if not said or not _HAN.search(said) or stem.endswith(("的", "号")):
        return False
    return len(stem) > 1 or end in {"大街", "大道", "大桥"}  # 南大街


def _kept(name: str) -> str:
    """The form a name is kept in: without 小区 behind an end that says it already (阳光花园小区)."""
    bare = name.removesuffix("小区")
    return bare if bare != name and bare.endswith(_BUILT) and len(bare) > 3 else name


def learned(told: Iterable[Told], *, least: int, share: int) -> list[Landmark]:
    """Names that at least `least` different people used of confirmed places, by name. A name belongs to a community when
    `share` percent of them were told of there; otherwise it lies in several and stays a question.

    One person counts once for a name and a community, and so does one text of nobody known. What stands before a name
    that is known without it (东头阳光花园) is taken as said of it. Memory grows with the names, not with the texts.
    """
    people: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    kinds: dict[str, Kind] = {}
    for t in told:
        who = hash(t.who or folded(t.text))
        for n in names(t.text):
            here = people[n.text][t.area_path]
            if len(here) < MOST_PEOPLE:
                here.add(who)
            kinds.setdefault(n.text, n.kind)
    _without_what_stands_before(people, least)
    made = []
    for name in sorted(people):
        counts = {p: len(w) for p, w in sorted(people[name].items(), key=lambda i: (-len(i[1]), i[0]))}
        different = len(set().union(*people[name].values()))
        if different < least:
            continue
        first, most = next(iter(counts.items()))
        sure = most >= least and most * 100 >= share * sum(counts.values())
        made.append(
            Landmark(name, kinds[name], first if sure else "", counts if sure else dict(list(counts.items())[:NEAREST]))
        )
    return made


def _without_what_stands_before(people: dict[str, dict[str, set[int]]], least: int) -> None:
    """A rare name that ends in a frequent one is that one with a word before it."""

    def size(name: str) -> int:
        return len(set().union(*people[name].values()))

    frequent = {n for n in people if size(n) >= least}
    for name in [n for n in people if n not in frequent]:
        for at in range(1, len(name) - 2):
            if name[at:] in frequent:
                for path, who in people.pop(name).items():
                    people[name[at:]][path] |= who
                break
