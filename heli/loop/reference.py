"""Reference data of the loop from reviewed files: the category tree, and a county's duty list with its units.

Harmless twice: what is the same stays, what changed is changed, a duty row that changed gets a new row from today on.
What somebody here changed by hand is theirs: a file never takes it back, and says how much it left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.core.scope import within
from heli.core.steps import step
from heli.loop.clocks import local_day
from heli.loop.models import Category, DutyRow
from heli.orgs.models import Organisation, OrgKind
from heli.orgs.steps import create_org
from heli.places.models import Area

DATA = Path(__file__).parent / "data"
LEVELS = {"county": 3, "township": 4, "village": 5}
BY_HAND = ("words", "urgency", "closed_on")  # what a page can change of a category
LOCAL = {"街道": "township", "社区": "community"}


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import did: rows made, rows changed or ended, rows left as somebody here had made them."""

    new: int
    changed: int
    kept: int


def by_hand(subject: str, *steps: str) -> set[int]:
    """Ids of what people changed on a page."""
    return set(Event.objects.filter(subject_type=subject, step__in=steps).values_list("subject_id", flat=True))


def read(path: Path) -> dict[str, Any]:
    return dict(yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def import_categories(*, at: dt.datetime, path: Path = DATA / "categories.yaml") -> Brought:
    """The category tree. A code missing from the file is closed, never deleted."""
    rows = read(path)["categories"]
    have = {c.code: c for c in Category.objects.all()}
    ours = by_hand("loop.category", "categories.put")
    new, changed, kept = 0, 0, 0
    with step("categories.import", by=SYSTEM, at=at) as s:
        for row in sorted(rows, key=lambda r: len(r["code"])):
            parent = have.get(row["code"][:-2])
            values = {
                "name": row["name"],
                "name_en": row.get("name_en", ""),
                "parent_id": parent.pk if parent else None,
                "level": len(row["code"]) // 2,
                "words": list(row.get("words", [])),
                "urgency": row.get("urgency", "normal"),
                "closed_on": None,
            }
            old = have.get(row["code"])
            if old is not None and old.pk in ours:
                kept += True in [getattr(old, k) != values.pop(k) for k in BY_HAND]
            if old is None:
                have[row["code"]] = Category.objects.create(code=row["code"], **values)
                new += 1
            elif any(getattr(old, k) != v for k, v in values.items()):
                Category.objects.filter(pk=old.pk).update(**values)
                changed += 1
        gone = set(have) - {r["code"] for r in rows}
        left = Category.objects.filter(code__in=gone, closed_on=None).exclude(pk__in=ours)
        changed += left.update(closed_on=local_day(at))
        s.about("loop.category", 0, "")
        s.record(new=new, changed=changed, kept=kept)
    return Brought(new, changed, kept)


def import_units(data: Mapping[str, Any], at: dt.datetime) -> dict[str, Organisation]:
    """The units a duty list names, and the committees of the county's communities: {key: organisation}."""
    county = str(data["area"])
    here = list(Organisation.objects.filter(within("area_path", (county,)), closed_at=None))
    have = {(o.area_path, o.short_name): o for o in here} | {(o.area_path, o.name): o for o in here}

    def put(name: str, short: str, kind: str, path: str, parent_id: int | None = None) -> Organisation:
        found = have.get((path, short)) or have.get((path, name))
        return found or create_org(
            kind=kind, name=name, short_name=short, area_path=path, parent_id=parent_id, by=SYSTEM, at=at
        )

    made = {u["key"]: put(u["name"], u["short_name"], u["kind"], str(u["path"])) for u in data["units"]}
    streets = {o.area_path: o for o in made.values() if o.kind == OrgKind.TOWNSHIP}
    for a in Area.objects.filter(within("path", (county,)), level=5, kind="admin", valid_to=None):
        street = streets.get(a.path[:9])
        name = f"{street.short_name if street else ''}{a.name}"
        made[a.path] = put(name, a.short_name, OrgKind.COMMUNITY, a.path, street.pk if street else None)
    return made


def import_duty(*, at: dt.datetime, path: Path) -> Brought:
    """A county's duty list with its units; `changed` counts rows that ended."""
    data = read(path)
    new, ended, kept = 0, 0, 0
    units = import_units(data, at)
    with step("duty.import", by=SYSTEM, at=at) as s:
        area = Area.objects.get(path=str(data["area"]))
        categories = {c.code: c.pk for c in Category.objects.all()}
        have = {(r.category_id, r.level): r for r in DutyRow.objects.filter(area=area, valid_to=None)}
        theirs = DutyRow.objects.filter(area=area, pk__in=by_hand("loop.dutyrow", "duty.put", "duty.end"))
        ours = {(r.category_id, r.level) for r in theirs}
        start = data["valid_from"] if not have else local_day(at)
        seen = set()
        for row in data["rows"]:
            key = (categories[str(row["category"])], LEVELS[row["level"]])
            assists = [a for a in row.get("assist", ()) if a not in LOCAL]
            values = {
                "number": str(row["row"]),
                "unit_id": None if row["unit"] in LOCAL else units[row["unit"]].pk,
                "assists": [units[a].pk for a in assists],
                "local": LOCAL.get(row["unit"], ""),
                "assist_local": [LOCAL[a] for a in row.get("assist", ()) if a in LOCAL],
                "functional": bool(row.get("functional", False)),
                "citation": row.get("citation", data["citation"]),
                "note": row.get("note", ""),
            }
            seen.add(key)
            old = have.get(key)
            if old is not None and all(getattr(old, k) == v for k, v in values.items()):
                continue
            if key in ours:
                kept += 1
                continue
            if old is not None:
                DutyRow.objects.filter(pk=old.pk).update(valid_to=max(start, old.valid_from + dt.timedelta(days=1)))
                ended += 1
            DutyRow.objects.create(
                area=area, area_path=area.path, category_id=key[0], level=key[1], valid_from=start, **values
            )
            new += 1
        gone = [r.pk for k, r in have.items() if k not in seen and k not in ours]
        ended += DutyRow.objects.filter(pk__in=gone).update(valid_to=local_day(at) + dt.timedelta(days=1))
        s.about("loop.dutylist", area.pk, area.path)
        s.record(new=new, ended=ended, kept=kept)
    return Brought(new, ended, kept)
