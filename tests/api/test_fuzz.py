"""A short run of the fuzz in CI; `FUZZ=200` asks every operation 200 times by one who may, and twice by each
other role (docs/api.md)."""

from __future__ import annotations

import os
from typing import Any

import pytest

from heli.loop.models import Category, Clock, Dispatch, Exclusion, Extension, Handling, Request, Voice
from heli.orgs.models import Grant, Member, Organisation
from tests.api import fuzz
from tests.api.asking import minted
from tests.invariants.laid import Laid
from tests.loop.told import PAVEMENT
from tests.world import COMMUNITY, COUNTY, STREET

EXAMPLES = int(os.environ.get("FUZZ", "2"))
K, N = (int(x) for x in os.environ.get("FUZZ_PART", "0/1").split("/"))  # to share the work among processes
SEED = int(os.environ.get("FUZZ_SEED", "20261123"))
ROLES = (
    "",
    "孙坐席",
    "于科员",
    "许股长",
    "吕部长",
    "郝回访",
    "韩网格",
    "外县人",
    "姜管理",
)  # the last may end the others' grants
Counties = tuple[Any, Laid, Laid]
ASKED: set[str] = set()  # operations that some role of this run was let in to


def known(here: Laid, there: Laid, world: Any) -> dict[str, list[Any]]:
    """Values that are there, by the name of a parameter or field."""
    of = {"dispatch_id": Dispatch, "clock_id": Clock, "extension_id": Extension, "reply_id": Handling, "voice_id": Voice,
          "exclusion_id": Exclusion, "org_id": Organisation, "member_id": Member, "grant_id": Grant}  # fmt: skip
    ids: dict[str, list[Any]] = {name: list(m.objects.values_list("pk", flat=True)) for name, m in of.items()}
    units = list(Organisation.objects.filter(area_path=COUNTY).values_list("pk", flat=True))
    codes = list(Request.objects.values_list("code", flat=True))
    areas = [COMMUNITY, STREET, COUNTY, "37", "370602003006", "371399"]
    return {
        **ids, "code": [*codes, PAVEMENT], "into": codes, "unit_id": units, "path": areas, "area_path": areas, "area": areas,
        "within": areas, "token": here.tokens + there.tokens, "category": [PAVEMENT, "0401", ""], "user_id": [u.pk for u in world.users.values()],
        "file_id": [str(f) for f in here.things["file"].values()], "rule_id": [here.values["rule_id"]], "row_id": [here.values["row_id"]],
        "year": [2025, 2026, 2027], "role": ["viewer", "dispatcher"], "phone": ["13700000009", ""],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _no_limit(settings: Any) -> None:
    settings.HELI_API_RATE = settings.HELI_API_PUBLIC_RATE = 10**9


@pytest.mark.parametrize("name", ["", "孙坐席"], ids=lambda n: n or "nobody")
def test_what_an_answer_leads_to(counties: Counties, name: str) -> None:
    """The links of the description, followed: what was made is read, changed and ended by the next requests."""
    made = minted(counties[0], name) if name else None
    told = fuzz.walk(made.secret if made else "", examples=max(3, EXAMPLES // 4), start=SEED)
    print(f"\n{name or 'nobody'}, walking: {told.asked} requests; {dict(sorted(told.statuses.items()))}")
    assert told.asked > 5


@pytest.mark.parametrize("name", ROLES, ids=lambda n: n or "nobody")
def test_no_error_of_ours_and_nothing_undeclared(counties: Counties, name: str) -> None:
    world, here, there = counties
    made = minted(world, name) if name else None
    told = fuzz.run(
        made.secret if made else "",
        known(here, there, world),
        caps=made.token.caps if made else (),
        examples=EXAMPLES,
        asked=ASKED,
        part=(K, N),
        start=SEED,
    )
    print(f"\n{name or 'nobody'}: {told.asked} requests, {told.operations} operations, {len(told.deep)} of them done;"
          f" {dict(sorted(told.statuses.items()))}")  # fmt: skip
    assert told.asked >= told.operations * min(EXAMPLES, 2) // 2
    if told.wrong:
        pytest.fail("\n".join(sorted(set(told.wrong))[:40]), pytrace=False)


def test_there_is_something_to_find(counties: Counties) -> None:
    """Categories, units and requests are there; else a run would look at nothing but 404s."""
    assert Category.objects.exists() and Request.objects.count() > 10
