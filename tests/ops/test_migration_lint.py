"""What a migration may not do while the version before it still serves, by bad examples and their mended form."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.postgres import operations as pg
from django.core import management
from django.db import OperationalError, connection, migrations, models
from django.db.models import Q
from django.db.models.functions import Now

from heli.ops import migrating, migration_lint
from tests.database import second_connection

NOTE = models.CharField(max_length=20, null=True)
INDEX = models.Index(fields=["note"], name="note_index")
CHECK = models.CheckConstraint(condition=Q(note="x"), name="note_check")
ONCE = models.UniqueConstraint(fields=["note"], name="note_once")
FOREIGN = models.ForeignKey("orgs.organisation", null=True, on_delete=models.PROTECT)


def wrong(*operations: Any, atomic: bool = True, contract: str = "") -> list[str]:
    """The lint's sentences about a migration of these operations."""
    migration = migrations.Migration("0099_example", "loop")
    migration.operations, migration.atomic = list(operations), atomic
    if contract:
        migration.contract = contract
    return migration_lint.lint(migration)


def sql(text: str) -> migrations.RunSQL:
    return migrations.RunSQL(text, migrations.RunSQL.noop)


add = migrations.AddField
BAD = [
    (migrations.RemoveField("request", "note"), migration_lint.DROP),
    (migrations.DeleteModel("Request"), migration_lint.DROP),
    (sql("ALTER TABLE loop_request DROP COLUMN note"), migration_lint.DROP),
    (sql("DROP TABLE IF EXISTS loop_request"), migration_lint.DROP),
    (migrations.RenameField("request", "note", "remark"), migration_lint.RENAME),
    (migrations.RenameModel("Request", "Matter"), migration_lint.RENAME),
    (migrations.AlterModelTable("request", "matters"), migration_lint.RENAME),
    (sql('ALTER TABLE "loop_request" RENAME COLUMN a TO b'), migration_lint.RENAME),
    (add("request", "note", models.CharField(max_length=20)), migration_lint.NULLS),
    (add("request", "note", models.CharField(max_length=20, default="")), migration_lint.NULLS),
    (add("request", "seen", models.DateTimeField(db_default=Now())), migration_lint.VOLATILE),
    (add("request", "note", models.CharField(max_length=20, null=True, db_index=True)), migration_lint.INDEX),
    (add("request", "note", models.CharField(max_length=20, null=True, unique=True)), migration_lint.INDEX),
    (add("request", "org", FOREIGN), migration_lint.FOREIGN),
    (migrations.AlterField("request", "note", models.TextField()), migration_lint.TYPE),
    (sql("ALTER TABLE loop_request ALTER COLUMN note TYPE text"), migration_lint.TYPE),
    (sql("ALTER TABLE loop_request ALTER COLUMN note SET NOT NULL"), migration_lint.CHECK),
    (migrations.AddIndex("request", INDEX), migration_lint.INDEX),
    (sql("CREATE UNIQUE INDEX x ON loop_request (note)"), migration_lint.INDEX),
    (migrations.RemoveIndex("request", "note_index"), migration_lint.GONE),
    (migrations.AddConstraint("request", CHECK), migration_lint.CHECK),
    (sql("ALTER TABLE ONLY loop_request ADD CONSTRAINT c CHECK (note <> '')"), migration_lint.CHECK),
    (migrations.AddConstraint("request", ONCE), migration_lint.UNIQUE),
    (pg.AddIndexConcurrently("request", INDEX), migration_lint.ATOMIC),
    (sql("CREATE INDEX CONCURRENTLY x ON loop_request (note)"), migration_lint.ATOMIC),
    (
        migrations.SeparateDatabaseAndState(database_operations=[sql("ALTER TABLE loop_request DROP COLUMN note")]),
        migration_lint.DROP,
    ),
]


@pytest.mark.parametrize(("operation", "why"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_refused(operation: Any, why: str) -> None:
    said = wrong(operation)
    assert len(said) == 1 and said[0].endswith(why), said


GOOD = [
    (add("request", "note", NOTE),),
    (add("request", "note", models.CharField(max_length=20, db_default="")),),
    (add("request", "org", models.ForeignKey("orgs.organisation", null=True, on_delete=models.PROTECT, db_constraint=False, db_index=False)),),
    (add("request", "tags", models.ManyToManyField("orgs.organisation")),),
    (pg.AddConstraintNotValid("request", CHECK),),
    (pg.ValidateConstraint("request", "note_check"),),
    (sql("ALTER TABLE loop_request ADD CONSTRAINT c CHECK (note <> '') NOT VALID"),),
    (sql("ALTER TABLE loop_request ADD CONSTRAINT c UNIQUE USING INDEX x"),),
    (sql("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DROP TABLE loop_request; $$"),),
    (sql("-- ALTER TABLE loop_request DROP COLUMN note\nSELECT 1"),),
    (sql("CREATE TABLE loop_new (id int); CREATE INDEX x ON loop_new (id); ALTER TABLE loop_new DROP COLUMN id"),),
    (
        migrations.CreateModel("Fresh", [("id", models.BigAutoField(primary_key=True)), ("note", NOTE)]),
        migrations.AddIndex("fresh", INDEX),
        migrations.AddConstraint("fresh", ONCE),
        add("fresh", "org", FOREIGN),
        sql("CREATE INDEX y ON loop_fresh (note)"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("operations", GOOD, ids=[str(n) for n in range(len(GOOD))])
def test_allowed(operations: Any) -> None:
    assert wrong(*operations) == []


def test_the_second_step_says_that_it_is_one() -> None:
    for gone in (migrations.RemoveField("request", "note"), sql("ALTER TABLE loop_request DROP COLUMN note")):
        assert wrong(gone, contract="request.note: nothing reads it since 0.4") == []
    assert wrong(migrations.AddIndex("request", INDEX), contract="no reason to lock anybody out") != []


def test_an_index_made_beside_the_work_stands_alone() -> None:
    index = pg.AddIndexConcurrently("request", INDEX)
    assert wrong(index, atomic=False) == []
    assert wrong(index, add("request", "note", NOTE), atomic=False) == [migration_lint.MIXED]


# Applying them beside others ------------------------------------------------------------------------------------------
def applying(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """In place of Django's command: one statement, as a migration would make it."""

    def run(*_words: Any, **_named: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    monkeypatch.setattr(management, "call_command", run)


@pytest.fixture
def mine(fire_db: str) -> None:
    """A table of the application's role, so that this process may change it."""
    with second_connection(owner=True) as db:
        db.execute("CREATE TABLE busy (id int, note text)")
        db.execute("ALTER TABLE busy OWNER TO heli_app")
        db.execute("GRANT CREATE ON SCHEMA public TO heli_app")


def test_a_change_gives_way_and_is_tried_again(mine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    applying(monkeypatch, "ALTER TABLE busy ADD COLUMN more int")
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.2)
    with second_connection() as reader:
        reader.execute("SELECT * FROM busy")  # a long report
        start = time.monotonic()
        with pytest.raises(OperationalError):
            migrating.migrate(tries=2, pause=0)
        assert time.monotonic() - start < 5
        with second_connection() as other:  # whoever comes after does not stand behind the change
            other.execute("SET statement_timeout = '1s'")
            other.execute("SELECT * FROM busy")
    assert migrating.migrate(tries=2, pause=0) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT more FROM busy")
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("20s",), "as the application had it (settings.DATABASES)"


def test_what_an_interrupted_index_left_is_dropped(mine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO busy VALUES (1, 'a'), (1, 'b')")
        with pytest.raises(Exception, match="could not create unique index"):
            cursor.execute("CREATE UNIQUE INDEX CONCURRENTLY busy_once ON busy (id)")
        cursor.execute("DELETE FROM busy WHERE note = 'b'")
    applying(monkeypatch, "CREATE UNIQUE INDEX CONCURRENTLY busy_once ON busy (id)")
    assert migrating.migrate(tries=1) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'busy_once'::regclass")
        assert cursor.fetchone() == (True,)
