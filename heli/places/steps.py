"""Every change of the tree of areas. Each is one transaction, one Event, and an AreaChange row for what it changed."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines import identifiers
from heli.places import gazetteer, loading, moving
from heli.places.errors import AreaInUse, NotInside, PathTaken
from heli.places.models import Area, AreaChange, AreaCode, AreaName, AreaRevision, Change, Kind, Precision, Scheme
from heli.places.names import PATH_LENGTH, short, unpadded
from heli.places.pinyin import initials_of


def touch() -> None:
    """A new token for the tree: dictionaries in memory are read again. Call in every step that changes an area."""
    AreaRevision.objects.update_or_create(id=1, defaults={"token": uuid.uuid4()})
    gazetteer.forget()
    transaction.on_commit(gazetteer.forget)


def _lock(s: Step, area_id: int) -> Area:
    """The area, locked; NotFound (L-404) where the actor does not manage areas: the same as missing."""
    return _manage(s, s.lock(Area, area_id))


def _manage(s: Step, area: Area) -> Area:
    if not s.by.can(Cap.MANAGE_AREAS, path=area.path):
        raise NotFound
    s.require(Cap.MANAGE_AREAS, path=area.path)
    s.about("places.area", area.pk, area.path)
    return area


def _note(s: Step, area: Area, kind: Change, basis: str, **was: str) -> None:
    AreaChange.objects.create(area=area, kind=kind, at=s.at, by_id=s.by.user_id, basis=basis, **was)
    facts: dict[str, Any] = {"kind": kind.value, "basis": basis, **was}
    s.record(area, **facts)
    touch()


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 2 <= len(name) <= 60:
        raise Invalid(_("A name has 2 to 60 characters."), field="name")
    return name


def import_areas(
    *,
    by: Actor = SYSTEM,
    at: dt.datetime,
    source: Path = loading.TABLE,
    under: tuple[str, ...] = (),
    since: dt.date | None = None,
    basis: str = "",
    shrink: bool = False,
    progress: loading.Progress = lambda _done, _total: None,
) -> loading.Imported:
    """Make the tree agree with a table of areas: the shipped one, or a newer one of the same columns. Aliases as well.

    `under` takes only what lies inside these paths, and what is above them; `since` is the day from which additions,
    renamings and endings of a newer table hold. Doing it twice changes nothing the second time. What was corrected,
    moved or ended by hand stays so. `progress(done, total)` is called as rows arrive.

    Raises:
        TableUnreadable: the table is not one (L-204).
        TableShrinks: more than a tenth would end; `shrink` says that it is meant (L-203).
    """
    rows = loading.read(source, under)
    with step("places.import", by=by, at=at) as s, connection.cursor() as cur:
        s.require(Cap.MANAGE_AREAS, path="")
        s.about("places.import", 0, "")
        cur.execute("SELECT pg_advisory_xact_lock(hashtext('places.import'))")
        done = loading.load(
            cur.cursor, rows, under=under, at=at, since=since, by_id=by.user_id, basis=basis or source.name,
            shrink=shrink, progress=progress,
        )  # fmt: skip
        if done.changed:
            touch()
        s.record(source=source.name, under=list(under), total=done.total, added=done.added, renamed=done.renamed,
                 gone=done.gone, back=done.back)  # fmt: skip
    return done


def add_area(
    *, parent_id: int, name: str, by: Actor, at: dt.datetime, basis: str, kind: str = Kind.ADMIN, code: str = ""
) -> Area:
    """A new area below another: a community made since the table, or a grid.

    `code` is its official number without padding, if it has one; otherwise it gets one of our own with a letter in it,
    which no official number will ever take.

    Raises:
        PathTaken: the number belongs to another area (L-202). Invalid: not below the parent, wrong length (L-400).
    """
    name = _name(name)
    with step("places.add", by=by, at=at) as s:
        parent = _lock(s, parent_id)
        if parent.valid_to is not None:
            raise WrongState
        if kind not in {Kind.ADMIN, Kind.FUNCTIONAL, Kind.LIKE_COMMUNITY, Kind.LIKE_VILLAGE}:
            raise Invalid(_("Choose what kind of area it is."), field="kind")
        level = parent.level + 1
        if level > max(PATH_LENGTH) + 1:
            raise NotInside(name=name)
        path = _new_path(parent, level, code)
        area = Area.objects.create(
            path=path, code12=path.ljust(12, "0") if code else "", level=level, kind=kind, name=name,
            short_name=short(name, level), initials=initials_of(path, name), parent=parent, valid_from=at.date(),
        )  # fmt: skip
        s.about("places.area", area.pk, area.path)
        _note(s, area, Change.ADDED, basis, new_path=path, new_name=name)
    return area


def _new_path(parent: Area, level: int, code: str) -> str:
    """`code` checked, or the next number of our own below the parent."""
    length = PATH_LENGTH.get(level, len(parent.path) + 3)
    if code:
        if len(code) != length or not code.startswith(parent.path) or not code.isdigit():
            raise Invalid(
                _("The code has %(length)s digits and begins with %(start)s.")
                % {"length": length, "start": parent.path},
                field="code",
            )
        if taken := Area.objects.filter(path=code).first():
            raise PathTaken(path=code, name=taken.name, field="code")
        return code
    width = length - len(parent.path) - 1
    own = Area.objects.inside(parent.path + "L").filter(level=level).order_by("-path").values_list("path", flat=True)
    last = own.first()
    number = int(last[-width:]) + 1 if last else 1
    if width < 1 or number >= 10**width:
        raise Invalid(_("There is no number of our own left here. Give the official code."), field="code")
    return f"{parent.path}L{number:0{width}d}"


def correct_name(*, area_id: int, name: str, by: Actor, at: dt.datetime, basis: str) -> Area:
    """Another name for an area than the table has; imports keep it from now on."""
    name = _name(name)
    with step("places.correct_name", by=by, at=at) as s:
        area = _lock(s, area_id)
        old = area.name
        if name == old:
            raise Invalid(_("It already has this name."), field="name")
        area.official_name = area.official_name or (old if area.code12 else "")
        if area.official_name == name:
            area.official_name = ""
        area.name, area.short_name, area.initials = name, short(name, area.level), initials_of(area.path, name)
        area.save(update_fields=["name", "official_name", "short_name", "initials"])
        AreaName.objects.get_or_create(area=area, name=old[:40])
        _note(s, area, Change.CORRECTED, basis, old_name=old, new_name=name, old_path=area.path, new_path=area.path)
    return area


def end_area(*, area_id: int, on: dt.date, by: Actor, at: dt.datetime, basis: str) -> Area:
    """The area is no more from the day `on`. What happened there stays there.

    Raises:
        AreaInUse: areas inside it are in force (L-201). WrongState: it had ended already (L-101).
    """
    with step("places.end", by=by, at=at) as s:
        area = _lock(s, area_id)
        if area.valid_to is not None:
            raise WrongState
        if area.valid_from and on < area.valid_from:
            raise Invalid(_("It began on %(day)s; it cannot end before that.") % {"day": area.valid_from}, field="on")
        if inside := Area.objects.open().filter(parent=area).count():
            raise AreaInUse(count=inside)
        area.valid_to = on
        area.save(update_fields=["valid_to"])
        _note(s, area, Change.ENDED, basis, old_path=area.path, old_name=area.name)
    return area


def move_area(*, area_id: int, parent_id: int, by: Actor, at: dt.datetime, basis: str, code: str = "") -> Area:
    """Put an area with all inside it below another parent; every table that names areas by path follows.

    Events and histories are never rewritten: they keep the old path, and queries.paths_ever finds them. The old
    number keeps leading here. `code` is the new number without padding; without one a number of our own is given.
    Grants follow as well: who was given exactly this area keeps it; who was given the old parent no longer has it.

    Raises:
        NotInside: the new parent lies inside the area, or is not of a higher level (L-205).
        PathTaken: the new number belongs to another area (L-202).
    """
    with step("places.move", by=by, at=at) as s, connection.cursor() as cur:
        # locked in one order, so that two moves cannot wait for each other
        locked = {pk: s.lock(Area, pk) for pk in sorted({area_id, parent_id})}
        parent, area = _manage(s, locked[parent_id]), _manage(s, locked[area_id])
        old = area.path
        if parent.path.startswith(old) or parent.level >= area.level or parent.valid_to is not None:
            raise NotInside(name=area.name)
        if parent.pk == area.parent_id:
            raise Invalid(_("It already lies there."), field="parent")
        new = _new_path(parent, area.level, code)
        if moving.too_long(old, new):
            raise Invalid(_("With this code the areas inside it would have codes that are too long."), field="code")
        cur.execute(moving.MOVE_AREAS, {"old": old, "new": new, "id": area.pk, "parent": parent.pk})
        areas = cur.rowcount
        followed = moving.follow(cur, old, new)
        AreaCode.objects.get_or_create(area=area, scheme=Scheme.PATH, code=old, defaults={"valid_to": at.date()})
        area.path, area.parent = new, parent
        s.about("places.area", area.pk, new)
        s.record(areas=areas, tables=[f"{table} {rows}" for table, rows in followed.items()])
        _note(s, area, Change.MOVED, basis, old_path=old, new_path=new, old_name=area.name, new_name=area.name)
    return area


def drop_pin(*, area_id: int, lat: float, lon: float, by: Actor, at: dt.datetime, basis: str = "") -> Area:
    """The point of an area, in WGS-84 degrees, as somebody set it on a map."""
    with step("places.drop_pin", by=by, at=at) as s:
        area = _lock(s, area_id)
        if not (3 <= lat <= 54 and 73 <= lon <= 136):
            raise Invalid(_("That point is not in the country: latitude 3 to 54, longitude 73 to 136."), field="lat")
        area.lat, area.lon, area.precision = Decimal(f"{lat:.6f}"), Decimal(f"{lon:.6f}"), Precision.PIN
        area.save(update_fields=["lat", "lon", "precision"])
        _note(s, area, Change.PINNED, basis, old_path=area.path, new_path=area.path)
    return area


def add_alias(*, area_id: int, by: Actor, at: dt.datetime, name: str = "", code: str = "", scheme: str = "own") -> Area:
    """Another name or number that leads to the area."""
    with step("places.add_alias", by=by, at=at) as s:
        area = _lock(s, area_id)
        code = identifiers.fold(code)
        if not name.strip() and not code:
            raise Invalid(_("Write a name or a number."), field="name")
        if name.strip():
            AreaName.objects.get_or_create(area=area, name=_name(name)[:40])
        if code:
            if scheme not in {Scheme.OLD, Scheme.FORMAL, Scheme.OWN}:
                raise Invalid(_("Say whose number it is."), field="scheme")
            if not (2 <= len(code) <= 24 and code.isascii() and code.isalnum()):
                raise Invalid(_("A number has 2 to 24 letters and digits."), field="code")
            AreaCode.objects.get_or_create(area=area, scheme=scheme, code=unpadded(code) or code)
        s.record(area, alias=code or name)
        touch()
    return area
