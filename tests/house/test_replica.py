"""Boards are read on a standby that keeps up, and nowhere else; nothing is ever written there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.core import replica
from heli.loop.models import Category, Request
from heli.orgs.models import Organisation
from tests.world import COUNTY, World

REPLAYED = "SELECT {}::float8"  # stands for a standby that is so many seconds behind


@pytest.fixture
def standby(fire_db: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second connection to the same database, set up as settings.py sets up HELI_REPLICA_URL; it keeps up."""
    own = connections["default"].settings_dict
    options = {**own["OPTIONS"], "options": "-c default_transaction_read_only=on", "connect_timeout": 2}
    connections.databases["replica"] = {**own, "OPTIONS": options}
    monkeypatch.setattr(replica, "_asked", (0.0, False))
    monkeypatch.setattr(replica, "LAG", REPLAYED.format(1))
    yield
    connections["replica"].close()
    del connections.databases["replica"]
    delattr(connections._connections, "replica")  # type: ignore[attr-defined]


def board(client: Client) -> tuple[int, int]:
    """(statements on the primary about requests or rollups, statements on the standby) of one look at the board."""
    with CaptureQueriesContext(connections["default"]) as here, CaptureQueriesContext(connections["replica"]) as there:
        assert client.get(f"/board/{COUNTY}/").status_code == 200
    ours = [q for q in here.captured_queries if '"loop_' in q["sql"] or '"insight_' in q["sql"]]
    return len(ours), len(there.captured_queries)


@pytest.fixture
def supervisor(standby: None, world: World, client: Client, settings: Any) -> Client:
    settings.HELI_STAFF_MFA = False
    client.force_login(world.lv_supervisor, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_board_is_read_on_the_standby(supervisor: Client) -> None:
    here, there = board(supervisor)
    assert there >= 3
    assert here == 0


def test_public_figures_too(standby: None, client: Client) -> None:
    with CaptureQueriesContext(connections["replica"]) as there:
        assert client.get("/board/public/").status_code == 200
    assert len(there.captured_queries) >= 2


@pytest.mark.parametrize("behind", ["16", "NULL"])
def test_one_that_is_behind_or_no_standby_is_passed_over(
    supervisor: Client, behind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "LAG", REPLAYED.format(behind))
    here, there = board(supervisor)
    assert here >= 3
    assert there == 1  # the question how far behind it is
    assert board(supervisor)[1] == 0  # not asked again at once


def test_the_primary_itself_is_no_standby(standby: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert replica.lag() is None


def test_one_that_is_away_is_passed_over(supervisor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["replica"].settings_dict, "HOST", "/nowhere")
    with CaptureQueriesContext(connections["default"]) as here:
        assert supervisor.get(f"/board/{COUNTY}/").status_code == 200
    assert any('"loop_' in q["sql"] for q in here.captured_queries)


def test_one_that_dies_in_the_middle_costs_nobody_a_page(supervisor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was fit a second ago; then its server ends the connection."""
    assert board(supervisor)[1] >= 3
    replica._asked = (time.monotonic() + 60, True)

    def cut(execute: object, statement: str, *_more: object) -> None:
        raise OperationalError("terminating connection due to conflict with recovery")

    with connections["replica"].execute_wrapper(cut):
        assert supervisor.get(f"/board/{COUNTY}/").status_code == 200
    assert not replica.fit()


def test_nothing_is_written_there(standby: None) -> None:
    with replica.reading() as there:
        assert there
        found = Category.objects.order_by("id").first()
        assert found is not None and found._state.db == "replica"
        found.save()  # goes to the primary
        with transaction.atomic():
            assert Request.objects.select_for_update().db == "default"
        assert Organisation.objects.all().db == "default"
    assert Category.objects.all().db == "default"
    with pytest.raises(DatabaseError, match="read-only"):
        found.save(using="replica")
    with pytest.raises(DatabaseError, match="read-only"), connections["replica"].cursor() as cur:
        cur.execute("DELETE FROM loop_category")
    with CaptureQueriesContext(connections["replica"]) as there_too:
        found.refresh_from_db()  # outside, what came from there is read at home
    assert there_too.captured_queries == []


def test_without_one_nothing_is_asked(db: None) -> None:
    assert "replica" not in connections.databases
    with replica.reading() as there:
        assert there is False
        assert Category.objects.all().db == "default"


def test_a_real_standby_says_how_far_behind_it_is() -> None:
    """The statement itself, on a server; that it tells a standby's lag was tried with one (docs/operating.md)."""
    from heli import localpg
    from tests import database

    with psycopg.connect(localpg.ensure(database.var(), fsync=False).owner_url) as db:
        assert db.execute(replica.LAG).fetchone() == (None,)
