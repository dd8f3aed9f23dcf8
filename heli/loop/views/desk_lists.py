"""Lists beside the desk: returns that wait for a decision, and all requests with their search and export."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound, TakenAlready, WrongState
from heli.core.pages import HeliRequest, page
from heli.core.scope import within
from heli.engines.identifiers import BadIdentifier
from heli.loop import steps
from heli.loop.clocks import local_day
from heli.loop.forms import desk as forms
from heli.loop.models import AREA_READERS, Channel, Dispatch, Kind, Urgency
from heli.loop.queries import requests as lists
from heli.loop.queries import returns
from heli.loop.views.desk import Said, View, address, said_after
from heli.rulebook import queries as rulebook

EXPORT_CAP = "export.row_cap"


# Returns ----------------------------------------------------------------------------------------------------------------
@page("loop/returns/", name="returns", needs=Cap.DISPATCH, scope=Scope.AREA)
def returns_list(request: HeliRequest) -> HttpResponse:
    """Units that say it is not theirs, with what the duty list says of it."""
    verb, _dash, pk = request.GET.get("done", "").partition("-")
    said = None
    if pk.isdecimal() and len(pk) <= 18 and verb in {"refuse", "upheld"}:
        try:
            said = said_after(request, verb, int(pk), timezone.now())
        except NotFound:
            said = None
    return show_returns(request, said=said)


def show_returns(
    request: HeliRequest, *, said: Said | None = None, wrong: tuple[int, str, str] | None = None, status: int = 200
) -> HttpResponse:
    """The list; `wrong`: (dispatch id, what was typed, why it cannot be)."""
    now = timezone.now()
    rows = returns.returns_page(request.actor, now, after=request.GET.get("after"))
    context = {
        "page": rows,
        "now": now,
        "said": said,
        "wrong": wrong,
        "query": request.GET.urlencode(),
        "page_base": "web/base.html",
    }
    return render(request, "loop/desk/returns.html", context, status=status)


@page(
    "loop/returns/<int:pk>/<slug:verb>/", name="return_decide", needs=Cap.DISPATCH, scope=Scope.AREA, methods=("POST",)
)
def return_decide(request: HeliRequest, pk: int, verb: str) -> HttpResponse:
    """Uphold it (and send it on at once) or refuse it with the reason."""
    if verb not in {"uphold", "refuse"}:
        raise NotFound
    reason, now = request.POST.get("reason", "").strip()[:300], timezone.now()
    row = returns.at_desk(request.actor, pk)
    try:
        steps.decide_return(dispatch_id=pk, by=request.actor, at=now, uphold=verb == "uphold", reason=reason)
    except NotFound:
        raise
    except (TakenAlready, WrongState) as error:
        words = returns.who_decided(row.request_id, now) or error.words
        return show_returns(request, said=Said(words, "soon"), status=error.status)
    except HeliError as error:
        return show_returns(request, wrong=(pk, reason, error.words), status=error.status)
    return after_decision(row, verb)


def after_decision(row: Dispatch, verb: str) -> HttpResponse:
    """A lead's upheld return goes on to the desk, to be sent to the right unit; anything else back to the list."""
    if verb == "uphold" and row.role == "lead":
        where = address(row.request.code, View(), done=f"uphold-{row.request_id}")
    else:
        done = "upheld" if verb == "uphold" else "refuse"
        where = f"{reverse('loop:returns')}?done={done}-{row.request_id}"
    return HttpResponseRedirect(where, status=303)


# All requests -----------------------------------------------------------------------------------------------------------
@page("loop/requests/", name="requests", needs=AREA_READERS, scope=Scope.AREA)
def requests_list(request: HeliRequest) -> HttpResponse:
    """Everything the reader's areas have, searched and narrowed; a code that was typed whole opens its request."""
    now, f = timezone.now(), lists.Filters.read(request.GET)
    if f.q and (code := lists.by_typed_code(request.actor, f.q)):
        return HttpResponseRedirect(reverse("loop:request", args=[code]))
    hits = lists.searched(request.actor, f)
    rows = lists.requests_page(request.actor, f, now, after=request.GET.get("after"), hits=hits)
    return render(request, "loop/desk/requests.html", list_context(request, f, now, hits, page=rows))


def list_context(
    request: HeliRequest, f: lists.Filters, now: Any, hits: lists.Hits | None = None, **more: Any
) -> dict[str, Any]:
    """What the page of all requests shows around its rows."""
    kept = f.kept()
    total, most = lists.how_many(request.actor, f, now, hits), lists.COUNTED
    return {
        "f": f,
        "now": now,
        "total": min(total, most),
        "more": total > most,
        "told": [(said, f.without(name)) for name, said in lists.told(f)],
        "areas": [(a.path, a.short_name) for a in lists.areas_below(lists.readable(request.actor), f.area)],
        "categories": lists.categories(),
        "states": lists.STATES.items(),
        "dues": lists.DUES.items(),
        "sorts": [(key, said) for key, (said, _order) in lists.SORTS.items()],
        "urgencies": Urgency.choices,
        "kinds": Kind.choices,
        "channels": Channel.choices,
        "hidden": {k: v for k, v in kept.items() if k in {"set", "sent_to", "sent_since", "heard", "batch"}},
        "folded": any(kept.get(k) for k in ("urgency", "kind", "channel", "lap", "bounced", "from", "to", "due")),
        "narrowed": bool(kept),
        "query": request.GET.urlencode(),
        "may_export": bool(request.actor.paths(Cap.EXPORT)),
        "may_phone": Cap.VIEW_PERSONAL in request.actor.caps,
        "export_form": forms.ExportForm(prefix="x"),
        "phone_form": forms.PhoneForm(prefix="p"),
        "page_base": "web/base.html",
        **more,
    }


@page("loop/requests/phone/", name="requests_phone", needs=Cap.VIEW_PERSONAL, scope=Scope.AREA, methods=("POST",))
def requests_phone(request: HeliRequest) -> HttpResponse:
    """What was told with exactly this number. The number stands in no address and on no page that is kept."""
    if not request.actor.caps.intersection(AREA_READERS):
        raise NotFound
    now, form, rows, status = timezone.now(), forms.PhoneForm(request.POST, prefix="p"), None, 200
    if form.is_valid():
        try:
            rows = lists.by_phone(request.actor, form.cleaned_data["phone"], now)
        except BadIdentifier:
            form.add_error(
                "phone", _("That is not a whole phone number: 11 digits, or a land line with its area code.")
            )
    if form.errors:
        status = 400
    context = list_context(request, lists.Filters(), now, phone_form=form, phone_rows=rows, by_phone=True)
    response = render(request, "loop/desk/requests.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@page("loop/requests/export/", name="requests_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def requests_export(request: HeliRequest) -> HttpResponse:
    """The list as it is narrowed, as a spreadsheet, for a stated purpose; nothing in it says who told it."""
    now, f, form = timezone.now(), lists.Filters.read(request.GET), forms.ExportForm(request.POST, prefix="x")
    paths = request.actor.paths(Cap.EXPORT)
    if not form.is_valid():
        raise Invalid(_("Say what you need the list for; it is kept with the export."), field="purpose")
    path = f.area if f.area and request.actor.can(Cap.EXPORT, path=f.area) else next(iter(paths), "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    found = lists.found(request.actor, f, now).filter(within("area_path", paths))
    rows = list(found.select_related("category", "area", "unit").order_by("-id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = form.cleaned_data["purpose"]
    export.take_away(
        name="requests", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path
    )
    notes = [
        _("Made by %(name)s, %(when)s.")
        % {"name": request.actor.name, "when": f"{timezone.localtime(now):%Y-%m-%d %H:%M}"},
        _("For: %(purpose)s") % {"purpose": purpose},
        _("No personal data is in this file. It was recorded that it was made."),
    ]
    book = export.workbook(_("Requests"), lists.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"requests-{local_day(now):%Y%m%d}.xlsx")
