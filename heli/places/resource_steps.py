"""Every change of what a site lends, of the experts who help there, and of who runs it together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core import subjects
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.days import midnight
from heli.core.errors import Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines import freetime
from heli.engines.freetime import Taken
from heli.engines.identifiers import without_personal
from heli.places.booking_steps import SUBJECT, runs
from heli.places.errors import PartnerAlready, ResourceNameTaken, StillPromised
from heli.places.resources import Booking, OpenTo, Resource, ResourceKind, SitePartner
from heli.places.site_queries import ORG
from heli.places.sites import Site
from heli.places.states import BOOKING

FIELDS = frozenset({"name", "what_for", "units", "seats", "open_to", "lead_hours", "longest_hours", "asks"})
MOST = {"units": 100_000, "seats": 10_000, "lead_hours": 24 * 90, "longest_hours": 24 * 90}


# What can be booked -----------------------------------------------------------------------------------------------------
def _cleaned(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The fields of a resource, checked; whatever cannot be used is said beside its field."""
    if unknown := given.keys() - FIELDS:
        raise TypeError(f"a resource has no {sorted(unknown)}")
    data = dict(given)
    for name, most in (("name", 40), ("what_for", 200)):
        if name in data:
            data[name] = without_personal(" ".join(str(data[name]).split()))
            if len(data[name]) > most:
                raise Invalid(_now("At most %(n)s characters fit here.") % {"n": most}, field=name)
    if "name" in data and len(data["name"]) < 2:
        raise Invalid(_("A name has 2 to 40 characters."), field="name")
    for name, high in MOST.items():
        value = data.get(name)
        if value is not None and not (0 if name.endswith("hours") else 1) <= value <= high:
            raise Invalid(_now("Write a number up to %(n)s.") % {"n": high}, field=name)
    if data.get("longest_hours") == 0:
        raise Invalid(_("At least one hour."), field="longest_hours")
    if data.get("open_to", OpenTo.ALL) not in OpenTo.values:
        raise Invalid(_("Choose from the list."), field="open_to")
    if kind != ResourceKind.ROOM and "seats" in data:
        data["seats"] = None
    if kind == ResourceKind.EXPERT:
        data["units"] = 1
    return data


def _lock_site(s: Step, site_id: int) -> Site:
    """A site the actor manages or keeps; NotFound (L-404) for others."""
    site = s.lock(Site, site_id)
    if not runs(s.by, site):
        raise NotFound
    if s.by.can(Cap.MANAGE_SITES, path=site.area_path):
        s.require(Cap.MANAGE_SITES, path=site.area_path)
    else:
        s.require(Cap.KEEP_SITE, org_id=site.keeper_id)
    s.about(SUBJECT, site.pk, site.area_path)
    return site


def _lock(s: Step, resource_id: int) -> Resource:
    """A resource of a site the actor manages or keeps, locked; NotFound (L-404). The resource first, as whoever books."""
    found: Resource | None = (
        Resource.objects.select_for_update(of=("self",)).select_related("site").filter(pk=resource_id).first()
    )
    if found is None or not runs(s.by, found.site):
        raise NotFound
    s.about(SUBJECT, found.site_id, found.site.area_path)
    return found


def _saved(resource: Resource, **how: Any) -> None:
    try:
        with transaction.atomic():
            resource.save(**how)
    except IntegrityError as error:
        if "resource_name_once" in str(error):
            raise ResourceNameTaken(name=resource.name, field="name") from error
        raise


def add_resource(*, site_id: int, kind: str, by: Actor, at: dt.datetime, username: str = "", **given: Any) -> Resource:
    """Something more that can be booked: name, and what else FIELDS names. An expert is asked by user name, and seen by
    nobody until they have agreed.

    Raises ResourceNameTaken (L-280), Invalid: a field cannot be used (L-400), NotFound.
    """
    if kind not in ResourceKind.values:
        raise Invalid(_("Choose from the list."), field="kind")
    data = _cleaned({"units": 1, **given}, kind)
    with step("resource.add", by=by, at=at) as s:
        site = _lock_site(s, site_id)
        if not data.get("name"):
            raise PaperMissing(field="name", paper=_now("its name"))
        expert = None
        if kind == ResourceKind.EXPERT:
            expert = get_user_model().objects.filter(username__iexact=username.strip(), is_active=True).first()
            if expert is None:
                raise Invalid(
                    _("No account has this user name. Ask the person: it stands on their page."), field="username"
                )
        resource = Resource(site=site, kind=kind, expert=expert, made_at=at, **data)
        _saved(resource, force_insert=True)
        s.record(resource, name=resource.name, kind=kind, units=resource.units)
    return resource


def change_resource(*, resource_id: int, by: Actor, at: dt.datetime, **given: Any) -> Resource:
    """Change what is given. Fewer units, or a smaller stock, only where nothing promised needs them (StillPromised, L-281)."""
    with step("resource.change", by=by, at=at) as s:
        resource = _lock(s, resource_id)
        data = _cleaned(given, resource.kind)
        if data.get("units", resource.units) < resource.units:
            _not_promised(resource, data["units"], at)
        changed = sorted(name for name, value in data.items() if getattr(resource, name) != value)
        for name in changed:
            setattr(resource, name, data[name])
        if changed:
            _saved(resource, update_fields=changed)
        s.record(resource, changed=changed, name=resource.name)
    return resource


def _ahead(resource: Resource, at: dt.datetime) -> Any:
    return Booking.objects.filter(resource=resource, state__in=("asked", "booked"), period__endswith__gt=at)


def _not_promised(resource: Resource, units: int, at: dt.datetime) -> None:
    rows = list(_ahead(resource, at))
    if resource.counted:
        held = [Taken(b.period.lower, b.period.upper, b.amount) for b in rows]
        over = [t for t in held if freetime.peak(held, t.begin, t.end) > units]
    else:
        over = [b for b in rows if b.unit > units]
    if over:
        raise StillPromised(n=len(over), field="units")


def close_resource(*, resource_id: int, on: dt.date, by: Actor, at: dt.datetime) -> Resource:
    """It can be booked no more from a day on; nothing may be promised for that day or later (StillPromised, L-281)."""
    with step("resource.close", by=by, at=at) as s:
        resource = _lock(s, resource_id)
        if resource.closed_on is not None:
            raise WrongState
        if on < timezone.localdate(at):
            raise Invalid(_("Choose today or a later day."), field="on")
        begin = midnight(on)
        if n := _ahead(resource, at).filter(period__endswith__gt=begin).count():
            raise StillPromised(n=n, field="on")
        resource.closed_on = on
        _saved(resource, update_fields=["closed_on"])
        s.record(resource, on=on.isoformat(), name=resource.name)
    return resource


# Experts ----------------------------------------------------------------------------------------------------------------
def _own(s: Step, resource_id: int) -> Resource:
    found: Resource | None = (
        Resource.objects.select_for_update(of=("self",)).select_related("site")
        .filter(pk=resource_id, expert=s.by.user_id, expert__isnull=False).first()
    )  # fmt: skip
    if found is None:
        raise NotFound
    s.about(SUBJECT, found.site_id, found.site.area_path)
    return found


def agree(*, resource_id: int, call_name: str, by: Actor, at: dt.datetime) -> Resource:
    """The person agrees to be booked at a site, and says under which name everybody sees them."""
    call_name = without_personal(" ".join(call_name.split()))
    if not 1 <= len(call_name) <= 20:
        raise Invalid(_("Write how you want to be called: up to 20 characters."), field="call_name")
    with step("resource.agree", by=by, at=at) as s:
        resource = _own(s, resource_id)
        if resource.closed_on is not None:
            raise WrongState
        resource.agreed_at, resource.call_name = resource.agreed_at or at, call_name
        resource.save(update_fields=["agreed_at", "call_name"])
        s.record(resource)
    return resource


def take_back(*, resource_id: int, by: Actor, at: dt.datetime) -> Resource:
    """The person agrees no more: their name is gone from every page, and bookings ahead are cancelled with that reason."""
    with step("resource.take_back", by=by, at=at) as s:
        resource = _own(s, resource_id)
        _unname(s, resource)
        s.record(resource)
    return resource


def _unname(s: Step, resource: Resource) -> None:
    """Call while holding the resource's lock."""
    resource.agreed_at, resource.call_name = None, ""
    resource.closed_on = resource.closed_on or timezone.localdate(s.at)
    resource.save(update_fields=["agreed_at", "call_name", "closed_on"])
    _cancel_all(s, _ahead(resource, s.at), _now("The expert can no longer come."))


def _cancel_all(s: Step, rows: Any, reason: str) -> None:
    for b in rows.select_for_update(of=("self",)).select_related("resource__site").order_by("id"):
        inner = Step("booking.cancel", s.by, s.at)
        b.reason, b.changed_at = reason, s.at
        inner.move(b, BOOKING, "cancel", reason=reason, save=("reason", "changed_at"))
        inner.about(SUBJECT, b.resource.site_id, b.resource.site.area_path)
        inner.close()


def forget_person(s: Step, user_id: int) -> None:
    """An account closes: they help nowhere as an expert any more, and what they booked ahead is free again. Inside the
    step that closes it; the room that holds something for them (`source`) gives it up itself."""
    for resource in Resource.objects.select_for_update(of=("self",)).filter(expert=user_id).select_related("site"):
        _unname(s, resource)
    mine = Booking.objects.filter(by=user_id, org_id=None, source_id=None, state__in=("asked", "booked"))
    _cancel_all(s, mine.filter(period__endswith__gt=s.at), _now("The account was closed."))


# Who runs it together ---------------------------------------------------------------------------------------------------
def add_partner(*, site_id: int, org_id: int, brings: str, since: dt.date, by: Actor, at: dt.datetime) -> SitePartner:
    """An organisation runs the site together with its keeper from a day on; what it brings is shown to everybody.

    Raises PartnerAlready (L-282)."""
    brings = without_personal(" ".join(brings.split()), offices=True)[:120]
    if not brings:
        raise PaperMissing(field="brings", paper=_now("what they bring in"))
    known = subjects.describe([(ORG, org_id)], by)
    if (ORG, org_id) not in known:
        raise NotFound
    with step("site.partner", by=by, at=at) as s:
        site = _lock_site(s, site_id)
        if site.keeper_id == org_id:
            raise Invalid(_("It keeps the place already."), field="org")
        try:
            with transaction.atomic():
                made = SitePartner.objects.create(site=site, org_id=org_id, brings=brings, since=since)
        except IntegrityError as error:
            raise PartnerAlready(name=known[ORG, org_id].title, field="org") from error
        s.record(site, public=True, partner=org_id, brings=brings)
    return made


def end_partner(*, partner_id: int, by: Actor, at: dt.datetime) -> SitePartner:
    """From today on it runs the site no more; that it did is kept."""
    with step("site.partner_end", by=by, at=at) as s:
        site_id = SitePartner.objects.filter(pk=partner_id).values_list("site_id", flat=True).first()
        if site_id is None:
            raise NotFound
        site = _lock_site(s, site_id)
        partner = SitePartner.objects.select_for_update().get(pk=partner_id)
        if partner.until is not None:
            raise WrongState
        partner.until = max(partner.since, timezone.localdate(at))
        partner.save(update_fields=["until"])
        s.record(site, public=True, partner=partner.org_id)
    return partner
