"""The county before anything is said: areas, rules, duty list, units, and the people who work there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from heli.core.actor import SYSTEM, Actor
from heli.loop import reference
from heli.orgs import steps as orgs
from heli.orgs.models import Grant, Organisation
from heli.orgs.queries import actor_for
from heli.people import steps as people
from heli.people.models import User
from heli.places import steps as places
from heli.rulebook import files as rulebook

COUNTY, NEXT_COUNTY = "370602", "370613"
UNDER = ("3706",)  # the demo loads the city's areas; `heli areas import` brings the whole country


@dataclass(frozen=True, slots=True)
class Someone:
    """One of the cast, with the role and the place they have in the demo. `line` says what one can try as them."""

    name: str
    username: str
    role: str
    unit: str
    path: str
    line: str
    line_en: str


CAST = (
    Someone("王桂兰", "wang.guilan", "", "", "", "居民：看自己说过的事，评价办得怎么样", "Resident: follow what she told us, and judge it"),
    Someone("薛师傅", "xue.shifu", "", "", "", "货车司机：路上看见的随手说一声", "Driver: says what he sees on the road"),
    Someone("周银龄", "zhou.yinling", "", "", "", "68 岁，用大字版", "Aged 68, reads large print"),
    Someone("赵志愿", "zhao.zhiyuan", "", "", "", "志愿者：说什么时候有空，找队伍", "Volunteer: says when he can, joins teams"),
    Someone("孙坐席", "sun.zuoxi", "dispatcher", "诉求中心", COUNTY, "派单台：派单、审退回、并单拆单、代居民填", "Dispatch desk"),
    Someone("韩网格", "han.wangge", "clerk", "大海阳社区", "370602003006", "社区：在柜台代居民填，办本社区的事", "Community clerk"),
    Someone("于科员", "yu.keyuan", "unit_officer", "城管局", COUNTY, "城管局：签收、联系、答复、申请延期、退回", "Officer of the urban management bureau"),
    Someone("许股长", "xu.guzhang", "unit_lead", "城管局", COUNTY, "城管局：审答复", "Lead of that bureau: approves replies"),
    Someone("曲科员", "qu.keyuan", "unit_officer", "住建局", COUNTY, "住建局：另一个单位，看不到城管局的件", "Officer of the housing bureau"),
    Someone("吕部长", "lv.buzhang", "supervisor", "社工部", COUNTY, "督办：看板、批延期、定主办、裁定", "Supervisor: board, decisions, named leads"),
    Someone("魏科长", "wei.kezhang", "supervisor", "社工部", COUNTY, "督办的第二个人：剔除要两个人签字", "Second supervisor: exclusions take two signatures"),
    Someone("郝回访", "hao.huifang", "revisitor", "诉求中心", COUNTY, "回访：打电话问办得怎么样", "Revisit caller"),
    Someone("姜管理", "jiang.guanli", "area_admin", "诉求中心", COUNTY, "管理：派单目录、事项、规则、机构、授权", "Area admin: duty list, rules, grants"),
    Someone("李社工", "li.shegong", "social_worker", "心桥社工", COUNTY, "社会工作者：走访，张贴微心愿，接服务对象的诉求", "Social worker: home visits, wishes"),
    Someone("宋建言", "song.jianyan", "suggestion_keeper", "社工部", COUNTY, "人民建议征集、政策通知", "Keeper of suggestions and notices"),
    Someone("钱站长", "qian.zhanzhang", "site_keeper", "银龄队", "370602003006", "驿站：开门时间和服务", "Keeper of a station"),
    Someone("马经理", "ma.jingli", "pledger", "鲁新超市", COUNTY, "企业：认领微心愿", "Enterprise: takes on wishes"),
    Someone("外县人", "wai.xianren", "dispatcher", "莱山诉求中心", NEXT_COUNTY, "邻区的派单员：芝罘的件一件也看不到", "Dispatcher of the next county: sees nothing here"),
)  # fmt: skip
UNITS = (  # beside those of the duty list: short name, full name, kind, area
    ("心桥社工", "芝罘区心桥社会工作服务中心", "social_org", COUNTY),
    ("银龄队", "大海阳社区银龄志愿服务队", "team", "370602003006"),
    ("鲁新超市", "烟台鲁新超市有限公司", "enterprise", COUNTY),
    ("向阳党支部", "烟台鲁新超市有限公司向阳党支部", "party", COUNTY),
    ("莱山诉求中心", "莱山区诉求受理中心", "desk", NEXT_COUNTY),
)
PHONES = {"王桂兰": "13900000001", "薛师傅": "13900000002", "赵志愿": "13900000003", "周银龄": "13900000004"}


def build(at: dt.datetime, say: Callable[[str], None] = lambda _line: None) -> None:
    """Make the county, through the rooms' own steps; harmless twice."""
    say("areas")
    places.import_areas(at=at, under=UNDER)
    say("rules")
    rulebook.import_shipped(by=SYSTEM, at=at)
    say("duty")
    orgs.import_roles(at=at)
    reference.import_categories(at=at)
    reference.import_duty(at=at, path=reference.DATA / "duty_zhifu.yaml")
    say("people")
    for short_name, name, kind, path in UNITS:
        if not Organisation.objects.filter(short_name=short_name).exists():
            orgs.create_org(kind=kind, name=name, short_name=short_name, area_path=path, by=SYSTEM, at=at)
    have = {o.short_name: o for o in Organisation.objects.filter(area_path__startswith=UNDER[0])}
    for one in CAST:
        user = account(one.username, one.name, at, PHONES.get(one.name, ""))
        if one.role:
            grant(user, one.role, have[one.unit], (one.path,), at)
    for org in have.values():
        if org.kind in {"department", "enterprise", "township", "federation"}:
            for role, title in (("unit_officer", "科员"), ("unit_lead", "负责人")):
                grant(account(f"{org.pk}.{role}", f"{org.short_name}{title}", at), role, org, (org.area_path,), at)


def account(username: str, call_name: str, at: dt.datetime, phone: str = "") -> User:
    """An account without a password: the demo logs in by one click."""
    found = User.objects.filter(username=username).first()
    return found or people.register(
        by=SYSTEM,
        at=at,
        username=username,
        call_name=call_name,
        name=call_name if phone else "",
        phone=phone,
        phone_verified=bool(phone),
    )


def grant(user: User, role: str, org: Organisation, paths: tuple[str, ...], at: dt.datetime) -> None:
    if not Grant.objects.filter(user=user, role__key=role, org=org).exists():
        orgs.give_grant(user_id=user.pk, role=role, paths=paths, org_id=org.pk, reason="演示", by=SYSTEM, at=at)


@dataclass(slots=True)
class Staff:
    """The actors of the county, by what they do and for whom."""

    dispatcher: Actor
    clerk: Actor
    supervisor: Actor
    second: Actor  # a second person to confirm exclusions
    revisitor: Actor
    officers: dict[int, Actor]
    leads: dict[int, Actor]
    by_name: dict[str, Actor]  # everybody of CAST, by user name


def staff(at: dt.datetime) -> Staff:
    """Everybody who works in the county, with their grants."""
    by_name = {u.username: actor_for(u, at) for u in User.objects.filter(username__in=[c.username for c in CAST])}
    officers: dict[int, Actor] = {}
    leads: dict[int, Actor] = {}
    for g in Grant.objects.filter(role__key__in=("unit_officer", "unit_lead", "clerk")).select_related("user", "role"):
        assert g.org_id is not None
        side = leads if g.role.key == "unit_lead" else officers
        side.setdefault(g.org_id, actor_for(g.user, at))
    return Staff(
        dispatcher=by_name["sun.zuoxi"],
        clerk=by_name["han.wangge"],
        supervisor=by_name["lv.buzhang"],
        second=by_name["wei.kezhang"],
        revisitor=by_name["hao.huifang"],
        officers=officers,
        leads=leads,
        by_name=by_name,
    )
