"""Two counties with things of every kind: 芝罘区, where the cast works, and 莱山区 beside it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from heli.core.actor import SYSTEM
from heli.loop.duty import put_row
from heli.loop.models import Category
from heli.orgs.models import Grant, Member
from heli.orgs.steps import create_org
from heli.places.models import Area
from heli.rulebook.models import Rule
from tests.invariants.laid import (
    Laid,
    batched,
    hooked,
    lay,
    ours_of_other_rooms,
    snapped,
    standing,
    suggested,
    tipped,
    token_of,
    told_places,
    wished,
)
from tests.invariants.laid_volunteering import active, certified, doubted, exchanged, served, starred, volunteered
from tests.loop.told import PAVEMENT
from tests.world import COMMUNITY, NEXT_COUNTY


def ours(world: Any, now: dt.datetime) -> Laid:
    """Things of 芝罘区."""
    laid = lay(world, mark="芝罘标记", community=COMMUNITY, unit="城管局", helper="住建局", now=now)
    laid.values = ours_of_other_rooms(world)
    laid.values |= served(laid, org_id=world.org("心桥社工").pk, area_path=COMMUNITY, who=world.zhao_volunteer, now=now)
    laid.values |= batched(laid, area_path=COMMUNITY[:6], now=now)
    laid.values |= hooked(laid, area_path=COMMUNITY[:6], grant_id=laid.values["grant_id"], now=now)
    laid.values |= token_of(laid.values["grant_id"], now)
    laid.values |= wished(
        world, laid, community=COMMUNITY, unit="心桥社工", worker=world.li_social_worker, giver=world.zhao_volunteer, now=now
    )  # fmt: skip
    laid.values |= tipped(laid, COMMUNITY, now)
    laid.values |= volunteered(laid, community=COMMUNITY, team_id=world.org("银龄队").pk, now=now)
    laid.values |= certified(
        laid, org_id=world.org("心桥社工").pk, community=COMMUNITY, user=world.zhao_volunteer, now=now
    )
    laid.values |= doubted(laid, org_id=laid.values["org_id"], community=COMMUNITY, who=world.zhao_volunteer, now=now)
    laid.values |= starred(
        laid, org_id=laid.values["org_id"], community=COMMUNITY, who=world.zhao_volunteer, other=world.lv_supervisor, now=now
    )  # fmt: skip
    laid.values |= snapped(world, laid, community=COMMUNITY, unit="城管局", by=world.yu_officer, now=now)
    laid.values |= told_places(
        laid, community=COMMUNITY, org_id=world.org("城管局").pk, lat=37.536, lon=121.387, now=now
    )
    laid.values |= suggested(world, laid, community=COMMUNITY, unit="城管局", now=now)
    laid.values |= standing(laid, community=COMMUNITY, org_id=laid.values["org_id"], now=now)
    team = (world.qian_keeper, world.lv_supervisor)
    laid.values |= active(world, laid, community=COMMUNITY, unit="银龄队", people=team, now=now)
    laid.values |= exchanged(laid, county=COMMUNITY[:6], now=now)
    return laid


def theirs(world: Any, now: dt.datetime) -> Laid:
    """The same of 莱山区, where only 外县人 works."""
    county = Area.objects.get(path=NEXT_COUNTY)
    community = Area.objects.filter(path__startswith=NEXT_COUNTY, level=5, kind="admin").order_by("path")[0].path
    laid = lay(world, mark="莱山标记", community=community, unit="莱山城管局", helper="莱山诉求中心", now=now)
    org = world.org("莱山城管局").pk
    row = put_row(
        by=SYSTEM, at=now, area=county, category_id=Category.objects.get(code=PAVEMENT).pk, level=3, number="莱1", unit_id=org,
        citation="莱山标记",
    )  # fmt: skip
    laid.values = {
        "rule_id": Rule.objects.order_by("id").values_list("pk", flat=True)[0], "row_id": row.pk,
        "path": community[:9], "area_path": community[:9], "org_id": org, "user_id": world.outsider.pk, "username": "nobody",
        "member_id": Member.objects.filter(org=org).values_list("pk", flat=True)[0],
        "grant_id": Grant.objects.filter(user=world.outsider).values_list("pk", flat=True)[0],
    }  # fmt: skip
    laid.values |= served(laid, org_id=org, area_path=community, who=world.outsider, now=now)
    laid.values |= suggested(world, laid, community=community, unit="莱山城管局", now=now)
    laid.values |= batched(laid, area_path=NEXT_COUNTY, now=now)
    laid.values |= hooked(laid, area_path=NEXT_COUNTY, grant_id=laid.values["grant_id"], now=now)
    laid.values |= token_of(laid.values["grant_id"], now)
    laid.values |= wished(
        world, laid, community=community, unit="莱山城管局", worker=world.outsider, giver=world.outsider, now=now
    )  # fmt: skip
    laid.values |= tipped(laid, community, now)
    laid.values |= told_places(
        laid, community=community, org_id=world.org("莱山城管局").pk, lat=37.51, lon=121.44, now=now
    )
    team = create_org(kind="team", name="莱山志愿服务队", short_name="莱山队", area_path=community, by=SYSTEM, at=now)
    laid.values |= volunteered(laid, community=community, team_id=team.pk, now=now)
    laid.values |= certified(laid, org_id=org, community=community, user=world.outsider, now=now)
    laid.values |= doubted(laid, org_id=org, community=community, who=world.outsider, now=now)
    laid.values |= starred(
        laid, org_id=org, community=community, who=world.outsider, other=world.yu_officer, now=now
    )  # fmt: skip
    laid.values |= snapped(world, laid, community=community, unit="莱山城管局", by=world.outsider, now=now)
    laid.values |= standing(laid, community=community, org_id=org, now=now)
    team = (world.outsider, world.yu_officer)
    laid.values |= active(world, laid, community=community, unit="莱山诉求中心", people=team, now=now)
    laid.values |= exchanged(laid, county=NEXT_COUNTY, now=now)
    return laid
