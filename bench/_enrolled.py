"""People, shifts and past enrolments for bench/volunteering.py. Import after Django is set up, in the surroundings of its database.

Volunteers, an activity and its shifts are rows (the steps that make them are measured elsewhere); enrolling, giving back and
checking in are the real steps.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils import timezone
from stdnum.cn import ric

from bench._place import COUNTY, owner
from heli.core import vault
from heli.core.actor import SYSTEM
from heli.core.models import VaultRecord
from heli.orgs.steps import create_org
from heli.people.models import User
from heli.places.models import Area
from heli.places.steps import import_areas
from heli.rulebook import files as rulebook
from heli.volunteering import codes
from heli.volunteering.models import Activity, Enrolment, Role, Shift, Slot, Volunteer

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NAIVE = """
CREATE SCHEMA IF NOT EXISTS bench;
GRANT USAGE ON SCHEMA bench TO heli_app;
DROP TABLE IF EXISTS bench.enrolment, bench.slot;
CREATE TABLE bench.slot (LIKE volunteering_slot INCLUDING ALL);
CREATE TABLE bench.enrolment (LIKE volunteering_enrolment INCLUDING ALL);
GRANT ALL ON ALL TABLES IN SCHEMA bench TO heli_app
"""
# Each shift of the past has twenty of the people; each person is in one place at a time.
FILL = """
WITH s AS (
  INSERT INTO volunteering_shift ({columns})
  SELECT {values} FROM volunteering_shift t, generate_series({first}, {last}) n WHERE t.id = {template}
  RETURNING id, starts, ends)
, o AS (
  INSERT INTO volunteering_slot (shift_id, role_id, least, most, newcomers)
  SELECT id, {role}, 1, 20, 0 FROM s RETURNING id, shift_id)
, v AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS i, count(*) OVER () AS n FROM volunteering_volunteer)
INSERT INTO volunteering_enrolment (volunteer_id, shift_id, slot_id, org_id, area_path, starts, ends, state, how, consent,
       newcomer, made_at, confirmed_at, reason, answer)
SELECT v.id, s.id, o.id, {org}, '{area}', s.starts, s.ends, 'attended', 'self', '', false, s.starts - interval '3 days',
       s.starts - interval '3 days', '', ''
  FROM (SELECT id, starts, ends, row_number() OVER (ORDER BY starts, id) - 1 AS k FROM s) s
  JOIN o ON o.shift_id = s.id
  CROSS JOIN generate_series(0, 19) g
  JOIN v ON v.i = (s.k * 20 + g) %% v.n
"""


def activity(at: dt.datetime) -> Activity:
    """The posted activity whose shifts these are; with the county's areas, rules, team and people the first time."""
    found: Activity | None = Activity.objects.order_by("id").first()
    if found is not None:
        return found
    if not Area.objects.exists():
        import_areas(at=at - 900 * DAY, under=(COUNTY,))
        rulebook.import_shipped(by=SYSTEM, at=at - 900 * DAY)
    team = create_org(
        by=SYSTEM,
        at=at - 800 * DAY,
        kind="team",
        name="大海阳社区银龄志愿服务队",
        short_name="银龄队",
        area_path=COUNTY,
    )
    leader, second = (
        User.objects.create(username=f"bench-{who}", call_name=who, password="!") for who in ("钱站长", "吕部长")
    )
    area = Area.objects.get(path=COUNTY)
    made: Activity = Activity.objects.create(
        org=team, area=area, area_path=area.path, place="大海阳社区活动室", title="陪老人说说话", field="elders",
        content="陪独居老人聊天、读报", plan="两人一组", risks="室内，路上注意安全", leader=leader, state="posted", made_by=leader,
        made_at=at - 900 * DAY, posted_at=at, reviewed_by=second, reviewed_at=at, lat=37.53, lon=121.38,
    )  # fmt: skip
    Role.objects.create(activity=made, name="陪伴", most=500, newcomers=0)
    return made


def people(n: int, at: dt.datetime) -> list[tuple[int, int]]:
    """(volunteer, account) of n verified volunteers; those that are missing are made."""
    area = Area.objects.get(path=COUNTY)
    have = Volunteer.objects.count()
    if have < n:
        mark = uuid.uuid4().hex[:8]
        users = User.objects.bulk_create(
            User(username=f"bench-{mark}-{i}", call_name=f"志愿者{i}", password="!") for i in range(have, n)
        )
        records = []
        for i, user in enumerate(users, start=have):
            records.append(VaultRecord(user_id=user.pk))
            body = f"370602{dt.date(1980, 1, 1) + i // 900 * DAY:%Y%m%d}{i % 900 + 100:03d}"
            card = body + str(ric.calc_check_digit(body + "0"))
            vault.fill(records[-1], name=user.call_name, phone=f"138{i:08d}", id_number=card)
        VaultRecord.objects.bulk_create(records, batch_size=500)
        Volunteer.objects.bulk_create(
            [
                Volunteer(
                    user=u, number=uuid.uuid4().hex[:10].upper(), record=r, area=area, area_path=area.path, state="verified",
                    verified_at=at - 800 * DAY, verified_how="local", registered_at=at - 800 * DAY,
                )
                for u, r in zip(users, records, strict=True)
            ],
            batch_size=500,
        )  # fmt: skip
    return list(Volunteer.objects.order_by("id").values_list("pk", "user_id")[:n])


def slot(of: Activity, starts: dt.datetime, most: int, at: dt.datetime) -> Slot:
    """A shift of two hours with so many places."""
    shift = Shift.objects.create(
        activity=of, starts=starts, ends=starts + 2 * HOUR, made_at=at, closes_at=starts,
        secret=vault.seal_bytes(codes.SEALED, b"s" * 20), pin=vault.seal_bytes(codes.SEALED, b"123456"), fence=200,
    )  # fmt: skip
    made: Slot = Slot.objects.create(shift=shift, role=of.roles.get(), least=1, most=most, newcomers=0)
    return made


def seated(where: Slot, who: list[tuple[int, int]], at: dt.datetime) -> list[Enrolment]:
    """All of these hold a place."""
    shift, of = where.shift, where.shift.activity
    told = {
        "shift": shift, "slot": where, "org_id": of.org_id, "area_path": of.area_path, "starts": shift.starts,
        "ends": shift.ends, "state": "confirmed", "how": "self", "made_at": at, "confirmed_at": at,
    }  # fmt: skip
    return list(Enrolment.objects.bulk_create([Enrolment(volunteer_id=v, **told) for v, _user in who], batch_size=500))


def naive(name: str) -> None:
    """A copy of the tables, with their constraints and indexes and without their triggers."""
    with owner(name) as db:
        db.execute(NAIVE)


def past(name: str, total: int, of: Activity, at: dt.datetime) -> int:
    """Fill up to so many past enrolments, in SQL; triggers and foreign keys are off meanwhile, indexes and EXCLUDE stay.
    Returns how many there are."""
    have: int = Enrolment.objects.filter(state="attended", ends__lt=at - 3 * DAY).count()
    if have >= total:
        return have
    first, last = have // 20, total // 20 - 1
    template = Shift.objects.filter(activity=of).order_by("id")[0]
    fields = [f.column for f in Shift._meta.concrete_fields if f.column != "id"]
    # the n-th shift: eighty at once (each person in one at most), each group two hours before the one that is newer
    when = f"timestamptz '{at - 4 * DAY:%Y-%m-%d %H}:00+00' - (n / 80) * interval '2 hours'"
    own = {
        "starts": when, "ends": f"{when} + interval '2 hours'", "closes_at": when, "made_at": f"{when} - interval '9 days'",
        "state": "'over'", "ended_at": f"{when} + interval '3 hours'",
    }  # fmt: skip
    said = {
        "columns": ", ".join(fields), "values": ", ".join(own.get(c, f"t.{c}") for c in fields), "template": template.pk,
        "role": of.roles.get().pk, "org": of.org_id, "area": of.area_path,
    }  # fmt: skip
    with owner(name) as db:
        db.execute("SET session_replication_role = replica")
        for start in range(first, last + 1, 2000):
            db.execute(FILL.replace("%%", "%").format(**said, first=start, last=min(start + 1999, last)))
        db.execute("VACUUM ANALYZE volunteering_enrolment, volunteering_shift, volunteering_slot")
    return int(Enrolment.objects.filter(state="attended", ends__lt=at - 3 * DAY).count())


def now() -> dt.datetime:
    return timezone.now()


def morning(after: dt.datetime) -> dt.datetime:
    """Ten o'clock in China two days later: at night a shift asks for an insurance."""
    return after.replace(hour=2, minute=0, second=0, microsecond=0) + 2 * DAY
