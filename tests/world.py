"""The fixed cast: who they are, where they work, what they may do. Everything here is invented.

`build()` makes it once, through the real steps, when the tests' template database is made (tests/database.py);
`World.load()` finds it again. Whatever a test does to it is rolled back or thrown away with the test's database.

    world.sun_dispatcher        the account of 孙坐席
    world.actor("孙坐席")       what 孙坐席 may do now (also by key: world.actor("sun_dispatcher"))
    world.org("城管局")         an organisation by its short name
    world.area("370602003006")  an area by its path
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from heli.core.actor import SYSTEM, Actor

BORN = dt.datetime(2025, 1, 6, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # when the world was made; a Monday
COUNTY, NEXT_COUNTY = "370602", "370613"  # 芝罘区, and 莱山区 whose people must see nothing of it
STREET, COMMUNITY = "370602003", "370602003006"  # 毓璜顶街道, 大海阳社区
PASSWORD = "a-long-sentence-for-tests"
DUTY = Path(__file__).parents[1] / "heli" / "loop" / "data" / "duty_zhifu.yaml"


@dataclass(frozen=True)
class Given:
    """A grant of the cast: role, unit by short name, areas."""

    role: str
    paths: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True)
class Someone:
    """One person of the cast. `phone`: proved by text message; `works_in`: member of that unit."""

    key: str
    name: str
    username: str
    phone: str = ""
    works_in: str = ""
    grants: tuple[Given, ...] = ()


CAST = (
    Someone("wang_resident", "王桂兰", "u-wangguilan", "13900000001"),
    Someone("xue_driver", "薛师傅", "u-xueshifu", "13900000002"),
    Someone("zhao_volunteer", "赵志愿", "u-zhaozhiyuan", "13900000003"),
    Someone("zhou_silver", "周银龄", "u-zhouyinling", "13900000004"),
    Someone(
        "li_social_worker", "李社工", "li.shegong", "13900000005", "心桥社工", (Given("social_worker", (COUNTY,), "心桥社工"),)
    ),
    Someone("sun_dispatcher", "孙坐席", "sun.zuoxi", works_in="诉求中心", grants=(Given("dispatcher", (COUNTY,), "诉求中心"),)),
    Someone("han_clerk", "韩网格", "han.wangge", works_in="大海阳社区", grants=(Given("clerk", (COMMUNITY,), "大海阳社区"),)),
    Someone("yu_officer", "于科员", "yu.keyuan", works_in="城管局", grants=(Given("unit_officer", (COUNTY,), "城管局"),)),
    Someone("xu_lead", "许股长", "xu.guzhang", works_in="城管局", grants=(Given("unit_lead", (COUNTY,), "城管局"),)),
    Someone("qu_officer", "曲科员", "qu.keyuan", works_in="住建局", grants=(Given("unit_officer", (COUNTY,), "住建局"),)),
    Someone("lv_supervisor", "吕部长", "lv.buzhang", works_in="社工部", grants=(Given("supervisor", (COUNTY,), "社工部"),)),
    Someone("hao_revisitor", "郝回访", "hao.huifang", works_in="诉求中心", grants=(Given("revisitor", (COUNTY,), "诉求中心"),)),
    Someone("jiang_admin", "姜管理", "jiang.guanli", works_in="诉求中心", grants=(Given("area_admin", (COUNTY,)),)),
    Someone("deng_registrar", "邓登记", "deng.dengji", works_in="民政局", grants=(Given("registrar", (COUNTY,), "民政局"),)),
    Someone(
        "liang_secretary", "梁秘书", "liang.mishu", works_in="社工协会",
        grants=(Given("association_secretary", (COUNTY,), "社工协会"),),
    ),
    Someone(
        "song_suggestions", "宋建言", "song.jianyan",
        grants=(Given("suggestion_keeper", (COUNTY,), "社工部"),),
    ),
    Someone("qian_keeper", "钱站长", "qian.zhanzhang", grants=(Given("site_keeper", (COMMUNITY,), "银龄队"), Given("team_leader", (COMMUNITY,), "银龄队"))),
    Someone("ma_manager", "马经理", "ma.jingli", grants=(Given("pledger", (COUNTY,), "鲁新超市"),)),
    Someone(
        "outsider", "外县人", "wai.xianren", works_in="莱山城管局",
        grants=(Given("unit_officer", (NEXT_COUNTY,), "莱山城管局"), Given("dispatcher", (NEXT_COUNTY,), "莱山诉求中心")),
    ),
)  # fmt: skip
# Invented; the check digits are right: 赵志愿 born 1991-05-06, 周银龄 born 1957-03-08
IDENTITY = {"zhao_volunteer": "370602199105061134", "zhou_silver": "370602195703082244"}
# Beside the units of the demo duty list: short name, full name, kind, area, the one above
UNITS = (
    ("大海阳社区", "毓璜顶街道大海阳社区居民委员会", "community", COMMUNITY, "毓璜顶街道"),
    ("毓东社区", "毓璜顶街道毓璜顶东社区居民委员会", "community", "370602003004", "毓璜顶街道"),
    ("心桥社工", "芝罘区心桥社会工作服务中心", "social_org", COUNTY, ""),
    ("社工协会", "芝罘区社会工作者协会", "association", COUNTY, ""),
    ("银龄队", "大海阳社区银龄志愿服务队", "team", COMMUNITY, "大海阳社区"),
    ("鲁新超市", "烟台鲁新超市有限公司", "enterprise", COUNTY, ""),
    ("向阳党支部", "烟台鲁新超市有限公司向阳党支部", "party", COUNTY, ""),
    ("莱山诉求中心", "莱山区诉求受理中心", "desk", NEXT_COUNTY, ""),
    ("莱山城管局", "莱山区城市管理局", "department", NEXT_COUNTY, ""),
)


def build() -> None:
    """Make the world, committed. Doing it twice changes nothing."""
    from heli.people.models import User

    if User.objects.filter(username="sun.zuoxi").exists():
        return
    _areas_and_roles()
    orgs = _units()
    users = _people(orgs)
    _grants(orgs, users)
    _what_the_loop_needs()
    _volunteers(orgs, users)


def _areas_and_roles() -> None:
    from heli.orgs import steps as orgs
    from heli.places import steps as places

    places.import_areas(at=BORN, under=(COUNTY, NEXT_COUNTY))
    orgs.import_roles(at=BORN)


def _units() -> dict[str, int]:
    """{short name: id} of the units of the demo duty list and those above."""
    from heli.orgs import steps

    listed = yaml.safe_load(DUTY.read_text())["units"]
    rows = [(u["short_name"], u["name"], u["kind"], u["path"], "") for u in listed] + list(UNITS)
    made: dict[str, int] = {}
    for short_name, name, kind, path, above in rows:
        org = steps.create_org(
            kind=kind, name=name, short_name=short_name, area_path=path, parent_id=made.get(above), by=SYSTEM, at=BORN
        )
        made[short_name] = org.pk
    return made


def _people(orgs: dict[str, int]) -> dict[str, int]:
    """{key: user id}"""
    from heli.orgs.steps import add_member
    from heli.people.steps import register

    made: dict[str, int] = {}
    for one in CAST:
        user = register(
            by=SYSTEM, at=BORN, username=one.username, call_name=one.name, password=PASSWORD,
            name=one.name if one.phone else "", phone=one.phone, phone_verified=bool(one.phone),
        )  # fmt: skip
        made[one.key] = user.pk
        if one.works_in:
            add_member(org_id=orgs[one.works_in], user_id=user.pk, by=SYSTEM, at=BORN)
    return made


def _grants(orgs: dict[str, int], users: dict[str, int]) -> None:
    from heli.orgs.steps import give_grant

    for one in CAST:
        for given in one.grants:
            give_grant(
                user_id=users[one.key], role=given.role, paths=given.paths, org_id=orgs.get(given.unit),
                reason="岗位职责", by=SYSTEM, at=BORN,
            )  # fmt: skip


def _what_the_loop_needs() -> None:
    """Rules, calendar, categories and the duty list, by the import steps of their rooms."""
    from heli.loop import reference
    from heli.rulebook import files

    files.import_shipped(by=SYSTEM, at=BORN)
    reference.import_categories(at=BORN)
    reference.import_duty(at=BORN, path=DUTY)


def _volunteers(orgs: dict[str, int], users: dict[str, int]) -> None:
    """赵志愿 registers at home, 周银龄 at the counter; 韩网格 has seen both cards; both are in 银龄队."""
    from heli.orgs.queries import actor_for
    from heli.orgs.steps import add_member
    from heli.people.models import User
    from heli.volunteering.models import Volunteer
    from heli.volunteering.steps import people

    people.import_skills(at=BORN)
    cast = {u.pk: u for u in User.objects.filter(pk__in=users.values())}
    clerk = actor_for(cast[users["han_clerk"]], BORN)
    for key, number in IDENTITY.items():
        name = next(c.name for c in CAST if c.key == key)
        told: dict[str, Any] = {"at": BORN, "area_path": COMMUNITY, "name": name, "id_number": number}
        if key == "zhou_silver":
            people.register_for(
                by=clerk, phone="13900000004", consent="在柜台当面说的", seen_card=True, fields=["elders"], **told
            )
        else:
            people.register(by=actor_for(cast[users[key]], BORN), fields=["elders", "learning"], **told)
            made = Volunteer.objects.get(user=users[key])
            people.verify(volunteer_id=made.pk, name=name, last=number[-6:], by=clerk, at=BORN)
        add_member(org_id=orgs["银龄队"], user_id=users[key], by=SYSTEM, at=BORN)


@dataclass
class World:
    """The cast, found again in the database of the test."""

    users: dict[str, Any]
    _orgs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls) -> World:
        from heli.people.models import User

        by_username = {u.username: u for u in User.objects.filter(username__in=[c.username for c in CAST])}
        return cls({c.key: by_username[c.username] for c in CAST})

    def __getattr__(self, key: str) -> Any:
        try:
            return self.__dict__["users"][key]
        except KeyError:
            raise AttributeError(f"nobody of the cast is called {key}") from None

    def user(self, name: str) -> Any:
        """The account of somebody, by name (孙坐席) or key (sun_dispatcher)."""
        key = next((c.key for c in CAST if name in {c.name, c.key, c.username}), name)
        return self.users[key]

    def actor(self, name: str, at: dt.datetime | None = None) -> Actor:
        """What somebody may do (now, unless `at` is given)."""
        from heli.orgs.queries import actor_for

        return actor_for(self.user(name), at)

    def org(self, short_name: str) -> Any:
        """An organisation by its short name."""
        from heli.orgs.models import Organisation

        if short_name not in self._orgs:
            self._orgs[short_name] = Organisation.objects.get(short_name=short_name)
        return self._orgs[short_name]

    def area(self, path: str) -> Any:
        """An area by its path."""
        from heli.places.models import Area

        return Area.objects.get(path=path)
