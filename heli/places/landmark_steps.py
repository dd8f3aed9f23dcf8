"""What is learned of names of places, and what people decide of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.errors import Invalid
from heli.core.steps import Step, step
from heli.engines.text.landmarks import Landmark as Learned
from heli.places.landmarks import Landmark, LandmarkState
from heli.places.models import Area, AreaName
from heli.places.pinyin import initials_of
from heli.places.states import LANDMARK

SUBJECT = "places.landmark"
LEARNED = ("kind", "area", "candidates", "counts", "seen", "learned_at")


def learn_landmarks(*, county: str, found: Iterable[Learned], at: dt.datetime) -> dict[str, int]:
    """Propose what was learned of a county: new names are added, proposals that no longer hold fall away. What a person
    decided stays; only its figures follow. Returns {"new": n, "changed": n, "gone": n}; doing it twice changes nothing.

    Names of areas are left out: the table knows them.
    """
    with step("places.learn_landmarks", by=SYSTEM, at=at) as s:
        s.about("places.landmarks", 0, county)
        known = {m.name: m for m in Landmark.objects.select_for_update().filter(area_path=county)}
        areas, called = _areas(county)
        made: list[Landmark] = []
        changed: list[Landmark] = []
        for learned in found:
            if learned.name in called:
                continue
            candidates = [p for p in learned.counts if p in areas]
            if not candidates:
                continue
            facts = {
                "kind": learned.kind,
                "area_id": areas.get(learned.area_path),
                "candidates": candidates,
                "counts": [learned.counts[p] for p in candidates],
                "seen": learned.seen,
            }
            mark = known.pop(learned.name, None)
            if mark is None:
                initials = initials_of(county, learned.name)[:24]
                made.append(Landmark(area_path=county, name=learned.name, initials=initials, learned_at=at, **facts))
                continue
            if mark.state != LandmarkState.PROPOSED:
                del facts["area_id"]
            if any(getattr(mark, field) != value for field, value in facts.items()):
                for field, value in facts.items():
                    setattr(mark, field, value)
                mark.learned_at = at
                changed.append(mark)
        gone = [m.pk for m in known.values() if m.state == LandmarkState.PROPOSED]
        Landmark.objects.bulk_create(made)
        Landmark.objects.bulk_update(changed, LEARNED)
        Landmark.objects.filter(pk__in=gone).delete()
        counts = {"new": len(made), "changed": len(changed), "gone": len(gone)}
        s.record(names=counts)
    return counts


def _areas(county: str) -> tuple[dict[str, int], set[str]]:
    """Areas of a county by path, and all that they are called. Two statements."""
    rows = list(Area.objects.offered().inside(county).values_list("path", "pk", "name", "short_name"))
    called = {n for _path, _pk, *names in rows for n in names}
    others = AreaName.objects.filter(Q(area__path__gte=county) & Q(area__path__lt=county + "~"))
    return {path: pk for path, pk, *_names in rows}, called | set(others.values_list("name", flat=True))


def confirm_landmark(*, landmark_id: int, area_path: str, by: Actor, at: dt.datetime) -> Landmark:
    """Somebody says where a name lies: from now on it is an answer. Also for one that was refused, or lies elsewhere now.

    Raises:
        Invalid: no street or community of the county (L-400).
    """
    with step("places.confirm_landmark", by=by, at=at) as s:
        mark = _lock(s, landmark_id)
        area = Area.objects.offered().filter(path=area_path, level__gte=4).first()
        if area is None or not area.path.startswith(mark.area_path):
            raise Invalid(_("Choose a street or community of this county."), field="area")
        mark.area, mark.decided_at, mark.decided_by_id = area, at, by.user_id
        s.move(mark, LANDMARK, "confirm", save=("area", "decided_at", "decided_by_id"), area=area.path)
    return mark


def refuse_landmark(*, landmark_id: int, by: Actor, at: dt.datetime) -> Landmark:
    """Somebody says that a name is none, or says too little: it is not asked about again."""
    with step("places.refuse_landmark", by=by, at=at) as s:
        mark = _lock(s, landmark_id)
        mark.decided_at, mark.decided_by_id = at, by.user_id
        s.move(mark, LANDMARK, "refuse", save=("decided_at", "decided_by_id"))
    return mark


def _lock(s: Step, landmark_id: int) -> Landmark:
    mark = s.lock(Landmark, landmark_id)
    s.about(SUBJECT, mark.pk, mark.area_path)
    s.record(mark, name=mark.name)
    return mark
