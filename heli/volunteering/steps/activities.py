"""An activity: written down, looked at by a second person, posted, ended with what came of it.

Lock order everywhere in this room: the activity, then its shifts by id, then slots, then enrolments; inside the loop's
steps, last, the request.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heli.core import files, vault
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.loop import steps as loop
from heli.loop.models import Request, Voice, said_of
from heli.loop.steps.hear import by_staff, checked_text
from heli.orgs.queries import open_unit, people_with
from heli.places.models import Area
from heli.places.site_queries import in_service
from heli.volunteering import activity_errors as errors
from heli.volunteering.models import Activity, Condition, Enrolment, Field
from heli.volunteering.models.activities import TITLE, WORDS
from heli.volunteering.models.outbox import Sent
from heli.volunteering.states import ACTIVITY, LIVE, SHIFT
from heli.volunteering.steps.checks import FIRST, RULES, Check, checks
from heli.volunteering.steps.roles import Asked, Wanted, put_role
from heli.volunteering.steps.shared import SUBJECT, UNIT, about, follow_up, lock_activity, rules, to_tell

COUNTY = 6  # digits of a county's path
PHOTOS = 6
KIND = "activity"  # of the Handling (loop/ways.py)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a leader writes. `guide_id`, `leader_id`: accounts; the leader is the writer where none is named."""

    title: str
    field: str
    area_path: str
    place: str = ""
    content: str = ""
    plan: str = ""
    risks: str = ""
    brings: str = ""
    site_id: int | None = None
    lat: float | None = None
    lon: float | None = None
    conditions: tuple[str, ...] = ()
    minors: bool = False
    home: bool = False
    silver: bool = False
    emergency: bool = False
    approval: bool = False
    guide_id: int | None = None
    leader_id: int | None = None
    insurer: str = ""
    insured_to: dt.date | None = None


PLANNED = (*(name.removesuffix("_id") for name in Plan.__slots__), "area", "changed_by")  # columns a plan fills


# What the steps share -------------------------------------------------------------------------------------------------
def gives_away(request: Request, text: str) -> str:
    """The part of a public text that says whom a request is of: their name, address, number. Two statements."""
    records = Voice.objects.filter(said_of(request.pk)).exclude(record=None).select_related("record")
    said = [vault.open_own(v.record) for v in records if v.record is not None and v.record.erased_at is None]
    known = [x.strip() for s in said for x in (s["name"], s["address"], s["phone"])] + [request.spot.strip()]
    return next((k for k in known if len(k) > 1 and k in text), "")


def _fill(s: Step, activity: Activity, plan: Plan) -> None:
    """Put a plan into the row; nothing is saved. Raises Invalid (L-400), TooLong (L-118), SaysWho (L-452)."""
    area = Area.objects.offered().filter(path=plan.area_path).first()
    if area is None or not plan.area_path.startswith(activity.org.area_path[:COUNTY]):
        raise Invalid(_("Choose a place of this county."), field="area")
    if plan.field not in Field.values:
        raise Invalid(_("Choose what it is for."), field="field")
    if not set(plan.conditions) <= set(Condition.values):
        raise Invalid(_("Choose among the conditions."), field="conditions")
    for name in Plan.__slots__:
        setattr(activity, name, getattr(plan, name))
    activity.area, activity.changed_by_id, activity.conditions = area, s.by.user_id, sorted(set(plan.conditions))
    title = checked_text(plan.title, field="title", limit=TITLE)
    content = checked_text(plan.content or plan.title, field="content", limit=WORDS)
    activity.title, activity.content = by_staff(title, TITLE), by_staff(content, WORDS)
    for name, limit in (("plan", WORDS), ("risks", 300), ("brings", 200), ("place", 120), ("insurer", 80)):
        setattr(activity, name, by_staff(getattr(plan, name), limit))
    _where(s, activity, plan)
    _who(s, activity, plan)
    if activity.request_id is not None and activity.request is not None:
        public = "\n".join((activity.title, activity.content, activity.place, activity.risks, activity.brings))
        if found := gives_away(activity.request, public):
            raise errors.SaysWho(found=found, field="content")


def _where(s: Step, activity: Activity, plan: Plan) -> None:
    if (plan.lat is None) != (plan.lon is None):
        raise Invalid(_("A point has two numbers."), field="lat")
    if plan.site_id is not None:
        site = in_service(plan.site_id, s.at)
        if site is None:
            raise Invalid(_("This site is not in service any more: choose another one."), field="site")
        activity.place = activity.place or f"{site.name}（{site.address}）"[:120]
        if plan.lat is None:
            activity.lat, activity.lon = site.lat, site.lon
    if not activity.place:
        raise Invalid(_("Say where: a site, or an address."), field="place")


def _who(s: Step, activity: Activity, plan: Plan) -> None:
    """Who leads it for the organisation, and which social worker guides it. Two statements at most."""
    activity.leader_id = plan.leader_id or s.by.user_id  # type: ignore[assignment]  # a person: draft asks
    if activity.leader_id != s.by.user_id and activity.leader_id not in {
        p.id for p in people_with(Cap.LEAD_TEAM, at=s.at, org_id=activity.org_id)
    }:
        raise Invalid(_("Choose somebody who leads for your organisation."), field="leader")
    if plan.guide_id is not None:
        guide(plan.guide_id, plan.area_path, s.at)


def guide(user_id: int, area_path: str, at: dt.datetime) -> None:
    """Invalid (L-400) unless they are a social worker (or look in at homes) there. One statement."""
    if user_id not in {p.id for p in people_with(Cap.POST_WISHES, at=at, path=area_path)}:
        raise Invalid(_("Choose a social worker who works there."), field="guide")


def _served(s: Step, code: str, org_id: int) -> Request | None:
    """The request an activity serves, in the hands of its organisation; NotHandled (L-454)."""
    if not code:
        return None
    request: Request | None = Request.objects.visible_to(s.by).filter(code=code, unit=org_id, state="handling").first()
    if request is None:
        raise errors.NotHandled(field="request")
    return request


# Written down ---------------------------------------------------------------------------------------------------------
def draft(
    *,
    org_id: int,
    plan: Plan,
    by: Actor,
    at: dt.datetime,
    roles: Sequence[Wanted] = (),
    request_code: str = "",
    template: bool = False,
    form_key: uuid.UUID | None = None,
) -> Activity:
    """Write an activity down for an organisation one leads for; with the code of a request its unit handles, it serves it.

    Raises Forbidden (L-403), UnitClosed (L-601), Invalid (L-400), NotHandled (L-454), SaysWho (L-452);
    AlreadyDone (L-104) for a form sent twice.
    """
    if by.user_id is None:  # somebody answers for it
        raise Forbidden
    try:
        with step("activity.draft", by=by, at=at) as s:
            s.require(Cap.LEAD_TEAM, org_id=org_id)
            activity = Activity(
                org=open_unit(org_id, at), made_by_id=by.user_id, made_at=at, template=template, form_key=form_key,
                request=_served(s, request_code, org_id),
            )  # fmt: skip
            _fill(s, activity, plan)
            activity.save(force_insert=True)
            for role in roles:
                put_role(activity, role)
            about(s, activity)
            s.record(activity, template=template)
            s.event.after = activity.state
    except IntegrityError as error:
        if "form_key" in str(error):
            raise AlreadyDone from error
        raise
    return activity


def change(*, activity_id: int, version: int, plan: Plan, by: Actor, at: dt.datetime) -> Activity:
    """Write it better while it is a draft. `version`: what the editor saw; ChangedMeanwhile (L-440) when that is not
    what stands there. Raises as `draft`, WrongState (L-101)."""
    with step("activity.change", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        s.allow(activity, Cap.LEAD_TEAM, UNIT)
        if activity.state != "draft":
            raise WrongState
        if activity.version != version:
            raise errors.ChangedMeanwhile
        _fill(s, activity, plan)
        activity.version += 1
        activity.save(update_fields=[*PLANNED, "version"])
        about(s, activity)
        s.record(activity, version=activity.version)
    return activity


def amend(
    *,
    activity_id: int,
    version: int,
    by: Actor,
    at: dt.datetime,
    brings: str,
    insurer: str,
    insured_to: dt.date | None,
    guide_id: int | None = None,
) -> Activity:
    """What may change after a plan was posted, without being looked at again: what is provided, a longer insurance,
    another guide. Raises ChangedMeanwhile (L-440), WrongState (L-101), Invalid (L-400)."""
    with step("activity.amend", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        s.allow(activity, Cap.LEAD_TEAM, UNIT)
        if activity.state != "posted":
            raise WrongState
        if activity.version != version:
            raise errors.ChangedMeanwhile
        if activity.insured_to is not None and (insured_to is None or insured_to < activity.insured_to):
            raise Invalid(_("The insurance only becomes longer: volunteers rely on it."), field="insured_to")
        if guide_id is not None:
            guide(guide_id, activity.area_path, at)
        activity.brings, activity.insurer, activity.insured_to = (
            by_staff(brings, 200),
            by_staff(insurer, 80),
            insured_to,
        )
        activity.guide_id = guide_id or activity.guide_id
        activity.version += 1
        activity.save(update_fields=["brings", "insurer", "insured_to", "guide", "version"])
        about(s, activity)
        s.record(activity, version=activity.version)
    return activity


def copy(
    *,
    activity_id: int,
    by: Actor,
    at: dt.datetime,
    template: bool = False,
    org_id: int | None = None,
    form_key: uuid.UUID | None = None,
) -> Activity:
    """A new draft (or a template to keep) with the words and roles of another; without its shifts, its request, its
    insurance's day and what came of it. Raises as `draft`; NotFound (L-404) for one that the actor may not see."""
    found = Activity.objects.visible_to(by).filter(pk=activity_id).first()
    if found is None:
        raise NotFound
    said = {name: getattr(found, name) for name in Plan.__slots__}
    said |= {"conditions": tuple(found.conditions), "insured_to": None, "leader_id": None, "guide_id": None}
    if found.site_id is not None and in_service(found.site_id, at) is None:
        said["site_id"] = None
    roles = [
        Wanted(
            r.name, r.most, r.least, r.duty, r.newcomers, r.min_age, r.max_age,
            tuple(Asked(x.skill.key, x.level) for x in r.skills.all()),
        )
        for r in found.roles.filter(ended=False).order_by("id").prefetch_related("skills__skill")
    ]  # fmt: skip
    return draft(
        org_id=org_id or found.org_id,
        plan=Plan(**said),
        by=by,
        at=at,
        roles=roles,
        template=template,
        form_key=form_key,
    )


# Looked at, and posted ------------------------------------------------------------------------------------------------
def ready(s: Step, activity: Activity, only: Collection[str] = ()) -> list[Check]:
    """What the rules ask of it, all there; NotReady (L-441) says what is not. `only`: these checks. Three statements."""
    found = rules(activity.area_path, RULES, s.at)
    s.rule(*found.values())
    planned = list(activity.shifts.filter(state="planned", ends__gt=s.at).order_by("starts"))
    made = checks(activity, list(activity.roles.all()), planned, found, s.at)
    lacking = [c for c in made if not c.ok and (not only or c.key in only)]
    if lacking:
        said = _("; ").join(f"{c.words}（{c.note}）" if c.note else str(c.words) for c in lacking)
        raise errors.NotReady(missing=said, field=lacking[0].field or None)
    return made


def leave_out_begun(s: Step, activity: Activity) -> None:
    """Only what is to come is posted: shifts that began while the plan was being looked at are cancelled."""
    from heli.volunteering.steps.shifts import cancel_planned

    cancel_planned(s, activity, activity.shifts.filter(starts__lte=s.at), _("It began before the plan was posted."))


def not_the_writer(s: Step, activity: Activity) -> None:
    """A second person looks: not who made it, changed it, or leads it. SecondPerson (L-442)."""
    if s.by.system or s.by.user_id in {activity.made_by_id, activity.changed_by_id, activity.leader_id}:
        raise errors.SecondPerson


def submit(*, activity_id: int, by: Actor, at: dt.datetime) -> Activity:
    """The plan goes to who looks at it. Raises NotReady (L-441), WrongState (L-101)."""
    with step("activity.submit", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        if activity.template:
            raise WrongState
        activity.reason = ""
        s.move(activity, ACTIVITY, "submit", save=("reason",))
        leave_out_begun(s, activity)
        ready(s, activity)
        about(s, activity)
    return activity


def back(*, activity_id: int, by: Actor, at: dt.datetime, reason: str) -> Activity:
    """Sent back to who wrote it, with what to better. Raises SecondPerson (L-442), WrongState (L-101)."""
    with step("activity.back", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        not_the_writer(s, activity)
        activity.reason = by_staff(reason)
        s.move(activity, ACTIVITY, "back", reason=activity.reason, save=("reason",))
        about(s, activity)
    return activity


def post(*, activity_id: int, by: Actor, at: dt.datetime) -> Activity:
    """Everybody can find it from now on: a second person looked at the plan. Raises SecondPerson (L-442), NotReady (L-441)."""
    with step("activity.post", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        not_the_writer(s, activity)
        activity.reviewed_by_id, activity.reviewed_at, activity.posted_at = by.user_id, at, at
        activity.reason = ""
        leave_out_begun(s, activity)
        ready(s, activity)
        s.move(activity, ACTIVITY, "post", save=("reviewed_by", "reviewed_at", "posted_at", "reason"))
        about(s, activity)
        s.record(public=True)
    return activity


def post_emergency(*, activity_id: int, by: Actor, at: dt.datetime) -> Activity:
    """Posted at once, because something has happened; a second person looks at it within the rule's time (`look`).

    Raises NoEmergency (L-453), NotReady (L-441).
    """
    with step("activity.post_emergency", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        if not activity.emergency or activity.template:
            raise errors.NoEmergency
        ready(s, activity, FIRST)
        activity.posted_at, activity.reason = at, ""
        s.move(activity, ACTIVITY, "post_emergency", save=("posted_at", "reason"))
        about(s, activity)
        s.record(public=True)
    return activity


def look(*, activity_id: int, by: Actor, at: dt.datetime, words: str) -> Activity:
    """A second person looked at an emergency that was posted without; what they found is kept. Not content with it, they
    cancel it. Raises SecondPerson (L-442), WrongState (L-101), PaperMissing (L-103)."""
    with step("activity.look", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        s.allow(activity, Cap.REVIEW_ACTIVITIES, Scope.AREA)
        not_the_writer(s, activity)
        if not activity.emergency or activity.reviewed_at is not None or activity.state not in {"posted", "ended"}:
            raise WrongState
        if not words.strip():
            raise PaperMissing(field="words", paper=_("what you found"))
        activity.reviewed_by_id, activity.reviewed_at = by.user_id, at
        activity.save(update_fields=["reviewed_by", "reviewed_at"])
        about(s, activity)
        s.record(activity, words=by_staff(words))
    return activity


# Ended ----------------------------------------------------------------------------------------------------------------
def cancel(*, activity_id: int, by: Actor, at: dt.datetime, reason: str) -> Activity:
    """It does not take place: shifts to come are cancelled, those enrolled are told. What was served stays served."""
    from heli.volunteering.steps.shifts import cancel_planned

    with step("activity.cancel", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        activity.reason, activity.ended_at = by_staff(reason), at
        s.move(activity, ACTIVITY, "cancel", reason=activity.reason, save=("reason", "ended_at"))
        n = cancel_planned(s, activity, activity.shifts.filter(starts__gt=at), activity.reason)
        activity.series.update(ended=True)
        about(s, activity)
        s.record(shifts=n, public=True)
    return activity


def end(
    *,
    activity_id: int,
    by: Actor,
    at: dt.datetime,
    served: int,
    came_of_it: str,
    whom: str = "",
    thanks: str = "",
    photos: Sequence[IO[bytes]] = (),
) -> Activity:
    """It is over: who was served (a group, nobody's name), how many, what came of it, in public. Where it served a request
    that is still in its unit's hands, that is answered, and its resident judges.

    Faces and number plates in photos are covered before anything is kept.

    Raises:
        NotOver: shifts are to come, or people enrolled whose attendance is not settled (L-451).
        Invalid (L-400), TooLong (L-118), NotLookedAt (L-200) for a photo in which faces could not be covered.
    """
    if served < 0 or served > 100_000:
        raise Invalid(_("How many people were served: a number, 0 where nobody was."), field="served")
    if len(photos) > PHOTOS:
        raise Invalid(_("At most %(n)s photos.") % {"n": PHOTOS}, field="photos")
    text = checked_text(came_of_it, field="came_of_it", limit=300)
    pictures = [files.clean(p, files.STREET) for p in photos]
    with step("activity.end", by=by, at=at) as s:
        activity = lock_activity(s, activity_id)
        taken = Enrolment.objects.filter(shift=OuterRef("pk"), state__in=LIVE)
        planned: list[Any] = list(activity.shifts.filter(state="planned").annotate(taken=Exists(taken)).order_by("id"))
        if open_ones := sum(x.taken or x.ends > at for x in planned):
            raise errors.NotOver(n=open_ones)
        for shift in planned:  # nobody came, and nobody had enrolled: there is nothing to settle
            shift.ended_at = at
            follow_up(s, shift, activity, (SHIFT, "close"), ("ended_at",))
        activity.served, activity.came_of_it, activity.thanks = served, by_staff(text), by_staff(thanks)
        activity.whom = by_staff(whom, 60)
        if activity.request is not None and (
            found := gives_away(activity.request, f"{activity.whom}\n{text}\n{thanks}")
        ):
            raise errors.SaysWho(found=found, field="whom")
        activity.ended_at = at
        kept = files.keep_all(pictures, subject_type=SUBJECT, subject_id=activity.pk) if pictures else []
        activity.photos = [f.pk for f in kept]
        names = ("served", "whom", "came_of_it", "thanks", "ended_at", "photos")
        s.move(activity, ACTIVITY, "end", save=names)
        activity.series.update(ended=True)
        to_tell(Sent.ACTIVITY, activity.pk, activity.area_path, at)
        about(s, activity)
        s.record(served=served, public=True)
        if activity.request_id is not None:
            _answer(s, activity, activity.request_id)
    return activity


def _answer(s: Step, activity: Activity, request_id: int) -> None:
    """The loop goes on: the reply is composed of facts. Without an open request in the unit's hands nothing is sent."""
    request = Request.objects.filter(pk=request_id, state="handling", unit=activity.org_id).first()
    if request is None or not s.by.can(Cap.HANDLE_REQUESTS, org_id=activity.org_id):
        s.record(answered=False)
        return
    n = activity.shifts.filter(state="over").count()
    with translation.override(settings.LANGUAGE_CODE):
        times = ngettext("once", "%(n)s times", n) % {"n": n}
        text = _("The volunteer activity “%(title)s” took place %(times)s. %(came)s") % {
            "title": activity.title,
            "times": times,
            "came": activity.came_of_it,
        }
    activity.handling = loop.write_reply(request_id=request.pk, by=s.by, at=s.at, text=text, kind=KIND)
    activity.save(update_fields=["handling"])
    s.record(answered=True)
