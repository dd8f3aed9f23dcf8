"""Tables of sites as offices keep them: what was laid down, and what the words in its rows mean here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.laid import ENDED, LaidTable
from heli.core.scope import within
from heli.core.tables import Headings
from heli.places.sites import Ebike, Service, SiteKind


class SiteTableQuerySet(models.QuerySet["SiteTable"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the areas whose sites the actor manages."""
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.MANAGE_SITES)))


class SiteTable(LaidTable):
    """One table of sites."""

    BOUND, TURN = "site-table", 7_105

    added = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = SiteTableQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=ENDED) ^ Q(ended_at=None), name="site_table_ended"),
            models.CheckConstraint(condition=~Q(state__in=ENDED) | Q(content=""), name="site_table_forgets"),
            models.CheckConstraint(condition=Q(state="done") | Q(added=0), name="site_table_whole_or_nothing"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "-id"], name="site_table_area"),
            models.Index(fields=["made_at"], name="site_table_waiting", condition=Q(state__in=("draft", "waiting"))),
        ]

    def __str__(self) -> str:
        return self.name


# What its columns may be called, the surest names first; a field before another one whose names hold its own.
HEADINGS: Headings = {
    "hours": ("开放时间", "营业时间", "服务时间", "hours"),
    "name": ("站点名称", "驿站名称", "小区名称", "名称", "name"),
    "kind": ("类型", "类别", "kind"),
    "area": ("社区代码", "区划代码", "所属社区", "社区", "村居", "街道", "所属区域", "area"),
    "address": ("详细地址", "地址", "位置", "address"),
    "lat": ("纬度", "latitude", "lat"),
    "lon": ("经度", "longitude", "lon", "lng"),
    "phone": ("联系电话", "电话", "phone"),
    "services": ("服务项目", "服务内容", "服务", "设施", "services"),
    "way": ("怎么走", "路线", "way"),
    "gate": ("从哪进", "进门", "gate"),
    "park": ("停在哪", "停车", "park"),
    "ebike": ("电动车", "ebike"),
    "access_until": ("几点前能进", "access"),
}
FIELD_WORDS: Mapping[str, str | Promise] = {
    "name": _("Its name"),
    "kind": _("Kind"),
    "area": _("Street or community"),
    "address": pgettext_lazy("site", "Address"),
    "lat": _("Latitude"),
    "lon": _("Longitude"),
    "hours": _("Hours"),
    "services": _("What there is"),
    "phone": _("Phone of the office"),
    "way": _("How to get there"),
    "gate": _("Where riders go in"),
    "park": _("Where they may park"),
    "ebike": _("Electric bikes"),
    "access_until": _("Until when"),
}
NEEDED = ("name", "address", "lat", "lon")
# The headings of the empty table, in its order, and a row as one would fill it in (told beside it, not in it).
TEMPLATE: Mapping[str, str] = {
    "name": "名称", "kind": "类型", "area": "社区", "address": "地址", "lat": "纬度", "lon": "经度", "hours": "开放时间",
    "services": "服务", "phone": "电话", "way": "怎么走",
    "gate": "从哪进", "park": "停在哪", "ebike": "电动车", "access_until": "几点前能进",
}  # fmt: skip

# Words of theirs that mean one of ours: the first that is found in what is written.
KINDS_SAID: tuple[tuple[str, str], ...] = (
    ("小区", SiteKind.COMMUNITY), ("街区", SiteKind.STREET), ("驿站", SiteKind.STATION), ("服务", SiteKind.SERVICE),
)  # fmt: skip
EBIKES_SAID: tuple[tuple[str, str], ...] = (
    ("推行", Ebike.PUSH), ("门口", Ebike.GATE), ("门外", Ebike.GATE), ("骑", Ebike.RIDE),
)  # fmt: skip
SERVICES_SAID: tuple[tuple[str, str], ...] = (
    ("换电", Service.BATTERY), ("电动车充电", Service.BATTERY), ("电瓶", Service.BATTERY), ("充电", Service.CHARGING),
    ("饮用水", Service.WATER), ("热水", Service.WATER), ("开水", Service.WATER), ("喝水", Service.WATER), ("饮水", Service.WATER),
    ("洗手间", Service.TOILET), ("卫生间", Service.TOILET), ("公厕", Service.TOILET), ("如厕", Service.TOILET),
    ("微波炉", Service.MICROWAVE), ("热饭", Service.MICROWAVE), ("加热", Service.MICROWAVE),
    ("空调", Service.COOLING), ("纳凉", Service.COOLING), ("取暖", Service.HEATING), ("暖气", Service.HEATING),
    ("wifi", Service.WIFI), ("wi-fi", Service.WIFI), ("上网", Service.WIFI), ("无线", Service.WIFI),
    ("药箱", Service.FIRST_AID), ("急救", Service.FIRST_AID), ("药品", Service.FIRST_AID),
    ("雨伞", Service.UMBRELLA), ("雨具", Service.UMBRELLA), ("雨衣", Service.UMBRELLA), ("打气", Service.AIR), ("充气", Service.AIR),
    ("维修", Service.REPAIR), ("修车", Service.REPAIR), ("工具", Service.REPAIR), ("用餐", Service.MEAL), ("就餐", Service.MEAL),
    ("餐", Service.MEAL), ("图书", Service.READING), ("阅读", Service.READING), ("报", Service.READING), ("停车", Service.PARKING),
    ("休息", Service.REST), ("歇脚", Service.REST), ("座椅", Service.REST), ("桌椅", Service.REST),
)  # fmt: skip
APART = re.compile(r"[、,，;；/|\s]+")


def meant(text: str, labels: Mapping[str, str], said: tuple[tuple[str, str], ...]) -> str:
    """Our word for what is written: its label, its key, or one of the words that mean it; '' for none. Pure."""
    low = text.strip().lower()
    return labels.get(low, "") or next((value for word, value in said if word in low), "")


def by_label(choices: Any) -> dict[str, str]:
    """{what it is called here, or its key: key}."""
    return {str(said).lower(): key for key, label in choices for said in (key, label) if str(said)}
