"""A house made from nothing by the heli command, as docs/operating.md says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from typer.testing import CliRunner

from heli.cli import app
from heli.loop.models import Category, DutyRow
from heli.orgs.models import Organisation
from tests import database
from tests.database import ROOT

Heli = Callable[..., Any]


@pytest.fixture
def empty_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Every table, and nothing in them."""
    name, where = database.clone(f"tables_{database._tables_hash()}"), connections["default"].settings_dict
    shared = where["NAME"]
    with django_db_blocker.unblock():
        connections["default"].close()
        where["NAME"] = name
        try:
            yield
        finally:
            connections.close_all()
            where["NAME"] = shared
            database.drop(name)


@pytest.fixture
def heli() -> Heli:
    """Run the heli command with --json; returns what it printed."""

    def run(*words: str, fails: bool = False) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert (done.exit_code != 0) is fails, f"{words}: {done.output} {done.exception!r}"
        return json.loads(done.stdout)

    return run


def test_a_county_from_nothing(empty_db: None, heli: Heli) -> None:
    heli("areas", "import", "--under", "370602")
    assert heli("rules", "import")["added"] > 0 and heli("rules", "import")["added"] == 0
    assert "area_admin" in heli("grants", "roles")["roles"] and heli("grants", "roles")
    made = heli("loop", "reference", "--duty", str(ROOT / "heli" / "loop" / "data" / "duty_zhifu.yaml"))
    assert made["categories"]["new"] == Category.objects.count() > 0
    assert made["duty_rows"]["new"] == DutyRow.objects.count() > 0
    again = heli("loop", "reference", "--duty", str(ROOT / "heli" / "loop" / "data" / "duty_zhifu.yaml"))
    assert not any(n for of in again.values() for n in of.values()), "twice does no harm"
    desk = Organisation.objects.get(short_name="诉求中心").pk
    for user, called, role, unit in (
        ("jiang.guanli", "姜管理", "area_admin", 0),
        ("sun.zuoxi", "孙坐席", "dispatcher", desk),
    ):
        assert len(heli("grants", "open", user, "--called", called)["password"]) >= 10
        heli("grants", "give", user, role, "--paths", "370602", "--reason", "开站", "--unit", str(unit))
    assert "dispatch" in heli("grants", "list", "sun.zuoxi")[0]["may"]
    assert heli("grants", "open", "sun.zuoxi", "--called", "又一个", fails=True)["error"]["code"] == "L-522"
    found = heli("areas", "search", "大海阳")
    assert found[0]["path"] == "370602003006"
    assert heli("areas", "resolve", "芝罘区大海阳社区3号楼")["area"]["path"] == "370602003006"
