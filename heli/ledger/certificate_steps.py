"""Writes about certificates: making one, revoking one, opening the name for somebody who stands beside its holder."""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any

from django.core.cache import cache
from django.db.models import F

from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.days import midnight
from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.core.steps import step
from heli.engines import serial
from heli.engines.identifiers import AREA_LENGTHS, mask_name, without_personal
from heli.ledger import certificates
from heli.ledger.certificate_models import Certificate, CertificateLine
from heli.ledger.certificate_pdf import NEWEST
from heli.ledger.errors import NameCodeWrong, NameMissing, NameUnchecked, NothingToCertify, TooManyToCertify
from heli.ledger.models import Entry, Kind, Person

SUBJECT = "ledger.certificate"
MOST = 1000  # services on one paper: about 60 pages
MINUTES = 10  # how long a code opens the name


def issue(
    *,
    user_id: int,
    first_day: dt.date,
    last_day: dt.date,
    language: str,
    by: Actor,
    at: dt.datetime,
    org_id: int | None = None,
) -> Certificate:
    """Certify what is approved in these days: for oneself, or by a unit's recorder of what that unit recorded. Free, and as
    often as somebody wants (办法 art. 14).

    Raises:
        Forbidden: neither oneself nor the unit's recorder (L-403).
        NothingToCertify (L-970), TooManyToCertify (L-971), NameMissing (L-972), NameUnchecked (L-976).
    """
    with step("certificate.issue", by=by, at=at) as s:
        if by.user_id != user_id or by.user_id is None:
            if org_id is None:
                raise Forbidden
            s.require(Cap.RECORD_HOURS, org_id=org_id)
        # The trigger of entries locks the person in the same way: none is taken back meanwhile.
        person = Person.objects.select_for_update(no_key=True).filter(user=user_id).first()
        standing = _standing(person, first_day, last_day, org_id) if person else []
        if person is None or not standing:
            raise NothingToCertify
        if len(standing) > MOST:
            raise TooManyToCertify(most=MOST)
        name = certificates.name_of(user_id)
        if not name:
            raise NameMissing
        if not certificates.name_checked(user_id):
            raise NameUnchecked
        made = Certificate.objects.create(
            code=serial.new(), person=person, template=NEWEST, language=language, org_id=org_id,
            area_path=_around([path for _entry, path in standing]), first_day=first_day, last_day=last_day,
            minutes=sum(e.minutes for e, _path in standing), name_mask=mask_name(name),
            name_mark=certificates.mark_of_name(name), issued_at=at, issued_by=by.user_id,
        )  # fmt: skip
        CertificateLine.objects.bulk_create(
            CertificateLine(certificate=made, n=n, entry=e) for n, (e, _path) in enumerate(standing, start=1)
        )
        s.about(SUBJECT, made.pk, made.area_path)
        s.record(made, services=len(standing), minutes=made.minutes)
    return made


def _standing(person: Person, first: dt.date, last: dt.date, org_id: int | None) -> list[tuple[Entry, str]]:
    """Approvals that stand, with the area of each, by day. One statement."""
    rows: Any = Entry.objects.filter(
        service__person=person,
        kind=Kind.APPROVED,
        superseded_by=None,
        starts__gte=midnight(first),
        starts__lt=midnight(last + dt.timedelta(days=1)),
    )
    if org_id is not None:
        rows = rows.filter(service__org=org_id)
    rows = rows.annotate(path=F("service__area_path")).order_by("starts", "pk")[: MOST + 1]
    return [(e, e.path) for e in rows]


def _around(paths: list[str]) -> str:
    """The smallest area that holds all of these."""
    first = paths[0]
    return first[: max(n for n in (0, *AREA_LENGTHS) if all(len(p) >= n and p[:n] == first[:n] for p in paths))]


def revoke(*, certificate_id: int, reason: str, by: Actor, at: dt.datetime) -> Certificate:
    """Who recorded all of its hours, or reviews hours there, takes it back, for good and seen at once.

    Raises: NotFound (L-404), Forbidden (L-403), PaperMissing (L-103), WrongState (L-101): it was revoked before.
    """
    with step("certificate.revoke", by=by, at=at) as s:
        found = s.lock(Certificate, certificate_id)
        s.allow(found, Cap.REVIEW_HOURS, Scope.AREA, (Cap.RECORD_HOURS, Scope.OWN_UNIT))
        if found.revoked_at is not None:
            raise WrongState
        found.revoke_reason = without_personal(reason.strip())[:200]
        if not found.revoke_reason:
            raise PaperMissing(field="reason", paper="reason")
        found.revoked_at, found.revoked_by = at, by.user_id
        found.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
        s.about(SUBJECT, found.pk, found.area_path)
        s.record(found, reason=found.revoke_reason)
    return found


# The name -------------------------------------------------------------------------------------------------------------
def _kept(pk: int) -> str:
    return f"ledger.certificate.name:{pk}"


def make_name_code(*, certificate_id: int, by: Actor, at: dt.datetime) -> str:
    """A code that opens the full name on the public page once within ten minutes; an earlier one ends. By its holder."""
    with step("certificate.name_code", by=by, at=at) as s:
        found = s.lock(Certificate, certificate_id, related=("person",))
        if by.user_id is None or found.person.user_id != by.user_id:
            raise NotFound
        code = serial.some(8)
        cache.set(_kept(found.pk), code, MINUTES * 60)
        s.about(SUBJECT, found.pk, found.area_path)
    return code


def open_name(*, certificate: Certificate, typed: str, at: dt.datetime, by: Actor) -> str:
    """The full name, for who was given the code. The holder can see that it was opened. Raises NameCodeWrong (L-975)."""
    kept = cache.get(_kept(certificate.pk)) or ""
    fits = bool(kept) and hmac.compare_digest(kept.encode(), serial.read(typed).encode())
    if not fits or not cache.delete(_kept(certificate.pk)):  # of two at once one opens it
        raise NameCodeWrong(field="name_code")
    with step("certificate.name_opened", by=by, at=at) as s:
        s.about(SUBJECT, certificate.pk, certificate.area_path)
        name = certificates.name_of(certificate.person.user_id or 0)
    if not certificates.same_name(name, certificate):
        raise NameCodeWrong(field="name_code")
    return name
