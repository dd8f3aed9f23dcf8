"""Messages of our own for tests of the text engine: four things that residents write about, each in many words."""

from __future__ import annotations

import itertools

PARTS = {
    "0201": (
        ("路灯", "楼道灯", "景观灯"),
        ("不亮了", "坏了一个星期", "一闪一闪的"),
        ("晚上走路看不见", "老人差点摔倒", "请派人来修"),
    ),
    "0202": (
        ("垃圾桶", "垃圾站", "路边的垃圾"),
        ("没人清运", "堆满了", "臭得很"),
        ("苍蝇很多", "夏天味道大", "请安排清理"),
    ),
    "0301": (
        ("暖气", "供热管道", "暖气片"),
        ("不热", "漏水了", "只有十几度"),
        ("孩子冻感冒了", "交了取暖费的", "请供热公司上门看"),
    ),
    "0401": (
        ("公交车", "28路车", "末班车"),
        ("等了一个小时", "到站不停", "司机甩客"),
        ("上班迟到了", "请公交公司管管", "老人刷卡被拒"),
    ),
}
TITLES = {"0201": "灯的问题", "0202": "卫生没人管", "0301": "家里冷", "0401": "坐车难"}


def examples(places: tuple[str, ...] = ("大海阳", "毓璜顶", "幸福")) -> tuple[list[str], list[str], list[str]]:
    """(titles, bodies, labels), 81 of each label, in a fixed order."""
    titles, bodies, labels = [], [], []
    for label, parts in PARTS.items():
        for place, (a, b, c) in itertools.product(places, itertools.product(*parts)):
            titles.append(f"{place}{TITLES[label]}")
            bodies.append(f"{place}社区{a}{b}，{c}。")
            labels.append(label)
    return titles, bodies, labels
