"""The national system at the desk: what waits, batches, receipts, what was refused; the mapping and its versions."""

from __future__ import annotations

from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export, laid
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.clocks import local_day
from heli.loop.views.public import private
from heli.volunteering.models import Field
from heli.volunteering.models.outbox import Sent
from heli.volunteering.national import FIELDS, PERSONAL
from heli.volunteering.queries import exchange as queries
from heli.volunteering.queries import people as people
from heli.volunteering.steps import exchange as steps
from heli.volunteering.views.enrol import see_other

KEEP: dict[str, Any] = {"needs": Cap.KEEP_VOLUNTEERS, "scope": Scope.AREA}
PARCEL_ACTS = ("file", "send", "unpack")


class ReceiptForm(django_forms.Form):
    file = django_forms.FileField(
        label=gettext_lazy("The table of receipts"),
        widget=django_forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text=gettext_lazy(
            "CSV or xlsx, with the column 平台编号 as it was in the batch, a result, and the receipt number."
        ),
        error_messages={"required": gettext_lazy("Choose the table.")},
    )


@page("exchange/", name="exchange", needs=(Cap.KEEP_VOLUNTEERS, Cap.MANAGE_RULES), scope=Scope.AREA)
def exchange(request: HeliRequest) -> HttpResponse:
    """What to do next; batches; what was refused and why."""
    return _show(request)


def _show(request: HeliRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    actor = request.actor
    if Cap.KEEP_VOLUNTEERS not in actor.caps:
        return redirect("volunteering:national_map")
    counts, f = queries.counts(actor), queries.Filters.read(request.GET)
    counties = queries.counties(actor)
    mapped = {c.path: queries.mappings(c.path) for c in counties}
    to_pack = [
        {"county": c, "kind": k, "title": title, "n": counts[k, "waiting"], "mapped": bool(mapped[c.path][k])}
        for c in counties
        for k, title in Sent.choices
        if counts.get((k, "waiting"))
    ]
    context = {
        "counties": counties, "f": f, "now": timezone.now(), "form": ReceiptForm(), "maps": queries.mapped(actor),
        "kinds": [
            {"key": k, "title": title, "counts": [(s, chip, counts.get((k, s), 0)) for s, chip in queries.STATES.items()]}
            for k, title in Sent.choices
        ],
        "pack": sorted(to_pack, key=lambda p: not p["mapped"]),
        "unchecked": queries.unchecked(actor), "parcels": queries.parcels(actor, request.GET.get("batch")),
        "rows": queries.rows(actor, f, request.GET.get("after")), "states": [(k, s) for k, (_l, s) in queries.STATES.items()],
        "all_kinds": Sent.choices, **more,
    }  # fmt: skip
    return private(render(request, "volunteering/exchange/desk.html", context, status=status))


@page("exchange/pack/", name="national_pack", methods=("POST",), **KEEP)
def pack(request: HeliRequest) -> HttpResponse:
    """What waits of a kind becomes a batch."""
    try:
        made = steps.pack(
            county=request.POST.get("county", "")[:6],
            kind=request.POST.get("kind", ""),
            by=request.actor,
            at=timezone.now(),
        )
    except HeliError as error:
        return _show(request, status=error.status, wrong=error)
    messages.success(request, _("Batch %(n)s is packed. Take the file, upload it, then say so here.") % {"n": made.pk})
    return see_other("exchange")


@page("exchange/parcel/<int:parcel_id>/<slug:parcel_act>/", name="parcel_do", methods=("POST",), **KEEP)
def parcel_do(request: HeliRequest, parcel_id: int, parcel_act: str) -> HttpResponse:
    """Take the file, say that it was uploaded, or throw it away."""
    if parcel_act not in PARCEL_ACTS:
        raise NotFound
    parcel, at = queries.parcel_of(request.actor, parcel_id), timezone.now()
    who: dict[str, Any] = {"parcel_id": parcel_id, "by": request.actor, "at": at}
    try:
        if parcel_act == "file":
            content = steps.parcel_file(purpose=_("Upload to the national system"), **who)
            return export.download(content, f"national-{parcel.kind}-{parcel.pk}-{local_day(at):%Y%m%d}.xlsx")
        (steps.send if parcel_act == "send" else steps.unpack)(**who)
    except NotFound:
        raise
    except HeliError as error:
        return _show(request, status=error.status, wrong=error)
    return see_other("exchange")


@page("exchange/receipts/", name="national_receipts", methods=("POST",), **KEEP)
def receipts(request: HeliRequest) -> HttpResponse:
    """The answer of the other side, row by row."""
    form = ReceiptForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, status=400, form=form)
    file = form.cleaned_data["file"]
    try:
        raw = file.read(laid.BYTES + 1)
        if len(raw) > laid.BYTES:
            raise Invalid(_("This file is larger than %(n)s MB.") % {"n": laid.BYTES // 2**20}, field="file")
        done = steps.receive(raw=raw, name=file.name or "", by=request.actor, at=timezone.now())
    except HeliError as error:
        form.add_error("file", error.words)
        return _show(request, status=error.status, form=form)
    return _show(request, received=done)


@page("exchange/row/<int:outgoing_id>/again/", name="outgoing_again", methods=("POST",), **KEEP)
def again(request: HeliRequest, outgoing_id: int) -> HttpResponse:
    """What was refused goes out once more, with what is kept now."""
    try:
        steps.send_again(outgoing_id=outgoing_id, by=request.actor, at=timezone.now())
    except NotFound:
        raise
    except HeliError as error:
        return _show(request, status=error.status, wrong=error)
    messages.success(request, _("It waits again, and goes into the next batch."))
    return see_other("exchange")


# The mapping ----------------------------------------------------------------------------------------------------------
@page(
    "exchange/mapping/", name="national_map", needs=(Cap.KEEP_VOLUNTEERS, Cap.MANAGE_RULES), scope=Scope.AREA,
    methods=("GET", "POST"),
)  # fmt: skip
def mapping(request: HeliRequest) -> HttpResponse:
    """Which of our fields goes into which column of their template, with every version there was."""
    writes = queries.mapped(request.actor)
    areas = writes or queries.counties(request.actor)
    asked = request.POST.get("county") or request.GET.get("county", "")
    county = next((a for a in areas if a.path == asked), areas[0] if areas else None)
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    kind = kind if kind in FIELDS else Sent.VOLUNTEER.value
    wrong, status = None, 200
    if request.method == "POST":
        if county is None or county.path != asked:
            raise NotFound
        try:
            made = steps.save_mapping(
                county=county.path, kind=kind, columns=[(key, request.POST.get(f"c_{key}", "")) for key in FIELDS[kind]],
                values={"field": _values(request)} if "field" in FIELDS[kind] else {}, reason=request.POST.get("reason", ""),
                seen=int(request.POST.get("seen") or 0) if request.POST.get("seen", "0").isdigit() else 0,
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
        except HeliError as error:
            wrong, status = error, error.status
        else:
            messages.success(
                request, _("Version %(n)s counts from now on. What was sent stays as it was.") % {"n": made.version}
            )
            return private(redirect(f"{request.path}?county={county.path}&kind={kind}"))
    versions = queries.mappings(county.path)[kind] if county else []
    newest = versions[0] if versions else None
    theirs = newest.values.get("field", {}) if newest else {}
    context = {
        "county": county, "areas": areas, "kind": kind, "kinds": Sent.choices, "versions": versions, "newest": newest,
        "rows": [
            (key, words, request.POST.get(f"c_{key}", column), key in PERSONAL)
            for key, words, column in queries.columns_of(newest, kind)
        ],
        "fields": [(key, said, request.POST.get(f"v_{key}", theirs.get(key, ""))) for key, said in Field.choices]
        if "field" in FIELDS[kind] else [],
        "writes": bool(writes), "wrong": wrong, "now": timezone.now(), "reason": request.POST.get("reason", ""),
    }  # fmt: skip
    return private(render(request, "volunteering/exchange/mapping.html", context, status=status))


def _values(request: HeliRequest) -> dict[str, str]:
    """What our fields of service are called there; where nothing is typed, ours is sent."""
    typed = {key: request.POST.get(f"v_{key}", "").strip()[:60] for key in Field.values}
    return {ours: theirs for ours, theirs in typed.items() if theirs}


# One's own consent ----------------------------------------------------------------------------------------------------
@page("me/share/", name="share", scope=Scope.SELF, methods=("POST",))
def share(request: HeliRequest) -> HttpResponse:
    """I agree, or take it back."""
    volunteer = people.mine(request.actor)
    if volunteer is None:
        raise NotFound
    who: dict[str, Any] = {"volunteer_id": volunteer.pk, "by": request.actor, "at": timezone.now()}
    if request.POST.get("go") == "stop":
        steps.stop_sharing(**who)
        messages.success(request, _("Taken back. What was not uploaded yet is not told."))
    else:
        try:
            steps.share(**who)
            messages.success(request, _("Kept. You can take it back here at any time."))
        except HeliError as error:
            messages.error(request, error.words)
    return private(redirect("volunteering:me"))
