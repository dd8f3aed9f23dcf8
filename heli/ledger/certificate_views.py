"""Certificates: checking one (anybody), one's own, and those a recorder or reviewer looks after."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from heli.core import export, files, tries, vault
from heli.core.caps import Cap, Scope
from heli.core.days import day_of
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.paging import keyset
from heli.core.tries import Limit
from heli.engines import certificate as paper
from heli.engines import serial
from heli.engines.serial import BadSerial
from heli.ledger import certificate_steps as steps
from heli.ledger import certificates, log, national
from heli.ledger.certificate_forms import DeskForm, MakeForm
from heli.ledger.certificate_models import Certificate
from heli.ledger.certificate_pdf import sealed
from heli.ledger.errors import NameChanged, NoLongerStands, NothingToCertify
from heli.ledger.models import LogKey
from heli.ledger.queries import length
from heli.orgs.models import Organisation
from heli.people.queries import by_phone
from heli.places.models import Area
from heli.rulebook import queries as rulebook

BOTH = (Cap.RECORD_HOURS, Cap.REVIEW_HOURS)
GUESSES = Limit(30, 600)  # numbers that are none, per address
CODES = Limit(10, 600)  # codes for a name that do not open it, per certificate and address
SIZE = 8 * 2**20  # bytes of a file that is checked; a paper of 1,000 services has less than 3 MB


def _unkept(response: HttpResponse) -> HttpResponse:
    """Said anew each time, kept by nobody on the way, found by no search engine."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "same-origin"
    return response


# For anybody ----------------------------------------------------------------------------------------------------------
def _mistyped(error: BadSerial) -> str:
    """What is wrong with a number as it was typed; it says nothing of which numbers there are."""
    said = {
        "empty": _("Type the number that stands on the certificate."),
        "length": _("A number has 30 characters, in six groups of five. Look whether some are missing."),
        "character": _("One of these characters is in no number: it has digits and letters, but no U."),
        "check": _("One character is not as printed. Compare it with the paper, group by group."),
    }
    return said[error.why]


@page("v/", name="verify", scope=Scope.PUBLIC, methods=("GET", "POST"))
def verify(request: HeliRequest) -> HttpResponse:
    """Type the number, or give the file. No statement."""
    typed, wrong = request.POST.get("number", "")[:80], ""
    if request.method == "POST":
        try:
            return _unkept(redirect("ledger:certificate", serial_number=serial.in_address(serial.normalise(typed))))
        except BadSerial as error:
            wrong = _mistyped(error)
    shown = {"typed": typed, "wrong": wrong}
    return _unkept(render(request, "ledger/certificates/verify.html", shown, status=400 if wrong else 200))


@page("v/file/", name="verify_file", scope=Scope.PUBLIC, methods=("POST",), limit=Limit(30))
def verify_file(request: HeliRequest) -> HttpResponse:
    """A PDF is checked as `heli ledger verify` does, and kept nowhere."""
    given = request.FILES.get("file")
    if given is None:
        return _unkept(
            render(request, "ledger/certificates/verify.html", {"file_wrong": _("Choose the file first.")}, status=400)
        )
    raw = given.read(SIZE + 1)
    if len(raw) > SIZE:
        raise files.TooLarge(size=(given.size or len(raw)) // 2**20, limit=SIZE // 2**20)
    keys = [log.verifier(k) for k in LogKey.objects.all()]
    report = paper.check(raw if keys else b"", keys)  # before there is a key nothing was issued, and no file is read
    english = not (get_language() or "").startswith("zh")
    code = str((report.certificate or {}).get("code", ""))
    shown = {
        "checks": [(c.ok, c.en if english else c.zh) for c in report.checks],
        "ok": report.ok and report.trusted,
        "address": serial.in_address(code) if report.ok and report.trusted else "",
        "number": serial.grouped(code),
    }
    return _unkept(render(request, "ledger/certificates/file.html", shown))


@page("v/<str:serial_number>/", name="certificate", scope=Scope.PUBLIC, methods=("GET", "POST"))
def certificate(request: HeliRequest, serial_number: str) -> HttpResponse:
    """Six answers about one certificate, by the rows as they are now. Statements: 2 while they are as they were when it was
    looked at before, else 7; 2 for a number that is none."""
    now = timezone.now()
    day, bad_day = _asked_day(request, now)
    seen = certificates.look(serial_number, now, day)
    if seen is None:
        return _unknown(request, serial_number)
    found, name, wrong, status = seen.standing.certificate, "", "", 200
    if request.method == "POST":
        who = f"{found.pk} {tries.address(request)}"
        tries.spend("certificate name", who, CODES)
        try:
            name = steps.open_name(
                certificate=found, typed=request.POST.get("name_code", "")[:20], at=now, by=request.actor
            )
            tries.give_back("certificate name", who)
        except HeliError as error:
            wrong, status = error.words, error.status
    told = national.receipts(seen.standing.services)
    shown: dict[str, Any] = {
        "s": seen.standing,
        "receipts": list(dict.fromkeys(told.values())),
        "placed": len(told),
        "services": len(seen.standing.services),
        "c": found,
        "number": serial.grouped(found.code),
        "asked": day is not None,
        "bad_day": bad_day,
        "today": timezone.localdate(now),
        "name": name,
        "name_wrong": wrong,
        "own": found.issued_by == found.person.user_id,
    }
    kept = not (name or bad_day) and (*seen.key, *sorted(told.items()), get_language())
    body = _bodies.get(kept) if kept else None
    if body is None:
        body = render_to_string("ledger/certificates/_answers.html", shown)
        if kept:
            _bodies[kept] = body
            if len(_bodies) > certificates.KEPT:
                with suppress(KeyError):
                    _bodies.popitem(last=False)
    return _unkept(render(request, "ledger/certificates/one.html", shown | {"body": body}, status=status))


_bodies: OrderedDict[Any, str] = OrderedDict()  # the six answers as they were written, by what they follow from


def _unknown(request: HeliRequest, typed: str) -> HttpResponse:
    """There is no such certificate: what is wrong with the number, and no more guesses than a person makes."""
    tries.spend("certificate", tries.address(request), GUESSES)
    shown, wrong = typed[:80], ""
    try:
        shown = serial.grouped(serial.normalise(typed))
    except BadSerial as error:
        wrong = _mistyped(error)
    return _unkept(render(request, "ledger/certificates/unknown.html", {"typed": shown, "wrong": wrong}, status=404))


def _asked_day(request: HeliRequest, now: dt.datetime) -> tuple[dt.date | None, bool]:
    """(the day that was typed, whether it is none that can be asked about)."""
    typed = request.GET.get("on", "").strip()
    if not typed:
        return None, False
    day = day_of(typed)
    fits = day is not None and dt.date(2000, 1, 1) <= day <= timezone.localdate(now)
    return (day, False) if fits else (None, True)


# One's own ------------------------------------------------------------------------------------------------------------
@page("hours/certificates/", name="certificates", scope=Scope.SELF, methods=("GET", "POST"), limit=Limit(30))
def own(request: HeliRequest) -> HttpResponse:
    """Make one, and those made before. Statements: 3 (units, list, account)."""
    now = timezone.now()
    form = MakeForm(
        request.POST if request.method == "POST" else None,
        certificates.units_of(request.actor),
        timezone.localdate(now),
    )
    if request.method == "POST" and form.is_valid():
        d = form.cleaned_data
        try:
            made = steps.issue(
                user_id=request.actor.user_id or 0, first_day=d["first_day"], last_day=d["last_day"], org_id=d["org"],
                language=d["language"], by=request.actor, at=now,
            )  # fmt: skip
        except HeliError as error:
            form.add_error(None, error.words)
        else:
            messages.success(request, _("The certificate is made. Download it below."))
            return redirect(f"{request.path}#c{made.pk}")
    return _own_page(request, form)


def _own_page(request: HeliRequest, form: MakeForm, **more: Any) -> HttpResponse:
    rows = certificates.own(request.actor, after=request.GET.get("after"))
    status = 400 if form.is_bound and form.errors else 200
    shown = {"form": form, "page": rows.map(_row), **more}
    return _unkept(render(request, "ledger/certificates/own.html", shown, status=status))


def _row(c: Any) -> dict[str, Any]:
    state, said = (
        ("late", pgettext("certificate", "revoked"))
        if c.revoked_at
        else ("soon", pgettext("certificate", "hours corrected"))
        if c.taken
        else ("done", pgettext("certificate", "valid"))
    )
    return {
        "c": c, "number": serial.grouped(c.code), "address": serial.in_address(c.code), "chip": state, "said": said,
        "hours": length(c.minutes), "stands": state == "done",
    }  # fmt: skip


@page(
    "hours/certificates/<int:certificate_id>/pdf/",
    name="certificate_pdf",
    scope=Scope.SELF,
    methods=("POST",),
    limit=Limit(60),
)
def pdf(request: HeliRequest, certificate_id: int) -> HttpResponse:
    """The paper, made anew with the log's last signature. Its holder opens the name; a unit's recorder leaves a trace."""
    now = timezone.now()
    found = (
        Certificate.objects.visible_to(request.actor).select_related("person", "org").filter(pk=certificate_id).first()
    )
    if found is None:
        raise NotFound
    if not certificates.stands(found):
        raise NoLongerStands
    name = _name_for(request, found, now)
    if not certificates.same_name(name, found):
        raise NameChanged
    proof = log.cover(certificates.things(found), now)
    area = Area.objects.filter(path=settings.HELI_HOME_AREA).first()
    issuer = "合力" + (f" · {area.name}" if area else "")
    content = sealed(found, name, proof, issuer, now)
    return export.download(content, f"certificate-{found.code[:5]}.pdf", "application/pdf")


def _name_for(request: HeliRequest, c: Certificate, now: dt.datetime) -> str:
    if c.person.user_id is not None and c.person.user_id == request.actor.user_id:
        return certificates.name_of(c.person.user_id)
    record = certificates.record_of(c.person.user_id or 0)
    if record is None or c.org_id is None or not request.actor.can(Cap.RECORD_HOURS, org_id=c.org_id):
        raise NotFound
    with transaction.atomic():
        opened = vault.reveal(
            record.pk, fields=("name",), by=request.actor, at=now, about=(steps.SUBJECT, c.pk), org_id=c.org_id,
            purpose=_("Print the certificate %(number)s that you asked for") % {"number": serial.grouped(c.code)},
        )  # fmt: skip
    return opened["name"].strip()


@page(
    "hours/certificates/<int:certificate_id>/name/",
    name="certificate_name",
    scope=Scope.SELF,
    methods=("POST",),
    limit=Limit(30),
)
def name_code(request: HeliRequest, certificate_id: int) -> HttpResponse:
    """A code by which somebody beside me sees my full name on the public page, once."""
    code = steps.make_name_code(certificate_id=certificate_id, by=request.actor, at=timezone.now())
    form = MakeForm(None, certificates.units_of(request.actor), timezone.localdate())
    return _own_page(
        request, form, name_code=f"{code[:4]} {code[4:]}", name_code_of=certificate_id, minutes=steps.MINUTES
    )


# For recorders and reviewers ------------------------------------------------------------------------------------------
@page("hours/certificates/desk/", name="certificates_desk", needs=BOTH, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """Those of one's unit or areas, newest first. One statement."""
    return _desk_page(request)


def _units(request: HeliRequest) -> list[tuple[int, str]]:
    rows = Organisation.objects.filter(pk__in=request.actor.org_ids(Cap.RECORD_HOURS)).order_by("name")
    return list(rows.values_list("pk", "name"))


def _desk_page(request: HeliRequest, *, error: HeliError | None = None, status: int = 200) -> HttpResponse:
    f = certificates.Filters.read(request.GET)
    found = keyset(certificates.desk(request.actor, f), order=("-issued_at", "-id"), after=request.GET.get("after"))
    units = request.actor.org_ids(Cap.RECORD_HOURS)
    shown = {
        "page": found.map(lambda c: _row(c) | {"ours": c.org_id in units}),
        "filters": f,
        "narrowed": f.kept(),
        "states": [("", _("all")), ("valid", _("not revoked")), ("revoked", pgettext("certificate", "revoked"))],
        "query": request.GET.urlencode(),
        "records": bool(units),
        "error": error,
    }
    return _unkept(render(request, "ledger/certificates/desk.html", shown, status=status))


@page("hours/certificates/desk/export/", name="certificates_export", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def desk_export(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet, for a stated purpose. No names."""
    now, f = timezone.now(), certificates.Filters.read(request.GET)
    path = next(iter(request.actor.paths(Cap.REVIEW_HOURS)), "")
    org_id = next(iter(request.actor.org_ids(Cap.RECORD_HOURS)), None)
    rule = rulebook.in_force(("export.row_cap",), path=path or settings.HELI_HOME_AREA, on=timezone.localdate(now))
    most = int(rule["export.row_cap"].value)
    rows = [_row(c) for c in certificates.desk(request.actor, f).order_by("-issued_at", "-id")[: most + 1]]
    cap = Cap.REVIEW_HOURS if Cap.REVIEW_HOURS in request.actor.caps else Cap.RECORD_HOURS
    export.take_away(
        name="certificates", by=request.actor, at=now, purpose=request.POST.get("purpose", ""), rows=len(rows),
        filters=f.kept(), path=path, org_id=org_id if cap is Cap.RECORD_HOURS else None, cap=cap,
    )  # fmt: skip
    columns: list[export.Column[Any]] = [
        (pgettext("certificate", "Number"), lambda r: r["number"]),
        (pgettext("certificate", "Name, masked"), lambda r: r["c"].name_mask),
        (_("Recorded by"), lambda r: r["c"].org.name if r["c"].org else _("all units")),
        (_("From"), lambda r: r["c"].first_day),
        (_("Until"), lambda r: r["c"].last_day),
        (_("Minutes"), lambda r: r["c"].minutes),
        (_("Issued"), lambda r: r["c"].issued_at),
        (_("State"), lambda r: r["said"]),
        (_("Revoked"), lambda r: r["c"].revoked_at),
        (_("Reason"), lambda r: r["c"].revoke_reason),
    ]
    book = export.workbook(_("Certificates of service hours"), columns, rows, cap=most)
    return export.download(book, f"certificates-{timezone.localdate(now):%Y%m%d}.xlsx")


@page(
    "hours/certificates/desk/make/",
    name="certificates_make",
    needs=Cap.RECORD_HOURS,
    scope=Scope.OWN_UNIT,
    methods=("GET", "POST"),
)
def desk_make(request: HeliRequest) -> HttpResponse:
    """For somebody who asked: of what the recorder's unit recorded for them."""
    now = timezone.now()
    form = DeskForm(
        request.POST if request.method == "POST" else None, _units(request), timezone.localdate(now), every=False
    )
    if request.method == "POST" and form.is_valid():
        d = form.cleaned_data
        tries.spend("certificate phone", tries.whose(request), GUESSES)
        try:
            somebody = by_phone(d["phone"])
            if somebody is None:  # no other answer than for somebody without hours here
                raise NothingToCertify
            steps.issue(
                user_id=somebody.pk, first_day=d["first_day"], last_day=d["last_day"], org_id=d["org"],
                language=d["language"], by=request.actor, at=now,
            )  # fmt: skip
        except HeliError as error:
            form.add_error(None, error.words)
        else:
            tries.give_back("certificate phone", tries.whose(request))
            messages.success(request, _("The certificate is made. Print it from this list."))
            return redirect("ledger:certificates_desk")
    status = 400 if form.is_bound and form.errors else 200
    return _unkept(render(request, "ledger/certificates/make.html", {"form": form}, status=status))


@page(
    "hours/certificates/desk/<int:certificate_id>/revoke/",
    name="certificate_revoke",
    needs=BOTH,
    scope=Scope.AREA,
    methods=("POST",),
)
def revoke(request: HeliRequest, certificate_id: int) -> HttpResponse:
    """Take one back, for good."""
    try:
        steps.revoke(
            certificate_id=certificate_id, reason=request.POST.get("reason", ""), by=request.actor, at=timezone.now()
        )
    except HeliError as error:
        if error.status in {403, 404}:
            raise
        return _desk_page(request, error=error, status=error.status)
    messages.success(request, _("Revoked. Whoever checks it reads so from now on."))
    return redirect("ledger:certificates_desk")
