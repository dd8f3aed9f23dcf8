"""The keeper's desk: reading before publication, calls, measures; export."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.engines.text import private as finder
from heli.loop.clocks import local_day
from heli.loop.states import OPEN
from heli.orgs import pickers
from heli.orgs.exports import purpose_of, row_cap
from heli.suggestions import steps
from heli.suggestions.errors import WordsChanged
from heli.suggestions.forms import CallForm, PublishForm, ReasonForm, SummaryForm
from heli.suggestions.models import Addendum, Call, Verdict
from heli.suggestions.queries import desk as queries
from heli.suggestions.queries.wall import STAGES, alike, call_seen, tally

KEEP = Cap.KEEP_SUGGESTIONS
MONTH = dt.timedelta(days=30)


@page("desk/", needs=KEEP, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """What waits for the keeper, a tab each."""
    return _desk_page(request, request.GET.get("tab", ""))


def _desk_page(request: HeliRequest, tab: str, wrong: str = "", status: int = 200) -> HttpResponse:
    now, actor, after = timezone.now(), request.actor, request.GET.get("after")
    found = queries.counts(actor, now)
    if tab not in queries.TABS:
        tab = next((t for t in queries.TABS if found.get(t)), "all")
    f = queries.Filters.read(request.GET)
    context: dict[str, Any] = {
        "tab": tab,
        "tabs": [(key, said, found.get(key)) for key, said in queries.TABS.items()],
        "filters": f,
        "narrowed": f.kept(),
        "states": queries.STATES.items(),
        "stages": STAGES.items(),
        "calls": queries.drafts(actor),
        "query": request.GET.urlencode(),
        "today": local_day(now),
        "wrong": wrong,
        "now": now,
    }
    if tab == "all":
        context["asked"] = queries.asked(actor)
    if tab in queries.ORDER:
        context["page"] = queries.listed(actor, tab, f, now, after=after)
    elif tab == "new":
        context["page"] = queries.new(actor, after=after)
    elif tab == "words":
        context["added"], context["named"] = queries.words(actor)
    else:
        context["page"] = queries.measures(queries.to_look_at(actor, now), now, after=after)
    return render(request, "suggestions/desk.html", context, status=status)


@page("desk/export/", name="desk_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def desk_export(request: HeliRequest) -> HttpResponse:
    """The list of all as filtered, as a spreadsheet: no name, no number of anybody."""
    now, actor = timezone.now(), request.actor
    cap = row_cap(actor, now)
    rows = list(queries.to_export(actor, queries.Filters.read(request.GET), now)[: cap + 1])
    purpose = purpose_of(request, "suggestions", Cap.EXPORT, len(rows), now)
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda s: s.request.code),
        (_("Title"), lambda s: s.title),
        (pgettext("suggestions", "Words"), lambda s: s.text),
        (_("Place"), lambda s: s.request.area.name),
        (_("Call"), lambda s: s.call.title if s.call else ""),
        (_("Suggested at"), lambda s: s.request.heard_at),
        (_("Public"), lambda s: str(queries.STATES[s.state])),
        (_("Seconded by"), lambda s: s.seconds),
        (_("Unit"), lambda s: s.request.unit.short_name if s.request.unit else ""),
        (_("Answer"), lambda s: str(Verdict(s.verdict).label) if s.verdict else ""),
        (_("Answered at"), lambda s: s.request.replied_at),
        (_("Due at"), lambda s: s.request.due_at),
        (_("Measures open"), lambda s: str(_("yes") if s.unfinished else _("no"))),
        (_("Satisfaction, 1 to 5"), lambda s: s.request.satisfaction),
    ]
    book = export.workbook(pgettext("nav", "Suggestions"), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"suggestions-{timezone.localdate():%Y%m%d}.xlsx")


# Calls ----------------------------------------------------------------------------------------------------------------
def _call_page(request: HeliRequest, form: CallForm, call: Call | None, status: int = 200, **more: Any) -> HttpResponse:
    source, now = request.POST, timezone.now()
    unit = source.get("unit", "") or (str(call.unit_id) if call else str(next(iter(request.actor.org_ids(KEEP)), "")))
    area = source.get("area", "") or (call.area_path if call else next(iter(request.actor.paths(KEEP)), ""))
    context = {
        "form": form,
        "call": call,
        "units": pickers.units(
            request.actor, KEEP, typed=source.get("unit_typed", "")[:60], chosen=unit[:17], at=now, name="unit"
        ),
        "areas": pickers.areas(
            request.actor, KEEP, typed=source.get("area_typed", "")[:60], chosen=[area[:24]], name="area", many=False
        ),
        "tally": tally(call, now) if call is not None and call.state in {"closed", "summed"} else None,
        "summary_form": SummaryForm(),
        **more,
    }
    return render(request, "suggestions/call_form.html", context, status=status)


@page("desk/calls/new/", name="call_new", needs=KEEP, scope=Scope.AREA, methods=("GET", "POST"))
def call_new(request: HeliRequest) -> HttpResponse:
    """Draft a call."""
    today = timezone.localdate()
    if request.method == "GET" or "find" in request.POST:
        first = {"first_day": today, "last_day": today + MONTH} | request.POST.dict()
        return _call_page(request, CallForm(initial=first), None)
    return _put(request, None)


@page("desk/calls/<int:call_id>/", name="call_edit", needs=KEEP, scope=Scope.AREA, methods=("GET", "POST"))
def call_edit(request: HeliRequest, call_id: int) -> HttpResponse:
    """Change a draft, keep an open one open longer, open, close, sum up."""
    call = call_seen(request.actor, call_id)
    if not request.actor.can(KEEP, path=call.area_path):
        raise NotFound
    if request.method == "GET" or "find" in request.POST:
        kept = {n: getattr(call, n) for n in ("title", "asked", "why", "first_day", "last_day")}
        return _call_page(request, CallForm(initial=kept | request.POST.dict()), call)
    return _put(request, call)


def _put(request: HeliRequest, call: Call | None) -> HttpResponse:
    form = CallForm(request.POST)
    if call is not None and call.state != "draft":  # only its last day is asked
        for name in ("title", "asked", "why", "first_day"):
            form.fields[name].required = False
    if not form.is_valid():
        return _call_page(request, form, call, 400)
    data, unit = form.cleaned_data, request.POST.get("unit", "")
    try:
        made = steps.put_call(
            call_id=call.pk if call else None,
            title=data["title"],
            asked=data["asked"],
            why=data["why"],
            area_path=request.POST.get("area", "")[:24],
            unit_id=int(unit) if unit.isascii() and unit.isdecimal() and len(unit) < 18 else 0,
            first_day=data["first_day"] or timezone.localdate(),
            last_day=data["last_day"],
            by=request.actor,
            at=timezone.now(),
        )
    except HeliError as error:
        form.put(error)
        return _call_page(request, form, call, error.status)
    messages.success(request, _("Kept."))
    return redirect("suggestions:call_edit", call_id=made.pk)


@page("desk/calls/<int:call_id>/<slug:verb>/", name="call_do", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def call_do(request: HeliRequest, call_id: int, verb: str) -> HttpResponse:
    """open, close, sum_up."""
    call = call_seen(request.actor, call_id)
    if not request.actor.can(KEEP, path=call.area_path) or verb not in {"open", "close", "sum_up"}:
        raise NotFound
    about: dict[str, Any] = {"call_id": call.pk, "by": request.actor, "at": timezone.now()}
    if verb == "sum_up":
        form = SummaryForm(request.POST)
        kept = CallForm(initial={n: getattr(call, n) for n in ("title", "asked", "why", "first_day", "last_day")})
        if not form.is_valid():
            return _call_page(request, kept, call, 400, summary_form=form)
        try:
            steps.sum_up(summary=form.cleaned_data["summary"], **about)
        except HeliError as error:
            form.put(error)
            return _call_page(request, kept, call, error.status, summary_form=form)
        messages.success(request, _("Published: everybody reads what came of it."))
    else:
        act = steps.open_call if verb == "open" else steps.close_call
        act(**about)
        said = (
            _("Open: it stands first on the wall.") if verb == "open" else _("Closed. Sum it up when all is answered.")
        )
        messages.success(request, said)
    return redirect("suggestions:call_edit", call_id=call.pk)


# One suggestion -------------------------------------------------------------------------------------------------------
def _item_page(request: HeliRequest, code: str, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    s = queries.item(request.actor, code, now)
    private = finder.find(s.text) if s.state != "public" else []
    stars = bool(private) and not s.stands_fast and "stars" in request.GET  # the words are proposed without them
    title, text = (finder.masked(x, finder.find(x)) if stars else x for x in (s.title, s.text))
    context = {
        "s": s,
        "row": queries.row_of(s, now),
        "words": finder.marked(s.text, private),
        "private_n": len(private),
        "stars": stars,
        "publish_form": PublishForm(initial={"title": title, "text": text, "version": len(s.versions)}),
        "private_form": ReasonForm(initial={"version": len(s.versions)}),
        "may_join": s.request.state in {"heard", "dispatched"},
        "like": alike(s.title + s.text, s.request.area_path, now, but=s.pk) if s.request.state in OPEN else [],
        "addenda": Addendum.objects.filter(suggestion=s.pk).order_by("id"),
        "name": queries.name_asked(s) if s.credit else "",
        "may_dispatch": request.actor.can(Cap.DISPATCH, path=s.request.area_path),
        "now": now,
        **more,
    }
    return render(request, "suggestions/item.html", context, status=status)


@page("desk/s/<str:code>/", name="item", needs=KEEP, scope=Scope.AREA)
def item(request: HeliRequest, code: str) -> HttpResponse:
    """A suggestion on the desk: read it, decide whether it is public, join it with one like it."""
    return _item_page(request, code.upper())


DONE = {
    "publish": lambda: _("Public now. Its suggester is told."),
    "private": lambda: _("Not public. Its suggester reads why."),
    "join": lambda: _("Joined. Every voice is kept, and those who second it came along."),
    "show": lambda: _("The name is shown."),
    "hide": lambda: _("The name is not shown, and forgotten."),
}


@page("desk/s/<str:code>/<slug:verb>/", name="item_do", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def item_do(request: HeliRequest, code: str, verb: str) -> HttpResponse:
    """publish, private, join, show, hide."""
    if verb not in DONE:
        raise NotFound
    s = queries.item(request.actor, code.upper(), timezone.now())
    about: dict[str, Any] = {"request_id": s.pk, "by": request.actor, "at": timezone.now()}
    form: Any = {"publish": PublishForm, "private": ReasonForm}.get(verb, lambda _data: None)(request.POST)
    name = f"{verb}_form"
    if form is not None and not form.is_valid():
        return _item_page(request, s.request.code, 400, **{name: form})
    try:
        match verb:
            case "publish":
                steps.publish(**form.cleaned_data, **about)
            case "private":
                steps.keep_private(**form.cleaned_data, **about)
            case "join":
                into = queries.item(request.actor, request.POST.get("into", "")[:16].upper(), timezone.now())
                steps.join(into_id=into.pk, **about)
            case _:
                steps.show_name(show=verb == "show", **about)
    except HeliError as error:
        if form is None or isinstance(error, WordsChanged):
            return _item_page(request, s.request.code, error.status, error=error)
        form.put(error)
        return _item_page(request, s.request.code, error.status, **{name: form})
    messages.success(request, DONE[verb]())
    if verb in {"publish", "private"} and (nxt := _next_to_read(request)):
        return HttpResponseRedirect(nxt, status=303)
    return HttpResponseRedirect(reverse("suggestions:item", args=[s.request.code]), status=303)


def _next_to_read(request: HeliRequest) -> str:
    """The next suggestion that waits to be read; '' when that was the last."""
    now = timezone.now()
    rows = queries.listed(request.actor, "read", queries.Filters(), now, size=1).rows
    return reverse("suggestions:item", args=[rows[0].s.request.code]) if rows else ""


@page("desk/take/<str:code>/", name="take_up", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def take_up(request: HeliRequest, code: str) -> HttpResponse:
    """Take up what was told as a suggestion by another door."""
    found = queries.from_other_doors(request.actor).filter(code=code.upper()).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound
    steps.take_up(request_id=found, by=request.actor, at=timezone.now())
    messages.success(request, _("Taken up: read it, then decide whether it is public."))
    return HttpResponseRedirect(reverse("suggestions:item", args=[code.upper()]), status=303)


@page("desk/words/<int:addendum_id>/", name="words_do", needs=KEEP, scope=Scope.AREA, methods=("POST",))
def words_do(request: HeliRequest, addendum_id: int) -> HttpResponse:
    """An addition is public, or with a reason not."""
    private = request.POST.get("go") == "private"
    reason = request.POST.get("reason", "")[:300]
    if private and not reason.strip():
        return _desk_page(request, "words", _("Say why it is not public; the suggester reads it."), 400)
    steps.read_addendum(addendum_id=addendum_id, reason=reason if private else "", by=request.actor, at=timezone.now())
    messages.success(request, _("Not public. Its suggester reads why.") if private else _("Public now."))
    return redirect(f"{reverse('suggestions:desk')}?tab=words")
