"""Whatever a superuser of the database does to the ledger, one check finds; and it finds nothing where nothing was done.

Each tamper is done past every trigger and CHECK, in a transaction that is rolled back after the check. TAMPERS=1000 tries more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from heli import localpg
from heli.core import vault
from heli.engines import merkle, serial
from heli.engines.merkle import Head
from heli.ledger import audit, certificate_steps, log, steps
from heli.ledger.models import Checkpoint, Entry, LogKey, Node, Sequenced, Service
from heli.ledger.steps import Line
from tests import database
from tests.ledger.made import DAY, HOUR, MORNING, made

MANY = int(os.environ.get("TAMPERS", "42"))
PEOPLE = ("赵志愿", "周银龄", "王桂兰", "薛师傅")
Sql = Callable[..., list[Any]]


def sql(text: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)  # without values a % is itself
        return cursor.fetchall() if cursor.description else []


@dataclass
class Case:
    """The ledger, what of it was kept elsewhere, and chance."""

    notes: list[tuple[str, str]]
    chance: random.Random

    def one(self, table: str, column: str = "id", where: str = "TRUE") -> Any:
        rows = sql(f"SELECT {column} FROM {table} WHERE {where} ORDER BY {column}")
        return self.chance.choice(rows)[0]

    def two(self, table: str, column: str = "id") -> list[Any]:
        return self.chance.sample([r[0] for r in sql(f"SELECT {column} FROM {table} ORDER BY {column}")], 2)


# One of each kind, at random -------------------------------------------------------------------------------------------
EDITS = (
    ("ledger_entry", "id", "minutes = minutes - 1"),
    ("ledger_entry", "id", "at = at - interval '1 second'"),
    ("ledger_entry", "id", "by_id = coalesce(by_id, 0) + 1"),
    ("ledger_entry", "id", "reason = reason || '。'"),
    ("ledger_entry", "id", "facts = facts || '{\"title\": \"别的\"}'"),
    ("ledger_entry", "id", "kind = CASE kind WHEN 'planned' THEN 'checked' ELSE 'planned' END, grade = 'kiosk'"),
    ("ledger_entry", "id", "service_id = (SELECT min(id) FROM ledger_service s WHERE s.id <> service_id)"),
    ("ledger_service", "id", "planned = planned + 60"),
    ("ledger_service", "id", "checked = coalesce(checked, 0) + 60"),
    ("ledger_service", "id", "claimed = 5"),
    ("ledger_service", "id", "enrolled_at = enrolled_at - interval '1 day'"),
    ("ledger_service", "id", "source_id = source_id + 100000"),
    ("ledger_service", "id", "person_id = (SELECT max(id) FROM ledger_person p WHERE p.id <> person_id), credited = NULL,"
     " credited_from = NULL, credited_to = NULL, state = 'attended'"),  # past the rule that nobody is in two places
    ("ledger_service", "id", "grade = 'import'"),
    ("ledger_person", "id", "mark = sha256(mark)"),
    ("ledger_sequenced", "index", "hash = sha256(hash)"),
    ("ledger_node", "id", "hash = sha256(hash)"),
    ("ledger_checkpoint", "id", "root = sha256(root)"),
    ("ledger_checkpoint", "id", "note = replace(note, E'\\n' || size || E'\\n', E'\\n' || (size + 1) || E'\\n')"),
)  # fmt: skip


def edit(c: Case) -> None:
    table, key, change = c.chance.choice(EDITS)
    sql(f"UPDATE {table} SET {change} WHERE {key} = %s", c.one(table, key))


def edit_credited(c: Case) -> None:
    change = c.chance.choice(("credited = credited - 1", "title = '别的'", "leader_id = 7", "credited_from = credited_from"
                              " + interval '1 minute'"))  # fmt: skip
    sql(f"UPDATE ledger_service SET {change} WHERE id = %s", c.one("ledger_service", where="credited IS NOT NULL"))


def give_to_another(c: Case) -> None:
    a, b = c.two("ledger_person")
    (ua,), (ub,) = (sql("SELECT user_id FROM ledger_person WHERE id = %s", x)[0] for x in (a, b))
    sql("UPDATE ledger_person SET user_id = NULL, salt = '', forgotten_at = now() WHERE id = %s", a)
    sql("UPDATE ledger_person SET user_id = %s WHERE id = %s", ua, b)
    del ub


def delete(c: Case) -> None:
    table, key = c.chance.choice((("ledger_entry", "id"), ("ledger_sequenced", "index"), ("ledger_node", "id")))
    sql(f"DELETE FROM {table} WHERE {key} = %s", c.one(table, key))


def delete_with_its_place(c: Case) -> None:
    pk = c.one("ledger_entry")
    index = sql("DELETE FROM ledger_sequenced WHERE source_id = %s RETURNING index", pk)[0][0]
    sql("DELETE FROM ledger_entry WHERE id = %s", pk)
    if c.chance.random() < 0.5:  # and closes the gap
        sql("UPDATE ledger_sequenced SET index = -index - 1 WHERE index > %s AND FALSE", index)
        rows = sql("DELETE FROM ledger_sequenced WHERE index > %s RETURNING index, source, source_id, hash", index)
        for place, source, source_id, hash_ in sorted(rows):
            sql("INSERT INTO ledger_sequenced VALUES (%s, %s, %s, %s)", place - 1, source, source_id, hash_)


def delete_a_whole_service(c: Case) -> None:
    pk = c.one("ledger_service")
    sql("DELETE FROM ledger_sequenced WHERE source_id IN (SELECT id FROM ledger_entry WHERE service_id = %s)", pk)
    sql("DELETE FROM ledger_entry WHERE service_id = %s", pk)
    sql("DELETE FROM ledger_service WHERE id = %s", pk)


def reorder(c: Case) -> None:
    a, b = c.two("ledger_sequenced", "index")
    columns = c.chance.choice(("source_id", "source_id, hash", "hash"))
    rows = {i: sql("SELECT source_id, hash FROM ledger_sequenced WHERE index = %s", i)[0] for i in (a, b)}
    sql("UPDATE ledger_sequenced SET source_id = -source_id WHERE index IN (%s, %s)", a, b)
    for here, there in ((a, b), (b, a)):
        source_id = rows[there if "source_id" in columns else here][0]
        hash_ = rows[there if "hash" in columns else here][1]
        sql("UPDATE ledger_sequenced SET source_id = %s, hash = %s WHERE index = %s", source_id, hash_, here)


def reorder_entries(c: Case) -> None:
    a, b = c.two("ledger_entry")
    sql("UPDATE ledger_entry SET supersedes_id = NULL WHERE supersedes_id IN (%s, %s)", a, b)
    sql("UPDATE ledger_entry SET id = -1 WHERE id = %s", a)
    sql("UPDATE ledger_entry SET id = %s WHERE id = %s", a, b)
    sql("UPDATE ledger_entry SET id = %s WHERE id = -1", b)


NEW = (
    "INSERT INTO ledger_entry (service_id, kind, minutes, starts, ends, grade, by_id, at, reason, facts)"
    " SELECT service_id, 'claimed', minutes, NULL, NULL, '', by_id, at, 'x', '{}' FROM ledger_entry WHERE id = %s"
    " RETURNING id, service_id, minutes"
)


def insert(c: Case) -> None:
    pk, service, minutes = sql(NEW, c.one("ledger_entry"))[0]
    sql("UPDATE ledger_service SET claimed = %s WHERE id = %s", minutes, service)
    if c.chance.random() < 0.5:  # and gives it a place among those that were signed
        index = c.one("ledger_sequenced", "index")
        rows = sql("DELETE FROM ledger_sequenced WHERE index >= %s RETURNING index, source, source_id, hash", index)
        hash_ = merkle.leaf_hash(log.leaf(log.entry_leaves([pk])[pk]))
        for place, source, source_id, h in [(index - 1, "entry", pk, hash_), *sorted(rows)]:
            sql("INSERT INTO ledger_sequenced VALUES (%s, %s, %s, %s)", place + 1, source, source_id, h)


def follow(*ids: int) -> None:
    """Services' columns as their entries say: whoever knows the software does this, too."""
    for s in Service.objects.filter(pk__in=ids) if ids else Service.objects.all():
        entries = list(s.entries.order_by("pk"))
        if not entries:
            Service.objects.filter(pk=s.pk).delete()
            continue
        by = {e.kind: e for e in entries}
        p, k, m = by["planned"], by.get("checked"), by.get("claimed")
        money = next((e for e in reversed(entries) if e.kind in {"approved", "reversed"}), None)
        a = money if money and money.kind == "approved" else None
        graded = next((e.grade for e in reversed(entries) if e.kind in {"checked", "approved"}), "")
        Service.objects.filter(pk=s.pk).update(
            planned=p.minutes, starts=p.starts, ends=p.ends, checked=k and k.minutes, in_at=k and k.starts,
            out_at=k and k.ends, claimed=m and m.minutes, credited=a and a.minutes, credited_from=a and a.starts,
            credited_to=a and a.ends, grade=graded, state="approved" if a else "attended",
        )  # fmt: skip


def roll_back(c: Case) -> None:
    """The state of an old backup, whole in itself."""
    size = c.chance.randrange(0, Sequenced.objects.count())
    sql("DELETE FROM ledger_entry WHERE id IN (SELECT source_id FROM ledger_sequenced WHERE index >= %s)", size)
    sql("DELETE FROM ledger_sequenced WHERE index >= %s", size)
    sql("DELETE FROM ledger_node WHERE (n + 1) * 256 ^ level > %s", size)
    sql("DELETE FROM ledger_checkpoint WHERE size > %s", size)
    follow()


def split_view(c: Case) -> None:
    """Somebody was shown another log under our signature."""
    size = c.chance.randrange(1, Sequenced.objects.count() + 1)
    c.notes.append(("shown to somebody", signed(size, c.chance.randbytes(32))))


def history_anew(c: Case) -> None:
    """Who holds the signing key as well writes everything anew, and signs it: heads kept elsewhere tell."""
    pk = c.one("ledger_entry", where="kind = 'approved'")
    sql("UPDATE ledger_entry SET minutes = minutes - 1 WHERE id = %s", pk)
    sql("UPDATE ledger_entry SET minutes = minutes - 1 WHERE supersedes_id = %s", pk)
    follow(Entry.objects.get(pk=pk).service_id)
    ids = list(Sequenced.objects.order_by("index").values_list("source_id", flat=True))
    leaves = log.entry_leaves(ids)
    hashes = [merkle.leaf_hash(log.leaf(leaves[i])) for i in ids]
    for index, hash_ in enumerate(hashes):
        sql("UPDATE ledger_sequenced SET hash = %s WHERE index = %s", hash_, index)
    for level, n, node in merkle.grow(lambda *_: [], 0, hashes):
        sql("UPDATE ledger_node SET hash = %s WHERE level = %s AND n = %s", node, level, n)
    tree = merkle.Tree(log.read, len(hashes))
    for head in Checkpoint.objects.all():
        root = tree.root(head.size)
        sql("UPDATE ledger_checkpoint SET root = %s, note = %s WHERE id = %s", root, signed(head.size, root), head.pk)


def signed(size: int, root: bytes) -> str:
    key = LogKey.objects.get()
    text = Head(key.origin, size, root).text
    return f"{text}\n{merkle.sign(text, key.origin, vault.open_bytes(f'ledger.key:{key.origin}', key.private))}"


NO_CHECKS = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
            WHERE contype = 'c' AND conrelid IN ('ledger_entry'::regclass, 'ledger_service'::regclass)
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP;
END $$
"""
KINDS: tuple[Callable[[Case], None], ...] = (
    edit, edit, edit, edit_credited, give_to_another, delete, delete_with_its_place, delete_a_whole_service, reorder,
    reorder_entries, insert, roll_back, split_view, history_anew,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def ledger(fire_db: str, world: Any) -> Iterator[list[tuple[str, str]]]:
    """A ledger of some hundred entries under two heads, seen as the database's owner; the heads, as kept elsewhere."""
    m = made(world)
    notes = []
    for part in range(2):
        day = MORNING + part * DAY * 40
        openings = [m.opening(who, day + n * DAY, enrolled_at=day - DAY) for n in range(30) for who in PEOPLE]
        late: Any = {"at": day + 40 * DAY}
        services = m.open(*openings, **late)
        m.do(
            steps.attend,
            [Line(service_id=x.pk, minutes=120, starts=x.starts, ends=x.ends, grade="scan") for x in services[:100]],
            **late,
        )
        m.do(steps.approve, [Line(service_id=x.pk) for x in services[:60]], **late)
        m.do(steps.correct, [Line(service_id=services[3].pk, minutes=90)], reason="核对", **late)
        m.do(steps.reverse, [services[5].pk], reason="没有来", **late)
        while log.sequence():
            pass
        notes.append((f"kept {part}", log.checkpoint(late["at"]).note))
    where = connections["default"].settings_dict
    was = where["USER"]
    where["USER"] = conninfo_to_dict(localpg.urls(database.var(), fire_db).owner_url)["user"]
    connections["default"].close()
    yield notes
    connections["default"].close()
    where["USER"] = was


def test_every_tamper_is_found_and_nothing_where_nothing_was_done(ledger: list[tuple[str, str]]) -> None:
    assert audit.check(ledger) == []
    assert (Node.objects.count(), Sequenced.objects.count()) == (2, Entry.objects.count())
    missed = []
    for n in range(MANY):
        tamper = KINDS[n % len(KINDS)]
        case = Case(list(ledger), random.Random(n))
        with transaction.atomic():
            sql("SET LOCAL session_replication_role = replica")
            sql(NO_CHECKS)
            tamper(case)
            if not audit.check(case.notes):
                missed.append(f"{tamper.__name__} {n}")
            transaction.set_rollback(True)
    assert missed == []
    assert audit.check(ledger) == []


def test_what_is_published_is_checked_too(ledger: list[tuple[str, str]], tmp_path: Any) -> None:
    wrote = log.publish(tmp_path)
    assert wrote == 5 and log.publish(tmp_path) == 1  # two full tiles, a part of one at levels 0 and 1, the head
    assert audit.check([], tmp_path) == []
    tile = next(p for p in sorted((tmp_path / "tile" / "0").rglob("*")) if p.is_file())
    tile.write_bytes(tile.read_bytes()[::-1])
    assert [w for w in audit.check([], tmp_path) if "not the tile" in w]


def test_nothing_is_signed_over_a_changed_log(ledger: list[tuple[str, str]]) -> None:
    from heli.ledger.errors import LogBroken

    with transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        sql("UPDATE ledger_node SET hash = sha256(hash) WHERE n = 0")
        with pytest.raises(LogBroken):
            log.checkpoint(MORNING + 100 * DAY + HOUR)
        transaction.set_rollback(True)


def test_the_page_of_a_certificate_answers_by_the_rows_and_never_from_memory_alone(ledger: Any, world: Any) -> None:
    at = MORNING + 90 * DAY
    holder = world.actor(PEOPLE[0])
    made_ = certificate_steps.issue(
        user_id=holder.user_id, first_day=MORNING.date(), last_day=at.date(), language="zh", by=holder, at=at
    )
    while log.sequence():
        pass
    log.checkpoint(at)
    entry = made_.lines.get(n=2).entry_id
    for tamper in (
        f"UPDATE ledger_entry SET minutes = minutes - 1 WHERE id = {entry}",
        f"UPDATE ledger_sequenced SET hash = sha256(hash) WHERE source = 'entry' AND source_id = {entry}",
        "UPDATE ledger_person SET mark = sha256(mark)",
        "UPDATE ledger_certificate SET minutes = minutes - 1",
        "UPDATE ledger_checkpoint SET note = 'x'",
    ):
        assert _said(made_) == "ok"  # and kept
        with transaction.atomic():
            sql("SET LOCAL session_replication_role = replica")
            sql(tamper)
            assert _said(made_) == "wrong", tamper
            transaction.set_rollback(True)


def _said(c: Any) -> str:
    page = Client().get(f"/v/{serial.in_address(c.code)}/").content.decode()
    return page.partition('data-log="')[2].partition('"')[0]
