"""For who leads a shift: its people, the code to scan, the list that works without a network, the kiosk."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from heli.core import files
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.models import StoredFile
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.loop.views.public import private
from heli.volunteering import codes
from heli.volunteering.errors import WrongPin
from heli.volunteering.forms import enrol as forms
from heli.volunteering.models import Enrolment, Shift
from heli.volunteering.models.enrolments import Means
from heli.volunteering.queries import enrol as queries
from heli.volunteering.queries import kind
from heli.volunteering.queries.roster import recent
from heli.volunteering.steps import attend, enrol
from heli.volunteering.steps import roster as rosters
from heli.volunteering.views.enrol import point_of, see_other

STATIC = Path(__file__).parents[1] / "static" / "volunteering"
MOST = 500  # entries of one sending
KIOSK = "heli.volunteering.kiosk"  # salt of the cookie of a kiosk
KIOSK_HOURS = 16


def qr(text: str) -> Any:
    """A code to scan, as SVG for the page."""
    return mark_safe(segno.make(text, error="m").svg_inline(border=2, dark="#000", light="#fff", omitsize=True))  # noqa: S308


def address(shift: Shift, at: dt.datetime) -> str:
    """Where the code of this half minute leads."""
    return settings.HELI_PUBLIC_URL + reverse("volunteering:check_in", args=[shift.pk, codes.code(shift, at)])


@page("shift/<int:shift_id>/", name="shift", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def shift(request: HeliRequest, shift_id: int) -> HttpResponse:
    """Everybody of a shift, and what is still to be said of each before it can be closed."""
    return shift_page(request, shift_id)


def shift_page(
    request: HeliRequest, shift_id: int, *, wrong: Any = None, status: int = 200, **more: Any
) -> HttpResponse:
    now = timezone.now()
    desk = queries.desk(request.actor, shift_id)
    first, last = attend.window(desk.shift, now)
    context = {
        "d": desk, "now": now, "wrong": wrong, "begun": now >= first, "over": now > last,
        "pin": codes.pin_of(desk.shift), "reason": forms.ReasonForm(), "paper": forms.PaperForm(),
        "pairs": kind.pairs_of(shift_id), "calls": kind.calls(shift_id), "laid": recent(shift_id),
        "may_name": rosters.may_name(request.actor, desk.shift.activity.area_path),
        "leads": request.actor.can(Cap.LEAD_TEAM, org_id=desk.shift.activity.org_id), **more,
    }  # fmt: skip
    return private(render(request, "volunteering/enrol/shift.html", context, status=status))


@page("shift/<int:shift_id>/close/", name="close_shift", methods=("POST",), needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def close_shift(request: HeliRequest, shift_id: int) -> HttpResponse:
    """All is said: hours go to the ledger."""
    try:
        attend.close(shift_id=shift_id, by=request.actor, at=timezone.now())
    except HeliError as error:
        return shift_page(request, shift_id, wrong=error, status=error.status)
    messages.success(
        request, _("Closed. The hours are with the ledger; what is doubtful is looked at by a second person.")
    )
    return see_other("shift", shift_id)


@page(
    "place/<int:enrolment_id>/<str:leader_act>/",
    name="leader_act",
    methods=("POST",),
    needs=Cap.LEAD_TEAM,
    scope=Scope.OWN_UNIT,
)
def leader_act(request: HeliRequest, enrolment_id: int, leader_act: str) -> HttpResponse:
    """A leader's word on one line: admit, refuse, in, out, miss, withdraw (they said that they cannot come)."""
    e = Enrolment.objects.visible_to(request.actor).filter(pk=enrolment_id).first()
    if e is None or leader_act not in {"admit", "refuse", "in", "out", "miss", "withdraw"}:
        raise NotFound
    now, reason = timezone.now(), request.POST.get("reason", "")
    who: dict[str, Any] = {"enrolment_id": enrolment_id, "by": request.actor, "at": now}
    try:
        if leader_act in {"in", "out"}:
            when = _time_of(request.POST.get("at", ""), e, now)
            means = Means.OFFICE if reason.strip() else Means.LEADER  # who enters it later says why
            seen = attend.Seen(e.pk, when, means, uuid.uuid4(), out=leader_act == "out", reason=reason)
            attend.see(shift_id=e.shift_id, seen=[seen], by=request.actor, at=now)
        elif leader_act == "admit":
            enrol.admit(**who)
        else:
            {"refuse": enrol.refuse, "miss": attend.miss, "withdraw": enrol.withdraw}[leader_act](**who, reason=reason)
    except HeliError as error:
        return shift_page(request, e.shift_id, wrong=error, status=error.status)
    return HttpResponseRedirect(reverse("volunteering:shift", args=[e.shift_id]) + f"#e{e.pk}", status=303)


def _time_of(typed: str, e: Enrolment, now: dt.datetime) -> dt.datetime:
    """A time of the shift's day as typed (HH:MM); now where none was."""
    if not typed.strip():
        return now
    try:
        at = dt.time.fromisoformat(typed.strip())
    except ValueError as error:
        raise Invalid(_("Write a time such as 14:30."), field="at") from error
    start = timezone.localtime(e.starts)
    found = start.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return found if found >= start - dt.timedelta(hours=6) else found + dt.timedelta(days=1)


@page("shift/<int:shift_id>/paper/", name="sheets", methods=("POST",), needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def paper(request: HeliRequest, shift_id: int) -> HttpResponse:
    """A signed sheet: its photo stands for those who are ticked, from the planned start to the planned end."""
    now, desk = timezone.now(), queries.desk(request.actor, shift_id)
    form = forms.PaperForm(request.POST, request.FILES)
    chosen = {int(x) for x in request.POST.getlist("who") if x.isdigit()}
    if not form.is_valid() or not chosen:
        wrong = Invalid(_("Add the photo of the sheet, and tick those who signed it."))
        return shift_page(request, shift_id, wrong=wrong, status=400, paper=form)
    try:
        kept = files.store(form.cleaned_data["paper"], subject_type="volunteering.shift", subject_id=shift_id)
        seen = [
            attend.Seen(pk, at, Means.PAPER, uuid.uuid4(), out=out, paper=kept.pk)
            for pk in sorted(chosen)
            for at, out in ((desk.shift.starts, False), (min(desk.shift.ends, now), True))
        ]
        attend.see(shift_id=shift_id, seen=seen, by=request.actor, at=now)
    except HeliError as error:
        return shift_page(request, shift_id, wrong=error, status=error.status)
    messages.success(request, _("Kept, with the photo of the sheet."))
    return see_other("shift", shift_id)


@page("shift/<int:shift_id>/paper/<uuid:file_id>/", name="sheet", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def sheet(request: HeliRequest, shift_id: int, file_id: uuid.UUID) -> HttpResponse:
    """The photo of a signed sheet, for those who see the shift's people."""
    rows = StoredFile.objects.filter(pk=file_id, subject_type="volunteering.shift", subject_id=shift_id)
    found = rows.first() if Shift.objects.visible_to(request.actor).filter(pk=shift_id).exists() else None
    if found is None:
        raise NotFound
    return files.serve(found, request)


# The code to scan -------------------------------------------------------------------------------------------------------
@page("shift/<int:shift_id>/code/", name="code", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def code(request: HeliRequest, shift_id: int) -> HttpResponse:
    """The code on the leader's phone, large; it changes every half minute (HTMX asks for the picture alone)."""
    found = Shift.objects.visible_to(request.actor).select_related("activity").filter(pk=shift_id).first()
    if found is None or not request.actor.can(Cap.LEAD_TEAM, org_id=found.activity.org_id):
        raise NotFound
    context = {"shift": found, "qr": qr(address(found, timezone.now())), "seconds": codes.WINDOW // 2}
    name = "_code" if request.htmx else "code"
    return private(render(request, f"volunteering/enrol/{name}.html", context))


# The list that works without a network ----------------------------------------------------------------------------------
@page("shift/<int:shift_id>/list/", name="tick_list", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def tick_list(request: HeliRequest, shift_id: int) -> HttpResponse:
    """Tick who comes and who leaves; kept on the phone while there is no network, and sent when there is."""
    desk = queries.desk(request.actor, shift_id)
    return private(render(request, "volunteering/enrol/list.html", {"d": desk, "now": timezone.now()}))


@page("shift/<int:shift_id>/sync/", name="sync", methods=("POST",), needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def sync(request: HeliRequest, shift_id: int) -> HttpResponse:
    """What a leader's phone kept, as JSON: {"device": …, "seen": [{"e", "at", "out", "nonce", "lat", "lon"}]}. Sent again
    it counts once. Answers which are in, and of which why not."""
    try:
        said = json.loads(request.body)
        rows = [_seen(x, str(said.get("device", ""))[:64]) for x in said["seen"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return JsonResponse({"words": _("This could not be read.")}, status=400)
    if len(rows) > MOST:
        return JsonResponse({"words": _("At most %(n)s at once.") % {"n": MOST}}, status=400)
    now, refused = timezone.now(), {}
    try:
        attend.see(shift_id=shift_id, seen=rows, by=request.actor, at=now)
    except HeliError:
        for one in rows:  # one that cannot be taken does not keep the others out
            try:
                attend.see(shift_id=shift_id, seen=[one], by=request.actor, at=now)
            except HeliError as error:
                refused[str(one.nonce)] = error.words
    done = [str(x.nonce) for x in rows if str(x.nonce) not in refused]
    return JsonResponse({"done": done, "refused": refused})


def _seen(x: dict[str, Any], device: str) -> attend.Seen:
    at = parse_datetime(str(x["at"]))
    if at is None or at.tzinfo is None:
        raise ValueError
    return attend.Seen(
        int(x["e"]), at, Means.LEADER, uuid.UUID(str(x["nonce"])), out=bool(x.get("out")), device=device,
        point=point_of(x), offline=bool(x.get("offline")),
    )  # fmt: skip


@page("sw.js", name="ticks_worker", scope=Scope.PUBLIC)
def ticks_worker(request: HeliRequest) -> HttpResponse:  # noqa: ARG001
    """The service worker of the list: it answers for the pages of this room while there is no network."""
    return HttpResponse((STATIC / "worker.js").read_text(encoding="utf-8"), content_type="text/javascript")


# The kiosk --------------------------------------------------------------------------------------------------------------
def _open_shift(shift_id: int) -> Shift:
    found = Shift.objects.public().select_related("activity").filter(pk=shift_id, state="planned").first()
    if found is None:
        raise NotFound
    return found


@page(
    "kiosk/<int:shift_id>/open/", name="kiosk_open", scope=Scope.PUBLIC, methods=("GET", "POST"), limit=Limit(10)
)  # fmt: skip
def kiosk_open(request: HeliRequest, shift_id: int) -> HttpResponse:
    """The PIN makes this device the kiosk of this shift, for a day at most."""
    found = _open_shift(shift_id)
    form, status = forms.PinForm(request.POST or None), 200
    if form.is_bound:
        status = 403
        if form.is_valid():
            if form.cleaned_data["pin"] == codes.pin_of(found):
                answer = see_other("kiosk", shift_id)
                answer.set_signed_cookie(
                    f"kiosk{shift_id}", form.cleaned_data["pin"], salt=KIOSK, max_age=KIOSK_HOURS * 3600, httponly=True,
                    secure=request.is_secure(), samesite="Lax",
                )  # fmt: skip
                return private(answer)
            form.put(WrongPin(field="pin"))
    return private(render(request, "volunteering/enrol/kiosk_pin.html", {"shift": found, "form": form}, status=status))


@page("kiosk/<int:shift_id>/", name="kiosk", scope=Scope.PUBLIC, methods=("GET", "POST"), limit=Limit(1000))
def kiosk(request: HeliRequest, shift_id: int) -> HttpResponse:
    """A tablet at the door: each types the number of their volunteer card. It shows nobody's name but that of who just
    typed, masked."""
    found, now = _open_shift(shift_id), timezone.now()
    pin = request.get_signed_cookie(f"kiosk{shift_id}", default="", salt=KIOSK, max_age=KIOSK_HOURS * 3600)
    if not pin or pin != codes.pin_of(found):
        return see_other("kiosk_open", shift_id)
    form, status = forms.NumberForm(request.POST or None), 200
    if form.is_bound and form.is_valid():
        try:
            e = _of_number(found, form.cleaned_data["number"])
            out = request.POST.get("go") == "out"
            seen = attend.Seen(e.pk, now, Means.KIOSK, uuid.uuid4(), out=out, device=f"kiosk:{shift_id}")
            attend.see(shift_id=shift_id, seen=[seen], by=request.actor, at=now, pin=pin)
            said = _("%(name)s has left.") if out else _("%(name)s is in.")
            messages.success(request, said % {"name": e.volunteer.record.name_mask or e.volunteer.number})
            return private(see_other("kiosk", shift_id))
        except HeliError as error:
            form.put(error)
            status = error.status
    context = {"shift": found, "form": form, "qr": qr(address(found, now)), "seconds": codes.WINDOW // 2}
    name = "_code" if request.htmx and request.method == "GET" else "kiosk"
    return private(render(request, f"volunteering/enrol/{name}.html", context, status=status))


def _of_number(shift: Shift, number: str) -> Enrolment:
    """Whose card it is, among those of this shift; Invalid (L-400) for any other number, known or not."""
    rows = Enrolment.objects.filter(shift=shift, volunteer__number=number.strip().upper())
    e = rows.filter(state__in=("confirmed", "attended", "absent")).select_related("volunteer__record").first()
    if e is None:
        raise Invalid(_("This number is not on the list of this shift. Ask the leader."), field="number")
    return e
