"""What every size has in common: the areas of a province, rules, categories, units, accounts, grants, and the pools of
texts that requests are drawn from. Run as a module, in the surroundings of the base database and as its owner.

Everything is invented (heli/demo/content); places, categories and rules are the shipped ones.
"""

from __future__ import annotations

import datetime as dt
import random
import time

import django

django.setup()

from django.db import connection
from django.utils import timezone

from bench._place import COUNTY, PROVINCE, say
from heli.core import vault
from heli.core.actor import SYSTEM
from heli.core.models import VaultRecord
from heli.demo import content
from heli.loop import reference
from heli.loop.models import Category, DutyRow
from heli.orgs import steps as orgs
from heli.orgs.models import Grant, Organisation, Role, reach_of
from heli.people.models import User
from heli.places import steps as places
from heli.places.models import Area
from heli.places.pinyin import initials_of
from heli.rulebook import files as rulebook

TEXTS, REPLIES, PEOPLE = 6000, 3000, 20_000
DEPARTMENTS = (
    "城管局",
    "住建局",
    "市监局",
    "交警大队",
    "教体局",
    "卫健局",
    "人社局",
    "民政局",
    "公安分局",
    "生态环境分局",
    "执法局",
    "农业农村局",
)
DESK_ROLES = (("dispatcher", "d"), ("supervisor", "s"), ("revisitor", "r"), ("viewer", "v"))
UNIT_ROLES = (("unit_officer", "o"), ("unit_lead", "l"))


def units() -> None:
    """Desk, departments and street offices of every county; the measured county has the demo's whole duty list."""
    at = timezone.now() - dt.timedelta(days=900)
    reference.import_duty(at=at, path=reference.DATA / "duty_zhifu.yaml")
    counties = list(Area.objects.offered().filter(path__startswith=PROVINCE, level=3).order_by("path"))
    streets = list(Area.objects.offered().filter(path__startswith=PROVINCE, level=4).order_by("path"))
    have = set(Organisation.objects.values_list("area_path", "kind"))
    made = []

    def put(area: Area, kind: str, name: str, short: str) -> None:
        made.append(
            Organisation(kind=kind, name=name[:80], short_name=short[:30], initials=initials_of(area.path, short)[:80],
                         area=area, area_path=area.path, opened_at=at)
        )  # fmt: skip

    for area in Area.objects.filter(path__startswith=PROVINCE, level__lte=2).order_by("path"):
        put(area, "federation", f"{area.name}社会工作部", "社工部")
    for area in counties:
        if area.path == COUNTY:
            continue
        put(area, "desk", f"{area.name}诉求受理中心", "诉求中心")
        for short in DEPARTMENTS:
            put(area, "department", f"{area.name}{short}", short)
    for area in streets:
        if (area.path, "township") not in have:
            put(area, "township", f"{area.name}（{area.path}）", area.short_name)
    Organisation.objects.bulk_create(made, batch_size=2000)


def duty() -> None:
    """The measured county's list, for every other county with its own twelve departments."""
    rows = list(DutyRow.objects.filter(area_path=COUNTY, level=3).select_related("unit"))
    own = {}
    for o in Organisation.objects.filter(kind="department").exclude(area_path=COUNTY):
        own[o.area_path, o.short_name] = o.pk
    made = []
    for area in Area.objects.filter(path__in={path for path, _ in own}).order_by("path"):
        for n, r in enumerate(rows):
            short = r.unit.short_name if r.unit else ""
            unit = own.get((area.path, short)) or own[area.path, DEPARTMENTS[n % len(DEPARTMENTS)]]
            made.append(
                DutyRow(number=r.number, area=area, area_path=area.path, category_id=r.category_id, level=3,
                        unit_id=None if r.local else unit, local=r.local, functional=r.functional,
                        citation=r.citation, valid_from=r.valid_from)
            )  # fmt: skip
    DutyRow.objects.bulk_create(made, batch_size=2000)


def staff() -> None:
    """One account a role and unit: d.<area>, s.<area>, r.<area> at desks, o.<unit>, l.<unit> in units."""
    roles = {r.key: r for r in Role.objects.all()}
    at = timezone.now() - dt.timedelta(days=800)
    wanted = []
    for o in Organisation.objects.exclude(kind="community").order_by("pk"):
        if o.kind in {"desk", "federation"}:
            if (o.area_path, "desk") == (COUNTY, o.kind) or o.area_path != COUNTY:
                wanted += [(f"{short}.{o.area_path}", roles[key], o) for key, short in DESK_ROLES]
        else:
            wanted += [(f"{short}.{o.pk}", roles[key], o) for key, short in UNIT_ROLES]
    User.objects.bulk_create(
        [User(username=name, call_name=f"{o.short_name}{role.name}"[:40], password="!", date_joined=at) for name, role, o in wanted],
        batch_size=2000,
    )  # fmt: skip
    users = dict(User.objects.values_list("username", "pk"))
    Grant.objects.bulk_create(
        [
            Grant(user_id=users[name], role=role, org=o, paths=[o.area_path], reach=reach_of([o.area_path]),
                  valid_from=at, reason="bench")
            for name, role, o in wanted
        ],
        batch_size=2000,
    )  # fmt: skip


def pools() -> None:
    """Pools in the schema bench: texts with their category, replies, and people with what is sealed of each anew."""
    rng = random.Random(20261123)
    words = content.load()
    codes = dict(Category.objects.values_list("code", "pk"))
    areas = Area.objects.filter(path__startswith=COUNTY, level=5).select_related("parent").order_by("path")
    spots = [content.Place(a.path, a.short_name, a.parent.name) for a in areas if a.parent]
    year = dt.datetime(2026, 1, 1, 9, tzinfo=content.CHINA)
    with connection.cursor() as cur:
        cur.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        cur.execute(
            """CREATE TABLE bench.text (id int, category_id bigint, kind text, urgency text, title text, body text, spot text);
               CREATE TABLE bench.reply (id int, words text); CREATE TABLE bench.verdict (id int, level int, words text);
               CREATE TABLE bench.contact (id int, words text);
               CREATE TABLE bench.person (id int, name text, phone text)"""
        )
        replies, contacts = [], []
        with cur.copy("COPY bench.text FROM STDIN") as copy:
            for n in range(TEXTS):
                at = year + dt.timedelta(hours=rng.randrange(8600))
                t = words.write(rng, rng.choice(spots), at=at)
                copy.write_row((n, codes[t.category], t.kind, t.urgency, t.title[:60], t.body, t.place_note[:120]))
                if len(replies) < REPLIES:
                    replies.append(words.reply(rng, t, submitted=at, at=at + dt.timedelta(days=4))[0])
                    contacts.append(words.contact(rng, t, at=at + dt.timedelta(days=1)))
        for table, rows in (("reply", replies), ("contact", contacts)):
            with cur.copy(f"COPY bench.{table} FROM STDIN") as copy:
                for n, text in enumerate(rows):
                    copy.write_row((n, text))
        with cur.copy("COPY bench.verdict FROM STDIN") as copy:
            for n, w in enumerate(words.words):
                copy.write_row((n, w.level, w.text))
        with cur.copy("COPY bench.person FROM STDIN") as copy:
            for n in range(PEOPLE):
                one = words.person(rng)
                copy.write_row((n, one.name, f"139{n:08d}"))


def main() -> None:
    at, last = timezone.now(), time.perf_counter()
    for name, work in (
        ("areas", lambda: places.import_areas(at=at, under=(PROVINCE,))),
        ("rules", lambda: rulebook.import_shipped(by=SYSTEM, at=at)),
        ("roles", lambda: orgs.import_roles(at=at)),
        ("categories", lambda: reference.import_categories(at=at)),
        ("units", units),
        ("duty", duty),
        ("staff", staff),
        ("pools", pools),
    ):
        work()
        say(f"  {name}: {time.perf_counter() - last:.1f} s")
        last = time.perf_counter()
    assert VaultRecord.objects.count() == 0 and vault.keys()


if __name__ == "__main__":
    main()
