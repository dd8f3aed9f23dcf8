"""What the application's database role may do, and that the tests run as that role."""

from __future__ import annotations

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from heli.core.dbroles import append_only_tables
from tests import database
from tests.world import World


@pytest.fixture
def as_app(db: None) -> str:
    with connection.cursor() as cur:
        cur.execute("SELECT current_user")
        return str(cur.fetchone()[0])


def test_tests_run_as_the_application(as_app: str) -> None:
    assert as_app == "heli_app"


def test_each_room_has_one_head_and_no_model_without_its_migration(db: None) -> None:
    assert MigrationLoader(connection).detect_conflicts() == {}
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_events_and_readings_are_append_only() -> None:
    assert {"core_event", "core_access"} <= set(append_only_tables())


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE {table} SET {key} = {key}", "DELETE FROM {table}", "TRUNCATE {table}"])
def test_the_application_cannot_rewrite_history(statement: str) -> None:
    keys = {m._meta.db_table: m._meta.pk.column for m in apps.get_models()}
    tables = set(connection.introspection.table_names()) & set(append_only_tables())
    assert len(tables) > 5
    for table in tables:
        sql = statement.format(table=f'"{table}"', key=f'"{keys[table]}"')
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cur:
            cur.execute(sql)


@pytest.mark.django_db
def test_the_application_makes_and_drops_no_table() -> None:
    some = apps.get_model("people", "User")._meta.db_table
    for statement in ("CREATE TABLE mine ()", f'DROP TABLE "{some}"', f'ALTER TABLE "{some}" DISABLE TRIGGER ALL'):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cur:
            cur.execute(statement)


def test_fire_db_commits_for_others_to_see(fire_db: str) -> None:
    from django.utils import timezone

    from heli.core.models import Session

    now = timezone.now()
    Session.objects.create(session_key="seen", session_data="", expire_date=now, since=now, seen_at=now)
    with database.second_connection() as other:
        assert other.execute("SELECT session_key FROM core_session").fetchall() == [("seen",)]
        assert other.info.dbname == fire_db


def test_each_fire_db_is_fresh(fire_db: str) -> None:
    from heli.core.models import Session

    assert not Session.objects.exists()


def test_race_runs_each_call_on_its_own_connection(fire_db: str) -> None:
    def backend() -> int:
        with connection.cursor() as cur:
            cur.execute("SELECT pg_backend_pid()")
            return int(cur.fetchone()[0])

    def fails() -> None:
        raise ValueError("told")

    one, two, error = database.race(backend, backend, fails)
    assert len({one, two, backend()}) == 3
    assert isinstance(error, ValueError)


def test_a_lock_held_elsewhere_is_felt(fire_db: str) -> None:
    with database.second_connection() as other, connection.cursor() as cur:
        other.execute("SELECT pg_advisory_xact_lock(7)")
        cur.execute("SELECT pg_try_advisory_lock(7)")
        assert cur.fetchone() == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("CREATE TABLE mine ()")


def test_the_world_is_built(world: World) -> None:
    """When it is not, this says why; every other test that needs it fails too."""
    assert world.actor("孙坐席").is_staff
    assert not world.actor("王桂兰").is_staff
