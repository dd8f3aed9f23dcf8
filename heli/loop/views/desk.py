"""The dispatch desk: queue, item, proposal. Acts are in desk_acts.py; the three columns are one page or three fragments."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop import propose
from heli.loop.forms import desk as forms
from heli.loop.forms.unit import RevealForm
from heli.loop.models import Request
from heli.loop.propose import ProposedUnit
from heli.loop.queries import desk as queries
from heli.loop.queries.near import near
from heli.orgs.models import Organisation

Words = str | Promise
INLINE = ("place", "category", "urgency")


@dataclass(frozen=True, slots=True)
class Said:
    """The line above the item: what was done, with the act that takes it back; or why something was refused."""

    words: Words
    state: str = "done"
    undo: str = ""
    pk: int = 0
    url: str = ""
    url_words: Words = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a dispatch was refused, shown beside the unit it was meant for; with what was typed."""

    unit_id: int
    field: str
    words: str
    typed: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Where in the queue somebody looks; kept in the address."""

    seg: str = "all"
    after: str = ""

    @classmethod
    def of(cls, request: HeliRequest) -> View:
        seg = request.GET.get("seg", "")
        return cls(seg if seg in queries.SEGMENTS else "all", request.GET.get("after", "")[:200])

    def query(self, **more: str) -> str:
        kept = {"seg": "" if self.seg == "all" else self.seg, "after": self.after, **more}
        said = urlencode({k: v for k, v in kept.items() if v})
        return f"?{said}" if said else ""


def address(code: str, view: View, **more: str) -> str:
    """The page of an item of the queue, or of the queue itself."""
    where = reverse("loop:desk_item", args=[code]) if code else reverse("loop:desk")
    return where + view.query(**more)


# Pages -----------------------------------------------------------------------------------------------------------------
@page("loop/desk/", name="desk", needs=queries.DESK, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """The queue with its most urgent item, or (on a phone) the queue alone."""
    if code := request.GET.get("r", "").upper():
        return HttpResponseRedirect(address(code[:16], View.of(request)))
    return show(request, "", said=said_of(request))


@page("loop/desk/counts/", name="desk_counts", needs=queries.DESK, scope=Scope.AREA)
def desk_counts(request: HeliRequest) -> HttpResponse:
    """How much waits; loaded after the page."""
    view = View.of(request)
    found = queries.counts(request.actor, timezone.now())
    segments = [
        ("all", _("all"), found["all"]),
        ("soon", _("due soon"), found["soon"]),
        ("back", _("came back"), found["back"]),
    ]
    return render(request, "loop/desk/head.html", {"counts": found, "segments": segments, "view": view})


@page("loop/desk/rows/", name="desk_rows", needs=queries.DESK, scope=Scope.AREA)
def desk_rows(request: HeliRequest) -> HttpResponse:
    """The queue anew: what colleagues sent on is gone, what came in is there."""
    view = View.of(request)
    rows = queries.queue_page(request.actor, view.seg, timezone.now(), after=view.after or None)
    return render(request, "loop/desk/rows.html", {"page": rows, "view": view, "q": view.query()})


@page("loop/desk/<str:code>/", name="desk_item", needs=queries.DESK, scope=Scope.AREA)
def desk_item(request: HeliRequest, code: str) -> HttpResponse:
    """One item with its proposal; beside the queue where there is room."""
    return show(request, code.upper(), said=said_of(request))


@page("loop/desk/<str:code>/near/", name="desk_near", needs=queries.DESK, scope=Scope.AREA)
def desk_near(request: HeliRequest, code: str) -> HttpResponse:
    """What may be the same matter, and what is in hand close by; loaded after the item."""
    now, view = timezone.now(), View.of(request)
    r = queries.at_desk(request.actor, code.upper(), "category")
    found = near(request.actor, r, now)
    may = request.actor.can(Cap.DISPATCH, path=r.area_path) and r.state == "heard"
    return render(
        request,
        "loop/desk/near.html",
        {"near": found, "r": r, "now": now, "may_merge": may, "q": view.query(), "page_base": base_of(request)},
    )


@page("loop/desk/<str:code>/units/", name="desk_units", needs=queries.DESK, scope=Scope.AREA)
def desk_units(request: HeliRequest, code: str) -> HttpResponse:
    """Units found by name, each with the button that sends it there."""
    now, view = timezone.now(), View.of(request)
    r = queries.at_desk(request.actor, code.upper(), "category")
    text = request.GET.get("unit", "").replace("\0", "").strip()[:30]
    limit = queries.limits([r], now).get(r.pk) if r.bounces else None
    return render(
        request,
        "loop/desk/units.html",
        {
            "units": queries.find_units(r, text, now),
            "r": r,
            "typed": text,
            "by_force": limit is not None and r.bounces >= limit,
            "q": view.query(),
            "page_base": base_of(request),
        },
    )


@page("loop/desk/<str:code>/form/<slug:what>/", name="desk_form", needs=Cap.DISPATCH, scope=Scope.AREA)
def desk_form(request: HeliRequest, code: str, what: str) -> HttpResponse:
    """One form of the item: by itself for the page that is open, or in the whole page."""
    if what not in forms.FORMS:
        raise NotFound
    if not request.htmx:
        r = queries.at_desk(request.actor, code.upper(), "category", "area")
        return show(request, r.code, form=form_of(what, r), what=what)
    r = queries.at_desk(request.actor, code.upper(), "category", "area")
    context = {"r": r, "form": form_of(what, r), "what": what, "q": View.of(request).query(), **choices(what, r)}
    return render(request, "loop/desk/form.html", context)


def form_of(what: str, r: Request, data: Any = None) -> Any:
    """The form of a verb, empty, filled with what stands there now, or with what was typed."""
    make = forms.FORMS[what]
    if what == "place":
        return forms.PlaceForm(data, initial={"area": r.area, "spot": r.spot}, county=r.area_path[:6])
    initial: dict[str, dict[str, Any]] = {
        "category": {"category": r.category.code if r.category else ""},
        "urgency": {"urgency": r.urgency},
        "turn": {"kind": r.kind},
        "split": {"parts": [(r.title, r.text)]},
    }
    return make(data, initial=initial.get(what))


def choices(what: str, r: Request) -> dict[str, Any]:
    """What a form offers beside its fields."""
    if what != "category":
        return {}
    return {"tree": queries.category_tree(), "guessed": propose.categories_of(r.title + r.text)}


# The three columns -------------------------------------------------------------------------------------------------------
def base_of(request: HeliRequest) -> str:
    """A fragment for HTMX, unless the browser goes back to a page it no longer has."""
    return "web/bare.html" if request.htmx and not request.htmx.history_restore_request else "web/base.html"


def show(
    request: HeliRequest,
    code: str,
    *,
    said: Said | None = None,
    form: Any = None,
    what: str = "",
    wrong: Wrong | None = None,
    queue_too: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The page; for HTMX the item and its proposal alone, with the queue after an act."""
    now, view = timezone.now(), View.of(request)
    fragment = base_of(request) == "web/bare.html"
    rows = None
    if queue_too or not fragment:
        rows = queries.queue_page(request.actor, view.seg, now, after=view.after or None)
    chosen = code or (rows.rows[0].code if rows and rows.rows else "")
    item = queries.item(request.actor, chosen, now) if chosen else None
    plan = queries.proposal(request.actor, item, now) if item is not None and item.here else None
    for voice in item.voices if item is not None else ():
        voice["form"] = RevealForm(prefix=f"v{voice['id']}")
    if plan is not None and wrong is not None:
        with_refused(plan, wrong)
    context = {
        "page": rows,
        "item": item,
        "r": item.request if item else None,
        "plan": plan,
        "by_force": plan is not None and plan.at_limit,
        "said": said,
        "form": form,
        "what": what,
        "wrong": wrong,
        "view": view,
        "q": view.query(),
        "one": bool(code),
        "now": now,
        "oob": fragment,
        "page_base": base_of(request),
        "may_reveal": Cap.VIEW_PERSONAL in request.actor.caps,
        **(choices(what, item.request) if form is not None and item is not None else {}),
    }
    response = render(
        request, "loop/desk/fragments.html" if fragment else "loop/desk/desk.html", context, status=status
    )
    if fragment:
        response["HX-Retarget"], response["HX-Reswap"] = "#desk-item", "outerHTML"
    response["Cache-Control"] = "no-store"
    return response


def with_refused(plan: queries.Proposal, wrong: Wrong) -> None:
    """The unit that was refused is shown even where it was found by name."""
    if any(p.unit.pk == wrong.unit_id for p in plan.units):
        return
    unit = Organisation.objects.filter(pk=wrong.unit_id).first()
    if unit is not None:
        plan.units.insert(1, ProposedUnit(unit))


# What was done -------------------------------------------------------------------------------------------------------------
def said_of(request: HeliRequest) -> Said | None:
    """The line for ?done=verb-id in the address, as far as it is still so."""
    verb, _dash, pk = request.GET.get("done", "").partition("-")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    try:
        return said_after(request, verb, int(pk), timezone.now())
    except NotFound:
        return None


def said_after(request: HeliRequest, verb: str, pk: int, now: dt.datetime) -> Said | None:
    """What a verb came to, read from the request itself, so that a page loaded again says what is so now."""
    r = queries.at_desk_by_id(request.actor, pk, "unit", "merged_into")
    slots = {
        "title": r.title,
        "unit": r.unit.short_name if r.unit else "",
        "into": r.merged_into.title if r.merged_into else "",
    }
    if verb == "dispatch" and r.unit is not None:
        undo = "take_back" if queries.can_take_back(r, now) else ""
        return Said(_("Sent to %(unit)s: %(title)s") % slots, undo=undo, pk=pk)
    if verb in {"merge", "merge_in"} and r.merged_into is not None:
        return Said(_("Joined: “%(title)s” is now part of “%(into)s”") % slots, undo="unmerge", pk=pk)
    if verb == "force" and r.unit is not None:
        return Said(_("%(unit)s leads by decision, and cannot give it back: %(title)s") % slots)
    if verb == "uphold" and r.bounces >= queries.limits([r], now).get(r.pk, 10**9):
        return Said(_("The return is upheld, and that was the last one: a lead must now be named: %(title)s") % slots)
    plain: dict[str, str] = {
        "take_back": _("Taken back; it waits here again, its clock runs on: %(title)s"),
        "unmerge": _("Taken apart; it waits by itself again: %(title)s"),
        "split": _("Split; each part waits in the queue: %(title)s"),
        "ask": _("Asked; the answer comes to this page, the clock runs on: %(title)s"),
        "decline": _("Not taken; the resident reads why, and where to go: %(title)s"),
        "place": _("The place is corrected: %(title)s"),
        "category": _("The matter is corrected: %(title)s"),
        "urgency": _("The urgency is corrected, and with it the deadline: %(title)s"),
        "turn": _("It goes on as that kind; the resident reads why: %(title)s"),
        "uphold": _("The return is upheld. Send it to the right unit now: %(title)s"),
        "upheld": _("The return is upheld; the lead keeps the request: %(title)s"),
        "refuse": _("The return is refused; the unit keeps it: %(title)s"),
    }
    return Said(plain[verb] % slots) if verb in plain else None


def second(r: Request, now: dt.datetime) -> Said:
    """For whoever comes second: who was first, and the way to the request."""
    words = queries.what_happened(r, now)
    return Said(words, "soon", url=reverse("loop:request", args=[r.code]), url_words=_("See it"))


def refused(error: HeliError) -> Said:
    """The step's own sentence."""
    return Said(error.words, "late")
