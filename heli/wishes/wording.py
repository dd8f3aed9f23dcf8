"""What may stand on the wall: nothing that says who made a wish, or behind which door they live."""

from __future__ import annotations

import re
from collections.abc import Iterable

from heli.engines.identifiers import find_personal

NUMBER = r"[0-9０-９一二三四五六七八九十百零〇两]+"
# A building, a stair, a flat; a bare number with 号 only after a street's name, because 26 号 is also a day.
DOOR = re.compile(
    rf"{NUMBER}\s*(?:号楼|号院|栋|幢|单元|号房|室)|(?:路|街|巷|弄|胡同|大院)\s*{NUMBER}\s*号|{NUMBER}\s*[-—－]\s*{NUMBER}\s*[-—－]\s*{NUMBER}"
)
# The commonest family names before a word of address. 于, 和, 成, 时 and their like begin other words too often.
FAMILY = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "石廖贾夏韦付白邹孟熊秦邱江尹薛闫段雷侯龙史陶贺顾毛郝龚邵钱严覃武戴莫孔汤曲柳邢"
)
PERSON = re.compile(
    rf"[{FAMILY}](?:大爷|大妈|大娘|奶奶|爷爷|阿姨|叔叔|伯伯|婆婆|老太|老师|师傅|女士|先生|小姐|同学|某)|姓[{FAMILY}]|(?:我叫|名叫|叫做)[{FAMILY}]"
)


def names_somebody(text: str, known: Iterable[str] = ()) -> str:
    """The part of a text that says who it is or where they live; "" when nothing does. Without cost.

    `known`: what is known of the person (name, address, the name of their community); a match of whole words of two
    characters or more is found. Numbers are found by `engines.identifiers.find_personal`.
    """
    if spans := find_personal(text):
        return text[spans[0].start : spans[0].end]
    for pattern in (DOOR, PERSON):
        if found := pattern.search(text):
            return found[0]
    return next((k for k in known if len(k) >= 2 and k in text), "")
