"""A write is one transaction with exactly one event, which nobody can change afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from heli.core import dbroles
from heli.core.actor import PUBLIC, SYSTEM, Actor, GrantView
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.core.models import Event, VaultRecord
from heli.core.states import Lifecycle, arrow
from heli.core.steps import step
from heli.people.models import User

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
OFFICER = Actor(
    user_id=7,
    grants=(
        GrantView(1, frozenset({Cap.VIEW_REQUESTS}), 8, "别处", ("370602",)),
        GrantView(2, frozenset({Cap.HANDLE_REQUESTS}), 9, "城管局", ("370602",), acting_for_id=4),
    ),
)
LIFE = Lifecycle(
    "thing",
    arrow("accept", "offered", "accepted", Cap.HANDLE_REQUESTS, Scope.OWN_UNIT),
    arrow("give_back", "offered accepted", "returned", Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, papers="reason"),
    arrow("force", "returned", "accepted", Cap.APPOINT_LEAD),
)


@dataclass
class Thing:
    """As little of a row as an arrow asks for."""

    pk: int = 3
    state: str = "offered"
    area_path: str = "370602003"
    unit_id: int = 9
    saved: tuple[str, ...] = ()

    class _meta:
        label_lower = "test.thing"

    class _state:
        adding = False

    def save(self, update_fields: list[str]) -> None:
        self.saved = tuple(update_fields)


def events() -> list[Event]:
    return list(Event.objects.filter(step__startswith="test.").order_by("id"))


@pytest.mark.django_db
def test_leaving_the_block_writes_one_event() -> None:
    thing = Thing()
    with step("test.accept", by=OFFICER, at=NOW) as s:
        s.move(thing, LIFE, "accept", save=("note",))
        s.about("test.thing", 3, "370602003")
        s.record(public=True, amount=5)
    (event,) = events()
    assert (event.step, event.at, event.user_id, event.before, event.after) == (
        "test.accept",
        NOW,
        7,
        "offered",
        "accepted",
    )
    assert (event.object_type, event.object_id, event.subject_id, event.public) == ("test.thing", 3, 3, True)
    assert (event.org_id, event.acting_for_id) == (9, 4)  # of the grant that allowed it, not of the first one
    assert event.data == {"amount": 5}
    assert thing.saved == ("state", "note")


@pytest.mark.django_db
def test_an_exception_leaves_nothing() -> None:
    count = VaultRecord.objects.count()
    with pytest.raises(ZeroDivisionError), step("test.fails", by=SYSTEM, at=NOW) as s:
        VaultRecord.objects.create(key_id="x")
        s.about("test.thing", 1, "")
        _ = 1 / 0
    assert events() == [] and VaultRecord.objects.count() == count


@pytest.mark.django_db
def test_a_step_that_does_not_say_what_it_is_about_is_not_written() -> None:
    with pytest.raises(AssertionError), step("test.nothing", by=SYSTEM, at=NOW):
        VaultRecord.objects.create(key_id="x")
    assert events() == []
    assert not VaultRecord.objects.filter(key_id="x").exists()


@pytest.mark.django_db
def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError), step("test.naive", by=SYSTEM, at=dt.datetime(2026, 3, 2)):
        pass


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "thing", "arrow_name", "papers", "error"),
    [
        (PUBLIC, Thing(), "accept", {}, Forbidden),
        (Actor(user_id=5), Thing(), "accept", {}, Forbidden),
        (OFFICER, Thing(unit_id=10), "accept", {}, Forbidden),
        (OFFICER, Thing(state="returned"), "accept", {}, WrongState),
        (OFFICER, Thing(state="returned"), "force", {}, Forbidden),
        (OFFICER, Thing(), "give_back", {}, PaperMissing),
        (OFFICER, Thing(), "give_back", {"reason": "  "}, PaperMissing),
        (OFFICER, Thing(), "give_back", {"reason": None}, PaperMissing),
    ],
)
def test_arrows_that_are_not_open(
    who: Actor, thing: Thing, arrow_name: str, papers: dict[str, Any], error: type[Exception]
) -> None:
    state = thing.state
    with pytest.raises(error), step("test.arrow", by=who, at=NOW) as s:
        s.about("test.thing", 3, "")
        s.move(thing, LIFE, arrow_name, **papers)
    assert thing.state == state and events() == []


@pytest.mark.django_db
def test_the_system_may_take_every_arrow_and_papers_enter_the_event() -> None:
    thing = Thing()
    with step("test.back", by=SYSTEM, at=NOW) as s:
        s.about("test.thing", 3, "")
        s.move(thing, LIFE, "give_back", reason="不属于本单位", photo=object())
    assert thing.state == "returned"
    assert events()[0].data == {"reason": "不属于本单位"}  # what is no plain value stays out


def test_two_arrows_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        Lifecycle("x", arrow("a", "1", "2"), arrow("a", "2", "1"))
    assert LIFE.states == ("offered", "accepted", "returned")


@pytest.mark.django_db
def test_locking_shows_what_the_actor_may_see(world: Any) -> None:
    own = Actor(user_id=world.wang_resident.pk)
    with transaction.atomic():
        with step("test.lock", by=own, at=NOW) as s:
            s.about("people.user", 1, "")
            assert s.lock(User, world.wang_resident.pk) == world.wang_resident
        for pk in (world.sun_dispatcher.pk, 2**40):  # another's and a missing one are the same
            with pytest.raises(NotFound), step("test.lock", by=own, at=NOW) as s:
                s.lock(User, pk)


@pytest.mark.django_db
def test_nobody_changes_what_happened() -> None:
    with step("test.kept", by=SYSTEM, at=NOW) as s:
        s.about("test.thing", 3, "")
    for sql in (
        "UPDATE core_event SET step = 'x'",
        "DELETE FROM core_event",
        "TRUNCATE core_event",
        "DROP TABLE core_event",
        "ALTER TABLE core_event ADD COLUMN x int",
    ):
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            transaction.atomic(),
            connection.cursor() as cur,
        ):
            cur.execute(sql)
    assert len(events()) == 1


@pytest.mark.django_db
def test_every_table_that_only_grows_is_guarded() -> None:
    tables = dbroles.append_only_tables()
    assert {"core_event", "core_access", "people_userevent", "orgs_grantevent"} <= set(tables)
    with connection.cursor() as cur:
        for table in tables:
            cur.execute(
                "SELECT has_table_privilege(%s, 'INSERT'), has_table_privilege(%s, 'UPDATE'), has_table_privilege(%s, 'DELETE'),"
                " has_table_privilege(%s, 'TRUNCATE')",
                [table] * 4,
            )
            assert cur.fetchone() == (True, False, False, False), table


def test_a_step_commits_with_its_event_and_is_seen_by_others(fire_db: str) -> None:
    from tests.database import second_connection

    with step("test.commit", by=SYSTEM, at=NOW) as s:
        s.about("test.thing", 3, "")
        with second_connection() as other:
            assert other.execute("SELECT count(*) FROM core_event WHERE step = 'test.commit'").fetchone() == (0,)
    with second_connection() as other:
        assert other.execute("SELECT count(*) FROM core_event WHERE step = 'test.commit'").fetchone() == (1,)
