"""A batch of requests as offices keep them: whose columns are whose, and names where the import wants codes.

`importing.py` takes rows whose cells hold codes. Tables of offices hold names of places and matters, and headings of
their own; what is read here is what a person would read, and whatever cannot be read is left to the desk or told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.tables import FORMULA, Headings, Row
from heli.loop.models import Category, Kind, Urgency
from heli.places.addresses import resolve

Words = str | Promise
FIELDS = ("key", "text", "title", "at", "area", "spot", "category", "kind", "urgency", "name", "phone", "due")
# What such columns are called, the surest names first.
HEADINGS: Headings = {
    "key": ("编号", "单号", "流水号", "序号", "id", "key", "number"),
    "text": ("诉求内容", "反映内容", "留言详情", "内容", "详情", "描述", "正文", "text"),
    "title": ("标题", "主题", "title"),
    "due": ("要求办结时间", "办结时限", "办理时限", "截止时间", "办结时间", "due"),
    "at": ("时间", "日期", "time", "date", "at"),
    "spot": ("详细地址", "具体位置", "具体地点", "spot"),
    "area": ("所属区域", "区域", "社区", "街道", "地点", "地址", "位置", "area", "place"),
    "category": ("事项", "类别", "分类", "category"),
    "kind": ("诉求类型", "诉求性质", "性质", "kind"),
    "urgency": ("紧急程度", "急缓", "紧急", "urgency"),
    "name": ("姓名", "来电人", "联系人", "反映人", "name"),
    "phone": ("联系电话", "手机", "电话", "号码", "phone"),
}
FIELD_WORDS: Mapping[str, Words] = {
    "key": pgettext_lazy("import", "number of the row"),
    "text": pgettext_lazy("import", "what was said"),
    "title": pgettext_lazy("import", "title"),
    "at": pgettext_lazy("import", "when it was said"),
    "area": pgettext_lazy("import", "place"),
    "spot": pgettext_lazy("import", "where exactly"),
    "category": pgettext_lazy("import", "matter"),
    "kind": pgettext_lazy("import", "kind of request"),
    "urgency": pgettext_lazy("import", "urgency"),
    "name": pgettext_lazy("import", "name"),
    "phone": pgettext_lazy("import", "phone"),
    "due": pgettext_lazy("import", "when the source wants it done"),
}
NEEDED = ("key", "text")
MAPPED = ("category", "kind", "urgency", "area")  # fields whose values are words of theirs, mapped once
UNREAD: Mapping[str, Words] = {
    "category": _("%(n)s rows name a matter that our list does not have; the desk decides what they are about."),
    "kind": _("%(n)s rows name a kind of request that we do not have; they are taken as a request for help."),
    "urgency": _("%(n)s rows name an urgency that we do not have; they are as urgent as their matter usually is."),
    "area": _("%(n)s rows name a place that we cannot tell; they cannot be taken."),
}


@dataclass(slots=True)
class Reader:
    """Reads rows into our fields; counts what it could not read. One statement, and the names of the area once.

    `values`: {field: {their word: our code}}, as somebody mapped them; they come before what words sound like.
    """

    columns: Mapping[str, str]
    within: tuple[str, ...]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: dict[str, dict[str, int]] = field(default_factory=dict)  # {field: {their word: rows}}
    _places: dict[str, tuple[str, str]] = field(default_factory=dict)
    _categories: dict[str, str] = field(default_factory=dict)

    def rows(self, table: Iterable[Mapping[str, str]]) -> Iterator[Row]:
        """{field: text} of each row."""
        self._categories = categories_by_name()
        for n, row in enumerate(table, start=2):
            read = Row(self.read({f: row.get(self.columns.get(f, ""), "") for f in FIELDS}))
            read.line = getattr(row, "line", n)
            yield read

    def read(self, values: dict[str, str]) -> dict[str, str]:
        if values["area"] and values["area"] != FORMULA:
            path, rest = self.place(values["area"])
            values["area"], values["spot"] = path, values["spot"] or rest
        values["category"] = self.known("category", values["category"], self._categories)
        values["kind"] = self.known("kind", values["kind"], by_label(Kind.choices))
        values["urgency"] = self.known("urgency", values["urgency"], by_label(Urgency.choices))
        return values

    def place(self, text: str) -> tuple[str, str]:
        """(path, what is left of the address). A place that cannot be told stays as it is, and its row is refused."""
        if text not in self._places:
            chosen = self.values.get("area", {}).get(text, "")
            found = None if chosen else resolve(text, within=self.within)
            if chosen:
                self._places[text] = (chosen, "")
            elif found is not None and found.area:
                self._places[text] = (found.area.path, found.rest.strip(" ，,"))
            else:
                self._places[text] = (text, "")
        path, rest = self._places[text]
        if path == text and not text.isdecimal():
            self.miss("area", text)
        return path, rest

    def known(self, name: str, typed: str, names: Mapping[str, str]) -> str:
        typed = typed.strip()
        if typed == FORMULA:
            return typed
        code = self.values.get(name, {}).get(typed, "") or names.get(typed.lower(), "")
        if typed and not code:
            self.miss(name, typed)
        return code

    def miss(self, name: str, typed: str) -> None:
        seen = self.unread.setdefault(name, {})
        seen[typed] = seen.get(typed, 0) + 1


def by_label(choices: Iterable[tuple[str, Words]]) -> dict[str, str]:
    """{what it is called here, or its key: key}."""
    return {said.lower(): key for key, label in choices for said in (key, str(label))}


def categories_by_name() -> dict[str, str]:
    """{name or code of an open leaf: code}; a name that two leaves share is left out. One statement."""
    rows = list(Category.objects.filter(level=3, closed_on=None).values_list("code", "name", "name_en"))
    names: dict[str, set[str]] = {}
    for code, name, name_en in rows:
        for said in {code, name.lower(), name_en.lower()} - {""}:
            names.setdefault(said, set()).add(code)
    return {said: next(iter(codes)) for said, codes in names.items() if len(codes) == 1}
