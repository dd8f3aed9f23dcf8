"""Writing, publishing, withdrawing; and counting what is read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.notices.errors import NextVersion, NoticeChanged, SecondPerson
from heli.notices.models import Group, Notice, State, Unclear
from heli.notices.states import NOTICE
from heli.places.models import Area
from heli.rulebook import queries as rulebook

LENGTHS = {"title": 60, "meaning": 1200, "todo": 1200, "until": 120, "ask": 200, "source": 200, "source_url": 300}
FIELDS = (*LENGTHS, "groups", "area_path", "valid_from", "valid_to")
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # what a text processor pastes along; no feed may hold it
COUNT = """INSERT INTO notices_noticeday (notice_id, day, "group", read, clear, unclear) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (notice_id, day, "group") DO UPDATE SET read = notices_noticeday.read + excluded.read,
    clear = notices_noticeday.clear + excluded.clear, unclear = notices_noticeday.unclear + excluded.unclear"""


def _cleaned(given: dict[str, Any]) -> dict[str, Any]:
    data = dict(given)
    if unknown := data.keys() - set(FIELDS):
        raise TypeError(f"a notice has no {sorted(unknown)}")
    for name, most in LENGTHS.items():
        if name in data:
            data[name] = UNSEEN.sub(" ", str(data[name])).strip()
            if len(data[name]) > most:
                raise Invalid(_now("At most %(n)s characters fit here.") % {"n": most}, field=name)
    for name in ("title", "meaning"):
        if name in data and not data[name]:
            raise PaperMissing(field=name, paper={"title": _("a title"), "meaning": _("what it means")}[name])
    if data.get("source_url") and not data["source_url"].startswith(("https://", "http://")):
        raise Invalid(_("An address begins with https://."), field="source_url")
    if "groups" in data:
        if not data["groups"] or not set(data["groups"]) <= set(Group.values):
            raise Invalid(_("Choose whom it concerns."), field="groups")
        data["groups"] = [g for g in Group.values if g in data["groups"]]
    begins, ends = data.get("valid_from"), data.get("valid_to")
    if begins and ends and ends < begins:
        raise Invalid(_("The notice would end before it begins."), field="valid_to")
    return data


def _lock(s: Step, notice_id: int) -> Notice:
    """The notice, locked; NotFound (L-404) for who does not publish in its area."""
    notice = s.lock(Notice, notice_id)
    if not s.by.can(Cap.PUBLISH_NOTICES, path=notice.area_path):
        raise NotFound
    s.require(Cap.PUBLISH_NOTICES, path=notice.area_path)
    s.about("notices.notice", notice.pk, notice.area_path)
    return notice


def _where(by: Actor, path: str) -> None:
    """The area of a notice: one in force, in which the actor publishes."""
    if not by.can(Cap.PUBLISH_NOTICES, path=path) or not Area.objects.open().filter(path=path).exists():
        raise Invalid(_("Choose an area in which you publish."), field="area_path")


def write_notice(*, by: Actor, at: dt.datetime, **given: Any) -> Notice:
    """A draft: title, meaning, groups, area_path, and what else FIELDS names. Nobody outside sees it.

    Raises:
        Invalid: a field cannot be used (L-400). PaperMissing: title or meaning is empty (L-103).
    """
    with step("notice.write", by=by, at=at) as s:
        if not by.system and Cap.PUBLISH_NOTICES not in by.caps:
            raise Forbidden
        data = _cleaned({"valid_from": timezone.localdate(at), "groups": [], **given})
        _where(by, data.get("area_path", ""))
        s.require(Cap.PUBLISH_NOTICES, path=data["area_path"])
        for name in ("title", "meaning"):
            if not data.get(name):
                raise PaperMissing(field=name, paper=name)
        grant = by.grant_for(Cap.PUBLISH_NOTICES, path=data["area_path"])
        notice = Notice.objects.create(
            **data, publisher_id=grant.org_id if grant else None, written_by_id=by.user_id, changed_at=at
        )
        s.about("notices.notice", notice.pk, notice.area_path)
        s.record(notice, title=notice.title)
    return notice


def change_notice(*, notice_id: int, version: int, by: Actor, at: dt.datetime, **given: Any) -> Notice:
    """Change a draft. A published one is replaced by a next version instead (L-101).

    Raises:
        NoticeChanged: somebody changed it since `version` (L-236).
    """
    with step("notice.change", by=by, at=at) as s:
        notice = _lock(s, notice_id)
        if notice.state != State.DRAFT:
            raise WrongState
        if version != notice.version:
            raise NoticeChanged
        data = _cleaned(given)
        if "area_path" in data:
            _where(by, data["area_path"])
        for name, value in data.items():
            setattr(notice, name, value)
        notice.version += 1
        notice.written_by_id, notice.changed_at = by.user_id, at
        notice.save(update_fields=[*data, "version", "written_by_id", "changed_at"])
        s.about("notices.notice", notice.pk, notice.area_path)
        s.record(notice, changed=sorted(data))
    return notice


def next_version(*, notice_id: int, by: Actor, at: dt.datetime) -> Notice:
    """A draft that will replace a published notice when it is published itself.

    Raises:
        NextVersion: there is one already (L-238).
    """
    with step("notice.next", by=by, at=at) as s:
        old = _lock(s, notice_id)
        if old.state != State.PUBLISHED:
            raise WrongState
        copied = {name: getattr(old, name) for name in FIELDS}
        try:
            with transaction.atomic():
                notice = Notice.objects.create(
                    **copied, publisher_id=old.publisher_id, number=old.number + 1, replaces=old,
                    written_by_id=by.user_id, changed_at=at,
                )  # fmt: skip
        except IntegrityError as error:
            raise NextVersion from error
        s.record(notice, replaces=old.pk, number=notice.number)
    return notice


def publish_notice(*, notice_id: int, version: int, by: Actor, at: dt.datetime) -> Notice:
    """Everybody can read it from now on; what it replaces is replaced in the same moment.

    Raises:
        NoticeChanged: it was changed since it was looked at (L-236).
        SecondPerson: the rule here asks for somebody who did not write it (L-237).
    """
    with step("notice.publish", by=by, at=at) as s:
        notice = _lock(s, notice_id)
        if notice.state == State.DRAFT and version != notice.version:
            raise NoticeChanged
        rule = rulebook.in_force(["notice.second_person"], path=notice.area_path, on=timezone.localdate(at))
        row = rule["notice.second_person"]
        if row.value and not by.system and notice.written_by_id == by.user_id:
            raise SecondPerson
        s.rule(row)
        notice.published_at, notice.published_by_id, notice.changed_at = at, by.user_id, at
        s.move(notice, NOTICE, "publish", save=("published_at", "published_by_id", "changed_at"))
        s.record(public=True, title=notice.title)
        if notice.replaces_id is not None:
            _replace(notice.replaces_id, at)
    return notice


def _replace(old_id: int, at: dt.datetime) -> None:
    """The version before is no more; one that was withdrawn in the meantime stays so."""
    with step("notice.replace", by=SYSTEM, at=at) as s:
        old = s.lock(Notice, old_id)
        s.about("notices.notice", old.pk, old.area_path)
        if old.state != State.PUBLISHED:
            s.record(old, left=old.state)
            return
        old.ended_at, old.changed_at = at, at
        s.move(old, NOTICE, "replace", save=("ended_at", "changed_at"))


def withdraw_notice(*, notice_id: int, reason: str, by: Actor, at: dt.datetime) -> Notice:
    """It no longer holds; its page stays and says why."""
    with step("notice.withdraw", by=by, at=at) as s:
        notice = _lock(s, notice_id)
        reason = without_personal(" ".join(reason.split()))[:200]
        notice.ended_at, notice.reason, notice.changed_at = at, reason, at
        s.move(notice, NOTICE, "withdraw", save=("ended_at", "reason", "changed_at"), reason=reason)
        s.record(public=True)
    return notice


# Counting ---------------------------------------------------------------------------------------------------------------
def _counted(notice_id: int, group: str, at: dt.datetime, *, read: int = 0, clear: int = 0, unclear: int = 0) -> Notice:
    """Add to the day's count: one statement, also when two come at once. NotFound unless it is published."""
    notice: Notice | None = Notice.objects.filter(pk=notice_id, state=State.PUBLISHED).first()
    if notice is None:
        raise NotFound
    group = group if group in Group.values else ""
    with connection.cursor() as cur:
        cur.execute(COUNT, [notice.pk, timezone.localdate(at), group, read, clear, unclear])
    return notice


def count_reading(*, notice_id: int, group: str, at: dt.datetime) -> None:
    """Somebody opened it. No event: a reading is no act, and nothing of the reader is kept."""
    _counted(notice_id, group, at, read=1)


def say_clear(*, notice_id: int, clear: bool, words: str, group: str, by: Actor, at: dt.datetime) -> None:
    """Whether it was clear, and what was not. What could point at a person is taken out of the words, and the event does
    not say who: it is written as the public."""
    words = without_personal(" ".join(words.split()))[:200]
    with step("notice.clear", by=by if by.system else PUBLIC, at=at) as s:
        notice = _counted(notice_id, group, at, clear=int(clear), unclear=int(not clear))
        if words and not clear:
            Unclear.objects.create(notice=notice, day=timezone.localdate(at), words=words)
        s.about("notices.notice", notice.pk, notice.area_path)
        s.record(notice, clear=clear)
