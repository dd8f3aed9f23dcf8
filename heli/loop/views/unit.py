"""Pages of a unit: its lists, and the page of one request for all staff who may see it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from heli.core import export, files
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.scope import ancestors
from heli.loop import hints, ways
from heli.loop.clocks import local_day
from heli.loop.forms import unit as forms
from heli.loop.models import AREA_READERS, Dispatch, Urgency, any_path
from heli.loop.queries import inbox as lists
from heli.loop.queries import parts
from heli.loop.queries import unit as queries
from heli.loop.queries.detail import Detail, by_code, detail
from heli.loop.queries.orders import marks
from heli.loop.replies import state_for
from heli.loop.states import OPEN, WITH_UNIT
from heli.orgs import queries as orgs
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
STAFF = (Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY, Cap.HEAR, *AREA_READERS)
EXPORT_CAP = "export.row_cap"
NEEDS_UNIT = frozenset({"help", "force"})


def where(name: str, **kwargs: Any) -> str:
    """The address of a page of ours; '' while that page is not there."""
    try:
        return reverse(f"loop:{name}", kwargs=kwargs or None)
    except NoReverseMatch:
        return ""


# Lists of the unit -------------------------------------------------------------------------------------------------------
@page("loop/inbox/", name="inbox", needs=lists.UNIT_CAPS, scope=Scope.OWN_UNIT)
def inbox(request: HeliRequest) -> HttpResponse:
    """What the unit has to do, has in hand, helps with, and has answered."""
    now, tab, f = timezone.now(), _tab(request), lists.Filters.read(request.GET)
    rows = lists.inbox(request.actor, tab, f, now, after=request.GET.get("after"))
    found, over = lists.counts(request.actor, now), marks(request.actor, rows.rows, now)
    streets, categories = lists.choices(request.actor)
    context = {
        "page": rows.map(lambda d: lists.row_of(d, request.actor, now, over.get(d.pk))),
        "tab": tab,
        "tabs": [
            ("todo", _("To do"), found.todo),
            ("hand", _("In hand"), found.hand),
            ("assist", _("Helping"), found.assist),
            ("done", _("Answered"), None),
        ],
        "groups": [(do, said, found.by_do.get(do, 0)) for do, said in lists.DO.items() if found.by_do.get(do)],
        "counts": found,
        "filters": f,
        "narrowed": f.kept(),
        "streets": streets,
        "categories": categories,
        "urgencies": Urgency.choices,
        "several_units": len(request.actor.org_ids(*lists.UNIT_CAPS)) > 1,
        "may_export": bool(request.actor.org_ids(Cap.EXPORT)),
        "export_form": forms.ExportForm(prefix="x"),
        "query": request.GET.urlencode(),
        "now": now,
    }
    return render(request, "loop/unit/inbox.html", context)


def _tab(request: HeliRequest) -> str:
    return request.GET.get("tab", "") if request.GET.get("tab", "") in lists.TABS else "todo"


@page("loop/inbox/export/", name="inbox_export", needs=Cap.EXPORT, scope=Scope.OWN_UNIT, methods=("POST",))
def inbox_export(request: HeliRequest) -> HttpResponse:
    """The list as it is filtered, as a spreadsheet, for a stated purpose; never with anybody's name or number."""
    form = forms.ExportForm(request.POST, prefix="x")
    if not form.is_valid():
        raise Invalid(_("Say what you need the list for; it is kept with the export."), field="purpose")
    now, tab, f = timezone.now(), _tab(request), lists.Filters.read(request.GET)
    path = next(iter(request.actor.paths(Cap.EXPORT)), "")[:6]
    cap = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    rows = list(lists.for_export(request.actor, tab, f, now)[: cap + 1])
    if len(rows) > cap:
        raise export.TooManyRows(cap=cap)
    export.take_away(
        name=f"inbox.{tab}",
        by=request.actor,
        at=now,
        purpose=form.cleaned_data["purpose"],
        rows=len(rows),
        filters=f.kept(),
        org_id=next(iter(request.actor.org_ids(Cap.EXPORT)), None),
        path=path,
    )
    notes = [
        _("Made by %(name)s, %(when)s.")
        % {"name": request.actor.name, "when": f"{timezone.localtime(now):%Y-%m-%d %H:%M}"},
        _("For: %(purpose)s") % {"purpose": form.cleaned_data["purpose"]},
        _("No personal data is in this file. It was recorded that it was made."),
    ]
    book = export.workbook(_("Requests"), _columns(), rows, cap=cap, notes=notes)
    return export.download(book, f"requests-{local_day(now):%Y%m%d}.xlsx")


def _columns() -> list[export.Column[Dispatch]]:
    return [
        (_("Request code"), lambda d: d.request.code),
        (_("What it is"), lambda d: d.request.title),
        (_("Where"), lambda d: lists.place_of(d.request)),
        (_("Where exactly"), lambda d: d.request.spot),
        (_("Category"), lambda d: str(d.request.category or "")),
        (_("Urgency"), lambda d: Urgency(d.request.urgency).label),
        (_("State"), lambda d: str(parts.STATE_WORDS[d.request.state])),
        (_("Lead or assist"), lambda d: _("lead") if d.role == "lead" else _("assist")),
        (_("Unit"), lambda d: d.unit.short_name),
        (_("Heard at"), lambda d: d.request.heard_at),
        (_("Dispatched at"), lambda d: d.request.dispatched_at),
        (_("Due at"), lambda d: d.request.due_at),
        (_("Answered at"), lambda d: d.request.replied_at),
        (_("Round"), lambda d: d.request.lap),
        (_("Came back"), lambda d: d.request.bounces),
        (_("Solved"), lambda d: str(parts.SOLVED.get(d.request.solved, ""))),
        (_("Satisfaction, 1 to 5"), lambda d: d.request.satisfaction),
    ]


# One request -------------------------------------------------------------------------------------------------------------
@page("loop/r/<str:code>/", name="request", needs=STAFF, scope=Scope.AREA)
def request_page(request: HeliRequest, code: str) -> HttpResponse:
    """One request for everybody on our side who may see it."""
    return show_request(request, code.upper())


def show_request(
    request: HeliRequest,
    code: str,
    *,
    tab: str = "",
    form: forms.ActForm | None = None,
    error: HeliError | None = None,
    said: Words = "",
    revealed: dict[str, Any] | None = None,
    reveal_form: forms.RevealForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, after a look at it or after an act that did not go through: then with what was typed and why not."""
    now = timezone.now()
    d = detail(request.actor, code, now)
    rules = queries.shown_rules(d.request, now)
    limit = int(rules["return.limit"].value) if "return.limit" in rules else None
    step = queries.next_act(d, request.actor, now, limit=limit)
    tabs = queries.tabs(d, request.actor, limit=limit)
    asked_for = tab or request.GET.get("tab", "")
    wanted = asked_for or (step.tab if step else "")
    usual = tabs[0] if tabs[0].key not in NEEDS_UNIT else tabs[-1]
    here = next((t for t in tabs if t.key == wanted), usual)
    if form is None or here.key != tab:
        form = forms.form_for(here.key, initial=_initial(here.key, d))
    if isinstance(form, forms.ReclassifyForm):
        form.offer(queries.leaves(), queries.communities(d.request.area_path[:6]))
    for voice in d.voices:
        typed = reveal_form if reveal_form is not None and reveal_form.prefix == f"v{voice.pk}" else None
        voice.reveal_form = typed or forms.RevealForm(prefix=f"v{voice.pk}")
    draft = queries.current(d)
    again = here.key == "reply" and "look" in request.GET  # it was to be sent, and something in it is to be looked at
    seen = []
    if draft is not None and here.key == "reply":
        seen = hints.of_reply(
            draft.text, title=d.request.title, body=d.request.text, whole=again, state=state_for(d.request.area_path)
        )
    context = {
        "d": d,
        "r": d.request,
        "me": queries.standing(d, request.actor),
        "place": lists.place_of(d.request),
        "matter": _matter(d),
        "chips": _chips(d),
        "next": step,
        "next_url": _next_url(step, d),
        "others": _others(d, request.actor),
        "tabs": tabs,
        "tab": here,
        "form": form,
        "form_key": request.POST.get("form_key") or uuid.uuid4(),
        "error": error,
        "said": said,
        "told": _told(rules),
        "draft": draft,
        "hints": seen,
        "look_again": again and bool(seen),
        "unit_found": _units(request, d.request.area_path) if here.key in NEEDS_UNIT and asked_for else None,
        "stopped": [c for c in d.clocks if c not in d.running],
        "holders": sorted(
            (x for x in d.dispatches if x.state in Dispatch.LIVE), key=lambda x: (x.role != "lead", x.pk)
        ),
        "unit_typed": _unit_typed(request),
        "written": [h for h in d.handlings if h.state == "sent"],
        "orders": [x for x in d.remarks if x.kind == "supervise"][:1] if d.request.state in OPEN else [],
        "voices": d.voices,
        "revealed": revealed or {},
        "may_reveal": Cap.VIEW_PERSONAL in request.actor.caps,
        "asked": queries.asked_extension(d),
        "now": now,
        "desk_url": where("desk_item", code=d.request.code) if d.request.state in ("heard", *WITH_UNIT) else "",
        "back": where("inbox") if request.actor.org_ids(*lists.UNIT_CAPS) else where("requests"),
    }
    response = render(request, "loop/unit/request.html", context, status=status)
    if revealed:
        response["Cache-Control"] = "no-store"
    return response


def _told(rules: dict[str, RuleVersion]) -> dict[str, Any]:
    """What the rules in force say, for the words beside the forms."""
    names = {"most": "extension.max", "before": "extension.ask_before", "window": "return.window"}
    told: dict[str, Any] = {name: rules[key].words for name, key in names.items() if key in rules}
    review = rules.get("reply.needs_review")
    return told | {"review": review is not None and bool(review.value)}


def _initial(tab: str, d: Detail) -> dict[str, Any]:
    """What a form begins with."""
    draft = queries.current(d)
    if tab == "reply" and draft is not None:
        return {"text": draft.text}
    if tab == "reclassify":
        code = d.request.category.code if d.request.category else ""
        return {
            "category": code,
            "area_path": d.request.area_path,
            "spot": d.request.spot,
            "urgency": d.request.urgency,
        }
    if tab == "turn":
        return {"kind": d.request.kind}
    return {}


def _matter(d: Detail) -> str:
    """The category with those above it: "市政设施 › 道路 › 人行道破损"."""
    names, c = [], d.request.category
    while c is not None:
        names.append(str(c))
        c = c.parent
    return " › ".join(reversed(names))


def _chips(d: Detail) -> list[tuple[str, Words]]:
    """At most three states: where it stands, the most urgent clock, what is special."""
    r = d.request
    chips: list[tuple[str, Words]] = [(parts.STATE_CHIPS[r.state], parts.STATE_WORDS[r.state])]
    if d.running and d.running[0].state in {"late", "soon"}:
        name = str(d.running[0].name)
        late = d.running[0].state == "late"
        chips.append(
            (d.running[0].state, (_("%(clock)s overdue") if late else _("%(clock)s due soon")) % {"clock": name})
        )
    if r.urgency != Urgency.NORMAL:
        chips.append(("late" if r.urgency == Urgency.EMERGENCY else "soon", Urgency(r.urgency).label))
    if r.bounces:
        chips.append(("back", _("came back %(n)s×") % {"n": r.bounces}))
    if any(x["state"] == "confirmed" for x in d.exclusions):
        chips.append(("pause", _("left out of the rates")))
    return chips[:3]


def _others(d: Detail, actor: Actor) -> list[tuple[ways.Way, str]]:
    """What the unit may do beside the usual way, with its page."""
    r = d.request
    if r.state != "handling" or not queries.standing(d, actor).officer:
        return []
    offered = (w for w in ways.others(r.kind) if w.needs is None or actor.can(w.needs, org_id=r.unit_id))
    return [(w, w.url(r.code)) for w in offered]


def _next_url(step: queries.NextStep | None, d: Detail) -> str:
    """Where the next act is done: another page of ours, or a tab of this one."""
    if step is None:
        return ""
    if step.url == "desk":
        return where("desk_item", code=d.request.code)
    if step.url == "revisit":
        return where("revisit", code=d.request.code)
    return step.url or (f"?tab={step.tab}#act" if step.tab else "")


@page("loop/r/<str:code>/place/", name="request_place", needs=STAFF, scope=Scope.AREA)
def request_place(request: HeliRequest, code: str) -> HttpResponse:
    """The same matter at the same place within a year; loaded after the page."""
    r = by_code(request.actor, code, "category", "area")
    year = queries.place_year(request.actor, r, timezone.now())
    more = where("requests") if any_path(request.actor, *AREA_READERS) else ""
    narrowed = urlencode({"area": r.area_path, "category": r.category.code}) if r.category else ""
    context = {
        "year": year,
        "r": r,
        "unseen": year.total - len(year.rows) - 1,
        "all_url": f"{more}?{narrowed}" if more and narrowed else "",
    }
    return render(request, "loop/unit/place.html", context)


@page("loop/units/", name="unit_search", needs=STAFF, scope=Scope.AREA)
def unit_search(request: HeliRequest) -> HttpResponse:
    """Units of a county and of the levels above it, by name or initials; for the forms that name one."""
    path = request.GET.get("path", "")
    if not (path.isascii() and path.isdecimal() and 6 <= len(path) <= 24):
        raise NotFound
    return render(request, "loop/unit/units.html", {"unit_found": _units(request, path)})


def _unit_typed(request: HeliRequest) -> str:
    """What was typed to find a unit."""
    return (request.POST.get("unit") or request.GET.get("unit", "")).replace("\0", "").strip()[:30]


def _units(request: HeliRequest, path: str) -> list[Any]:
    text = _unit_typed(request)
    county = path[:6]
    return orgs.search_orgs(
        text,
        at=timezone.now(),
        within=(county,),
        also=ancestors(county),
        kinds=() if text else ("department", "township"),
        limit=8,
    )


@page("loop/hints/", name="hints", needs=Cap.HANDLE_REQUESTS, scope=Scope.OWN_UNIT, methods=("POST",))
def reply_hints(request: HeliRequest) -> HttpResponse:
    """What a reply does not seem to say yet; a reminder beside the field, never a hurdle."""
    r = by_code(request.actor, request.POST.get("code", ""))
    seen = hints.of_reply(request.POST.get("text", ""), title=r.title, body=r.text, state=state_for(r.area_path))
    return render(request, "loop/unit/hints.html", {"hints": seen})


@page("loop/files/<uuid:file_id>/", name="file", needs=STAFF, scope=Scope.AREA)
def file(request: HeliRequest, file_id: uuid.UUID) -> HttpResponse:
    """A photo or paper of a request or a reply, for staff who may see that."""
    return files.serve(queries.file_for(request.actor, file_id), request)


def back_to(code: str, *, tab: str = "", look: bool = False) -> HttpResponse:
    """To the page of a request (and one of its tabs, there to look at a reply again), by GET."""
    response = redirect(where("request", code=code) + (f"?tab={tab}{'&look=1' if look else ''}#act" if tab else ""))
    response.status_code = 303
    return response


def parse_moment(form: forms.ExtendForm) -> dt.datetime | None:
    """Until when a clock should stand, if that was asked."""
    return form.until_moment() if form.cleaned_data["kind"] == "pause" else None
