"""May this change of tables be made while the version before it still serves? ``python -m heli.ops.migration_lint``

Asked of every migration newer than BASELINE, in `./run lint`; needs no database. The rules, and what to write instead,
are the sentences below. Change in two steps: add, deploy, and only then take away, in a migration that says so:

    class Migration(migrations.Migration):
        contract = "request.note: nothing reads it since 0.4"     # DROP and RENAME are then allowed

A table made in the same migration is nobody's yet: anything may be done to it.
Source: PostgreSQL 15 manual, ALTER TABLE (notes) and CREATE INDEX (building indexes concurrently).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.postgres import operations as pg
from django.db import migrations, models
from django.db.models import Value
from django.db.models.fields import NOT_PROVIDED

# The last migration of each room that was there before anybody served from these tables. Never raised.
BASELINE = {
    "core": 3, "hooks": 2, "api": 1, "loop": 1, "people": 1, "orgs": 2, "places": 2, "rulebook": 1, "insight": 1
}  # fmt: skip

DROP = "takes away what the version before still reads. Deploy code that does without it first; then set `contract`"
RENAME = "renames what the version before still uses. Add the new one, copy, deploy, then drop the old one"
NULLS = "is NOT NULL without db_default: inserts of the version before fail. Give it db_default, or null=True"
VOLATILE = (
    "has a default that differs by row: the whole table is written anew. Add it with null=True, fill it in batches"
)
INDEX = "locks writers out while the index is built. Use AddIndexConcurrently and atomic = False"
GONE = "locks everybody out. Use RemoveIndexConcurrently and atomic = False"
CHECK = "reads the whole table under a lock. Use AddConstraintNotValid, and ValidateConstraint in the next migration"
UNIQUE = "builds its index under a lock. Make a unique index CONCURRENTLY, then ADD CONSTRAINT … USING INDEX by RunSQL"
TYPE = (
    "may write the whole table anew, or read it under a lock. Add a new column, or mark it `contract` with the reason"
)
FOREIGN = (
    "checks every row under a lock and builds an index. Use db_constraint=False and db_index=False, and add both after"
)
ATOMIC = "a CONCURRENTLY statement needs atomic = False"
MIXED = (
    "atomic = False with other changes beside the index: cut off, it would be half done. Give it a migration of its own"
)

SQL_RULES: tuple[tuple[str, str, str, bool], ...] = (  # pattern, table's group name, what is wrong, allowed by `contract`
    (r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY).*?\bON\s+(?:ONLY\s+)?(?P<t>[\w\".]+)", "t", INDEX, False),
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<t>[\w\".]+)\s[^;]*?\bDROP\s+COLUMN\b", "t", DROP, True),
    (r"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<t>[\w\".]+)", "t", DROP, True),
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<t>[\w\".]+)\s[^;]*?\bRENAME\b", "t", RENAME, True),
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<t>[\w\".]+)\s[^;]*?\bSET\s+NOT\s+NULL\b", "t", CHECK, True),
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<t>[\w\".]+)\s[^;]*?\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b", "t", TYPE, True),
    (
        r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<t>[\w\".]+)\s[^;]*?\bADD\s+CONSTRAINT\b(?![^;]*\b(?:NOT\s+VALID|USING\s+INDEX)\b)",
        "t", CHECK, False,
    ),
)  # fmt: skip


def name_of(table: str) -> str:
    return table.replace('"', "").split(".")[-1].lower()


class Reader:
    """Looks through one migration. `made`: tables and models that come into being in it."""

    def __init__(self, migration: migrations.Migration) -> None:
        self.migration = migration
        self.contract = bool(getattr(migration, "contract", ""))
        self.made: set[str] = set()
        self.concurrent = 0

    def wrong(self) -> Iterator[str]:
        """What is wrong with it, a sentence each."""
        found = list(self.each(self.migration.operations))
        yield from found
        if self.concurrent and self.migration.atomic:
            yield ATOMIC
        others = [op for op in self.migration.operations if not self.stops_nobody(op)]
        if not self.migration.atomic and others:
            yield MIXED

    def stops_nobody(self, op: Any) -> bool:
        if isinstance(op, pg.AddIndexConcurrently | pg.RemoveIndexConcurrently | pg.ValidateConstraint):
            return True
        if isinstance(op, migrations.RunPython):
            return True  # batches, each its own transaction
        if isinstance(op, migrations.SeparateDatabaseAndState):
            return all(self.stops_nobody(o) for o in op.database_operations)
        return isinstance(op, migrations.RunSQL) and all(
            re.search(r"\bCONCURRENTLY\b", s, re.IGNORECASE)
            or not re.search(r"\b(CREATE|ALTER\s+TABLE|DROP)\b", s, re.IGNORECASE)
            for s in statements(op.sql)
        )

    def each(self, operations: Iterable[Any]) -> Iterator[str]:
        for op in operations:
            for what, why in self.one(op):
                yield f"{what} {why}"

    def one(self, op: Any) -> Iterator[tuple[str, str]]:  # noqa: PLR0912  (a table of cases)
        model = str(getattr(op, "model_name", "")).lower()
        there = model not in self.made
        of = f"{model}.{getattr(op, 'name', '')}"
        match op:
            case migrations.CreateModel():
                self.made |= {
                    op.name.lower(),
                    name_of(op.options.get("db_table", f"{self.migration.app_label}_{op.name}")),
                }
            case migrations.SeparateDatabaseAndState():
                for inner in op.database_operations:
                    yield from self.one(inner)
            case migrations.RunSQL():
                yield from self.sql(op)
            case pg.AddIndexConcurrently() | pg.RemoveIndexConcurrently():
                self.concurrent += 1
            case migrations.DeleteModel() if not self.contract:
                yield op.name, DROP
            case migrations.RemoveField() if there and not self.contract:
                yield of, DROP
            case migrations.RenameField() if there and not self.contract:
                yield f"{model}.{op.old_name}", RENAME
            case migrations.RenameModel() if not self.contract:
                yield op.old_name, RENAME
            case migrations.AlterModelTable() if not self.contract:
                yield op.name, RENAME
            case migrations.AddField() if there:
                yield from ((of, why) for why in self.field(op.field))
            case migrations.AlterField() if there and not self.contract:
                yield of, TYPE
            case migrations.AddIndex() if there:
                yield op.index.name, INDEX
            case migrations.RemoveIndex() if there:
                yield of, GONE
            case pg.AddConstraintNotValid():
                return
            case migrations.AddConstraint() if there:
                plain = isinstance(op.constraint, models.CheckConstraint)
                yield op.constraint.name, CHECK if plain else UNIQUE

    def field(self, field: Any) -> Iterator[str]:
        """A column for a table that is in use."""
        if field.many_to_many:
            return  # a table of its own
        if field.remote_field and (field.db_constraint or field.db_index):
            yield FOREIGN
        default = field.db_default
        if not field.null and default is NOT_PROVIDED:
            yield NULLS
        if default is not NOT_PROVIDED and hasattr(default, "resolve_expression") and not isinstance(default, Value):
            yield VOLATILE
        if (field.unique or field.db_index) and not field.remote_field:
            yield INDEX

    def sql(self, op: migrations.RunSQL) -> Iterator[tuple[str, str]]:
        for text in statements(op.sql):
            self.made |= {
                name_of(m)
                for m in re.findall(r"CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w\".]+)", text, re.I)
            }
            if re.search(r"\bCONCURRENTLY\b", text, re.IGNORECASE):
                self.concurrent += 1
            for pattern, group, why, by_contract in SQL_RULES:
                for found in re.finditer(pattern, text, re.IGNORECASE | re.DOTALL):
                    table = name_of(found[group])
                    if table not in self.made and not (by_contract and self.contract):
                        yield table, why


def statements(sql: Any) -> list[str]:
    """The SQL of a RunSQL, without comments and without bodies of functions: those run later."""
    parts = [sql] if isinstance(sql, str) else [s if isinstance(s, str) else s[0] for s in sql or ()]
    texts = []
    for part in parts:
        plain = re.sub(r"--[^\n]*|/\*.*?\*/", " ", part, flags=re.DOTALL)
        plain = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", plain, flags=re.DOTALL)
        texts += [s.strip() for s in plain.split(";") if s.strip()]
    return texts


def lint(migration: migrations.Migration) -> list[str]:
    """What is wrong with one migration; empty when it may run beside the version before."""
    return list(Reader(migration).wrong())


def newer() -> Iterator[migrations.Migration]:
    """Our migrations past the baseline."""
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    rooms = {c.label for c in apps.get_app_configs() if c.name.startswith("heli.")}
    for (room, name), migration in sorted(MigrationLoader(None, ignore_no_migrations=True).disk_migrations.items()):
        if room in rooms and int(name.split("_")[0]) > BASELINE.get(room, 0):
            yield migration


def main() -> int:
    """Prints what is wrong; returns the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()
    said = [f"{m.app_label}.{m.name}: {why}" for m in newer() for why in lint(m)]
    print("\n".join(said) or "clean")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
