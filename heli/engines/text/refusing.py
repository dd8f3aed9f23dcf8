"""What is no request that a machine can sort: nothing written, advertising, another script. Told, never guessed.

Each rule errs towards reading: a short Chinese request is never refused, and what is refused goes to a person.
"""

from __future__ import annotations

import re

from heli.engines.text.normal import normal

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_OTHER = re.compile(r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_ADDRESS = re.compile(r"(https?://|www\.)[!-~]+|[!-~]+@[!-~]+")
_SOLD = re.compile(
    r"开发票|办证|刻章|代办.{0,6}(证|执照)|贷款|放款|兼职|日结|彩票|棋牌|代理加盟|招代理|招商加盟|减肥|壮阳|代写|包过|优惠|促销|特价"
    r"|打折|低价|批发|厂家直销|免费领|返现|返利|零首付|全国包邮"
)
_SHADY = re.compile(r"代开.{0,4}发票|办证.{0,2}刻章|刻章.{0,2}办证|无抵押|套现|刷单|博彩|下注|代孕|代考|秒到账|稳赚")
_CONTACT = re.compile(
    r"加.{0,3}(微信|薇信|威信|vx|wx|v信|qq|扣扣)|(微信|薇信|威信|vx|wx|v信|qq|扣扣)(同号|号)?[:: ]{0,2}[a-z0-9_-]{5,}"
    r"|(?<!\d)1[3-9]\d{9}(?!\d)"
    r"|(详询|咨询|联系|热线|来电|致电)(电话|微信)?[:: ]{0,2}\d{7,}|扫码|点击链接|http"
)
_INVITED = re.compile(r"(敬?请|欢迎)(您|你)?(来电|致电|联系|咨询|加|扫|点)|咨询(电话|热线|微信)|详询")
_ASKED = re.compile(
    r"投诉|举报|反映|请|希望|建议|咨询|要求|为什么|为何|怎么|如何|是否|求助|解决|处理|管管|查处|取缔|整治|骗|骚扰|违规|违法|领导|政府|部门|恳|盼|望|能否|能不能|吗|小广告|没有|没给|没人|不给|不发|不退|拖欠|打不通|假的|乱"
)


def refused(title: str, body: str) -> str:
    """Why a message is not sorted, or ''; see `reason`."""
    return reason(normal(f"{title}\n{body}"))


def reason(text: str) -> str:
    """Why a normal text, title and body, is not sorted, or ''.

    empty: no letter, no character and no digit: nothing, marks only, emoji only.
    advertising: two different things offered, or one that nobody honest offers, and a way to reach the seller, and not
        one word of those with which people ask, complain or wonder ("请加微信" is no asking).
    foreign: at least 12 letters of other scripts and six times as many as Chinese characters, or kana half as many as
        those; addresses of pages and of mail do not count.
    no_words: neither Chinese characters nor that many letters: "12345", "ok".
    """
    if not re.search(r"[^\W_]", text):
        return "empty"
    bare = _ADDRESS.sub(" ", text)
    han, other, kana = (len(p.findall(bare)) for p in (_HAN, _OTHER, _KANA))
    if (other >= 12 and other >= 6 * han) or (kana >= 12 and 2 * kana >= han):
        return "foreign"
    if not han:
        return "no_words"
    offered = _SHADY.search(text) or len({m.group() for m in _SOLD.finditer(text)}) >= 2
    if offered and _CONTACT.search(text) and not _ASKED.search(_INVITED.sub(" ", text)):
        return "advertising"
    return ""
