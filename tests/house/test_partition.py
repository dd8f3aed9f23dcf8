"""Events kept by month: the same to everybody who reads and writes them, made while somebody writes, run again after a cut."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction

from heli import localpg
from heli.core import backup, drill, partition
from heli.core.actor import SYSTEM
from heli.core.jobs import event_months
from heli.core.models import Event, Outbox
from heli.core.queries import events_about
from heli.core.steps import step
from tests import database
from tests.world import BORN


@pytest.fixture
def here(fire_db: str) -> str:
    """Where the test's database is, as its owner."""
    return localpg.urls(database.var(), fire_db).owner_url


def write(at: dt.datetime = BORN, about: int = 7) -> Event:
    with step("test.write", by=SYSTEM, at=at) as s:
        s.about("test.thing", about, "370602")
    return s.event


def parts(url: str) -> dict[str, int]:
    """{partition of core_event: rows}"""
    with psycopg.connect(url) as db:
        names = db.execute("SELECT relid::regclass::text FROM pg_partition_tree('core_event') WHERE isleaf ORDER BY 1")
        return {n: db.execute(f"SELECT count(*) FROM {n}".encode()).fetchone()[0] for (n,) in names}  # type: ignore[index]


def all_rows(url: str) -> backup.Head:
    with psycopg.connect(url) as db:
        db.execute(backup.TEXT)
        return backup.head(db)


def test_the_same_to_everybody(here: str) -> None:
    for n in range(3):
        write(about=n)
    before, count = all_rows(here), Event.objects.count()
    partition.partition(here, at_least=1)
    assert all_rows(here) == before
    found = parts(here)
    assert found["core_event_history"] == count and found["core_event_default"] == 0
    coming = len(found) - 2  # beside the history and what fits nowhere
    assert coming in {partition.AHEAD - 1, partition.AHEAD}  # near a month's end the history takes the next one, too

    made = write()
    assert made.pk == before.last + 1  # ids go on
    assert Event.objects.get(pk=made.pk).subject_id == 7
    assert [e.pk for e in events_about("test.thing", [7], public_only=False)] == [made.pk]
    assert Outbox.objects.filter(event_id=made.pk).count() == 1  # once, not once for each table
    Event.objects.bulk_create([Event(step="test.bulk", at=BORN, subject_type="test", subject_id=n) for n in range(5)])
    assert Event.objects.filter(step="test.bulk").count() == 5


def test_an_event_of_any_time_finds_a_place(here: str) -> None:
    partition.partition(here, at_least=1)
    for year in (1999, 2026, 2199):
        write(at=dt.datetime(year, 5, 1, tzinfo=dt.UTC))
    assert Event.objects.filter(step="test.write").count() == 3
    assert parts(here)["core_event_default"] == 1


def test_history_stays_closed(here: str) -> None:
    """The application can add through the table, and do nothing else to it or to any part; also after a migration."""
    partition.partition(here, at_least=1)
    for again in (False, True):
        if again:
            url = connections["default"].settings_dict
            connections["default"].close()
            url["USER"] = "heli_owner"
            call_command("migrate", verbosity=0, skip_checks=True)
            connections["default"].close()
            url["USER"] = "heli_app"
        write()
        for table in ["core_event", *parts(here)]:
            for statement in ("UPDATE {} SET step = 'x'", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"):
                with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cur:
                    cur.execute(statement.format(table))
        for part in parts(here):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cur:
                cur.execute(f"INSERT INTO {part} SELECT * FROM core_event LIMIT 1")


def test_nobody_waits_and_nothing_is_lost_while_it_is_done(here: str) -> None:
    """A writer goes on through the change and the split; a reader's open transaction delays it, nobody is turned away."""
    writer = drill.Writer(here.replace("heli_owner@", "heli_app@"), drill.TICK)
    writer.start()
    partition.partition(here, at_least=1)
    partition.split(here, batch=100)
    written = writer.end()
    with psycopg.connect(here) as db:
        ids = [i for (i,) in db.execute("SELECT id FROM core_event WHERE step = 'drill.tick' ORDER BY id")]
    assert ids == written and len(written) > 1
    assert Outbox.objects.filter(event_id__in=ids).count() == len(ids)


def test_it_steps_back_for_a_long_reader(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "WAIT", "50ms")
    monkeypatch.setattr(partition, "PAUSE", 0.01)
    monkeypatch.setattr(partition, "TRIES", 3)
    monkeypatch.setattr(partition, "_index", lambda db: None)  # CONCURRENTLY would wait for the reader for good
    with database.second_connection() as reader:
        reader.execute("SELECT count(*) FROM core_event")
        with pytest.raises(partition.Held):
            partition.partition(here, at_least=1)
        write()  # nobody is turned away
    monkeypatch.undo()
    partition.partition(here, at_least=1)
    write()


def test_cut_off_and_run_again(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_rows(here)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("_check", "_swap"):
        with monkeypatch.context() as once:
            once.setattr(partition, name, cut)
            with pytest.raises(KeyboardInterrupt):
                partition.partition(here, at_least=1)
        write()
    partition.partition(here, at_least=1)
    said = iter(range(100))
    for when in ("copied", "_compare", "_swap_months"):
        with monkeypatch.context() as once:
            if when != "copied":
                once.setattr(partition, when, cut)
            with pytest.raises(KeyboardInterrupt):
                partition.split(here, batch=50, say=cut if when == "copied" and next(said) == 0 else lambda _: None)
        write()
    partition.split(here, batch=50)
    assert partition.partition(here, at_least=1)[0].found.endswith("0 months made ahead")
    assert partition.split(here)[0].found == "split already"
    after = all_rows(here)
    assert after.rows == before.rows + 5 and Event.objects.filter(step="test.write").count() == 5


def test_the_old_events_get_their_months(here: str) -> None:
    partition.partition(here, at_least=1)
    write(at=dt.datetime(2025, 3, 31, 15, 59, tzinfo=dt.UTC))  # the last minute of March in Beijing
    write(at=dt.datetime(2025, 3, 31, 16, 0, tzinfo=dt.UTC))
    before = all_rows(here)
    partition.split(here, batch=100)
    assert all_rows(here) == before
    found = parts(here)
    assert "core_event_history" not in found
    assert (found["core_event_2025_03"], found["core_event_2025_04"]) == (1, 1)
    with psycopg.connect(here) as db:
        left = db.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^core_event_(split|late|history)' AND relkind IN ('r', 'p')"
        )
        assert left.fetchall() == []
        assert db.execute("SELECT to_regproc('core_event_late')").fetchone() == (None,)
    write(at=BORN - dt.timedelta(days=9000))
    assert parts(here)["core_event_earlier"] == 1


def test_a_late_event_is_taken_along(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One told with an old date, while its month is being copied and after."""
    partition.partition(here, at_least=1)
    real = partition._compare

    def compare(db: psycopg.Connection[object]) -> None:
        write(about=99)
        real(db)
        write(about=99)

    monkeypatch.setattr(partition, "_compare", compare)
    partition.split(here, batch=50)
    assert len(events_about("test.thing", [99], public_only=False)) == 2


def test_a_copy_that_differs_is_not_swapped_in(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    partition.partition(here, at_least=1)
    before, real = all_rows(here), partition._compare

    def compare(db: psycopg.Connection[object]) -> None:
        db.execute("UPDATE core_event_split SET step = 'other' WHERE id = (SELECT min(id) FROM core_event_split)")
        real(db)

    monkeypatch.setattr(partition, "_compare", compare)
    with pytest.raises(partition.NotTheSame):
        partition.split(here, batch=100)
    assert all_rows(here) == before and "core_event_history" in parts(here)


def test_months_are_made_ahead_by_the_worker(here: str) -> None:
    """As the application's role, which makes no tables; also when events of that month lie in the default already."""
    assert event_months(0) == 0  # one table: nothing to do
    partition.partition(here, at_least=1)
    assert event_months(0) == 0
    with psycopg.connect(here) as db:
        last = max(n for n in parts(here) if n[-1].isdigit())
        db.execute(f"DROP TABLE {last}".encode())
    year, month = int(last[-7:-3]), int(last[-2:])
    made = write(at=dt.datetime(year, month, 15, tzinfo=dt.UTC))
    assert parts(here)["core_event_default"] == 1
    assert event_months(0) == 1
    found = parts(here)
    assert (found["core_event_default"], found[last]) == (0, 1)
    assert Outbox.objects.filter(event_id=made.pk).count() == 1  # moved, not written anew
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cur:
        cur.execute("CREATE TABLE core_event_2099_01 ()")


def test_few_events_stay_one_table(here: str) -> None:
    assert "not needed" in partition.partition(here)[0].found
    assert [line.what for line in partition.partition(here, at_least=1, dry_run=True)] == ["events", "would make"]
    with psycopg.connect(here, autocommit=True) as db:
        assert partition.kind(db) == "r"
    with pytest.raises(partition.NotPartitioned):
        partition.split(here)


def test_what_points_at_events_stops_it(here: str) -> None:
    with psycopg.connect(here) as db:
        db.execute("CREATE TABLE pointing (event_id bigint REFERENCES core_event)")
    with pytest.raises(partition.PointedAt, match="pointing"):
        partition.partition(here, at_least=1)


def test_a_copy_of_months_comes_back(here: str, tmp_path: Path) -> None:
    """Dump, restore over itself, migrate: partitions, rights and ids are as they were."""
    partition.partition(here, at_least=1)
    partition.split(here)
    write()
    made = backup.back_up(here, tmp_path / "files", tmp_path / "copy")
    connections.close_all()
    before = parts(here)
    backup.restore(tmp_path / "copy", here, tmp_path / "files", force=True)
    assert parts(here) == before
    assert write().pk == made.contents.events.last + 1
    assert event_months(0) == 0
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cur:
        cur.execute("DELETE FROM core_event_default")
