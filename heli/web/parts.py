"""What the components of the look take, as small typed records.

The template tags (`{% load heli %}`) read attributes by name, so a room below `web`, which may not import this module,
hands them any object or dict with the same names; these records are the documentation, and what `web` itself builds.
States are those of the look: "" wait · doing · you · soon · late · back · pause · done.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise

Words = str | Promise
State = Literal["", "doing", "you", "soon", "late", "back", "pause", "done"]


@dataclass(frozen=True, slots=True)
class Station:
    """One of the four stations of `{% loop_line %}`, in the order 诉 转 办 评."""

    name: Words  # what happened or will: "派给你局"
    at: Literal["", "done", "now", "late", "plan"] = ""
    detail: Words = ""  # "17 日 15:30", "24 日前答复"


@dataclass(frozen=True, slots=True)
class ClockPart:
    """A deadline for `{% clock %}`. `percent` is the share of the time used, 0-100."""

    name: Words  # "答复"
    words: Words  # "还剩 4 天 50 分", "停表中", "用了 32 分钟"
    state: State
    percent: float
    due_words: Words = ""  # "24 日（周一）15:30 前，周末不计"
    rule_words: Words = ""  # "依据：一般诉求·第 3 版", or the paper that stopped the clock
    rule_url: str = ""
    provisional: bool = False  # the calendar ends before the due time
    verified: bool = True  # somebody compared the rule with its source
    until: dt.datetime | None = None  # given: the words count down in the page while less than an hour is left


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """Something that happened, for `{% trail %}`, newest first."""

    at: dt.datetime
    title: Words
    words: Words = ""
    station: int = 0  # 1-4: the request changed to this station; 0: a small dot
    you: bool = False  # the resident's own act
    public: bool | None = None  # staff pages: whether the resident sees it; None shows no icon
    source_words: Words = ""  # "目录 4.1.3"
    source_url: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for or against a suggestion, for `{% why %}`."""

    words: Words
    weight: Literal["+", "-", "?"] = "+"
    source_words: Words = ""
    source_url: str = ""


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of the top bar."""

    words: Words
    url: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """How this person wants pages to look; put on <html> by the server."""

    dark: bool = False
    high: bool = False
    large: bool = False

    @classmethod
    def read(cls, kept: str) -> Look:
        """From the words kept in the cookie ("dark-large") or with the account ("dark large"); others are ignored."""
        said = set(re.split(r"[\s-]+", kept))
        return cls("dark" in said, "contrast" in said, "large" in said)

    def words(self) -> list[str]:
        """The words to keep: of large, dark, contrast."""
        pairs = ((self.large, "large"), (self.dark, "dark"), (self.high, "contrast"))
        return [name for on, name in pairs if on]

    @property
    def cookie(self) -> str:
        """The cookie's value; never empty, so that a choice of "all normal" is a choice."""
        return "-".join(self.words()) or "plain"
