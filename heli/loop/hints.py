"""What a reply to a resident is often sent without. Hints for whoever writes it; they never stop a reply.

Three questions a resident asks of a reply: what was done, when (or by when), and whom can I call. The check looks for
words and forms of Chinese official replies; it is simple on purpose, so that anybody can see why a hint appears.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ENOUGH = 8  # characters from which a text is looked at

_DONE = re.compile(
    r"已(?:经|于|在|到|将|把|按|对|请|向|联系|安排|完成|修|换|清|拆|整|加|补|派|查|核|处理|解决|恢复|转|发|办|退|拉|装|停|改)"
    r"|[修换清拆整装补盖铺疏拉围]好|完毕|完成|修复|更换|清理|清运|拆除|整改|恢复|到(?:了)?现场|查看|核查|核实|走访|"
    r"做了|办结|解决了|无法|不能|不属于|暂不|计划|安排|将(?:于|在)|依据|根据|按照"
)
_WHEN = re.compile(
    r"\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号]|底|中旬|上旬|下旬|内)?|\d{1,2}\s*[日号]|\d{1,2}[:：]\d{2}|今天|昨天|明天|前天|后天|"
    r"当天|当日|次日|本周|下周|上周|这周|周[一二三四五六日天]|\d+\s*个?(?:工作日|天|小时)[内后前]?|年底|月底|春节|入汛|供暖"
)
_WHOM = re.compile(
    r"12345|\d[\d\s-]{5,}\d|电话|热线|拨打|致电|来电|联系人|联系(?:我|社区|物业|网格|\w{0,8}(?:科|局|办|中心|所|站))|找\w{1,8}|"
    r"微信|回复(?:我们|本页)|本页|窗口"
)


@dataclass(frozen=True, slots=True)
class Hint:
    """Something a reply does not seem to say. `key`: done, when or whom."""

    key: str
    words: str | Promise


CHECKS: tuple[tuple[str, re.Pattern[str], str | Promise], ...] = (
    ("done", _DONE, _("it does not say yet what was done")),
    ("when", _WHEN, _("it does not say yet when it was done, or by when it will be")),
    ("whom", _WHOM, _("it does not say yet whom to call if it comes back")),
)


def of_reply(text: str) -> list[Hint]:
    """What the reply does not seem to say; nothing for a text that has hardly begun. Pure."""
    if len(text.strip()) < ENOUGH:
        return []
    return [Hint(key, words) for key, pattern, words in CHECKS if not pattern.search(text)]
