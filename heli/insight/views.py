"""Pages of the board."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export, words
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.replica import reads
from heli.core.scope import covers
from heli.insight import queries
from heli.insight.forms import PurposeForm, SuperviseForm
from heli.insight.models import READERS
from heli.insight.queries import DAYS, Board, Inside
from heli.loop import rates, steps
from heli.loop.clocks import local_day
from heli.loop.rates import SPANS, TITLES
from heli.places.models import Area
from heli.rulebook import queries as rulebook

ROW_CAP = "export.row_cap"
ON_MAP = ("on_time", "resolution", "satisfaction", "response")  # the first one is shown unless another is asked for


ORDERS = (  # tab of the list of supervision orders, and what the board calls it
    ("mine", gettext_lazy("Orders: your turn")),
    ("late", gettext_lazy("Orders overdue")),
    ("open", gettext_lazy("Open orders")),
)


def _days(request: HeliRequest) -> int:
    typed = request.GET.get("days", "")
    return next((n for n in SPANS if str(n) == typed), DAYS)


def _path(typed: str) -> str:
    if not (typed.isascii() and typed.isalnum() and len(typed) <= 24):
        raise NotFound
    return typed


def _query(**kept: Any) -> str:
    return "&".join(f"{k}={v}" for k, v in kept.items() if v)


# The board ------------------------------------------------------------------------------------------------------------
@page("", name="board", needs=READERS, scope=Scope.AREA)
def own_board(request: HeliRequest) -> HttpResponse:
    """To the board of the widest area this person reads."""
    own = queries.own_areas(request.actor)
    if not own:
        raise NotFound
    return redirect("insight:board", area_path=own[0])


@page("<str:area_path>/", name="board", needs=READERS, scope=Scope.AREA)
@reads
def board(request: HeliRequest, area_path: str) -> HttpResponse:
    """What has to be dealt with in an area, how it goes, and the same for each area inside."""
    return _show(request, _path(area_path))


def _show(
    request: HeliRequest,
    path: str,
    *,
    pk: int | None = None,
    form: SuperviseForm | None = None,
    error: HeliError | None = None,
    status: int = 200,
) -> HttpResponse:
    now, days, sort = timezone.now(), _days(request), request.GET.get("sort", "")
    b = queries.board(request.actor, path, days, now, sort=sort)
    shown = request.GET.get("by", "")
    on_map = shown if shown in ON_MAP else ON_MAP[0]
    kept_days = days if days != DAYS else ""
    context = {
        "b": b,
        "days": days,
        "spans": [(n, n == days, _query(days=n if n != DAYS else "", by=shown)) for n in SPANS],
        "stats": _stats(b),
        "columns": _heads(sort, kept_days, shown),
        "kept": f"?{q}" if (q := _query(days=kept_days)) else "",
        "query": _query(days=kept_days, by=shown, sort=sort),
        "by": on_map,
        "by_title": TITLES[on_map],
        "by_others": [(k, TITLES[k], _query(days=kept_days, by=k)) for k in ON_MAP if k != on_map],
        "values": _values(b, on_map, kept_days) if b.shapes else None,
        "whole": next(s.rate for s in b.rates if s.rate.key == on_map),
        "form": form or SuperviseForm(),
        "form_pk": pk,
        "error": error,
        "may_export": request.actor.can(Cap.EXPORT, path=path),
        "may_decide": Cap.SUPERVISE in request.actor.caps,
        "may_exclude": Cap.EXCLUDE in request.actor.caps,
        "orders": [(tab, said, None) for tab, said in ORDERS],
        "path": path,
        "now": now,
    }
    return render(request, "insight/board.html", context, status=status)


def _stats(b: Board) -> list[dict[str, Any]]:
    """The four numbers at the top, each opening its rows."""
    in_hand = _("of %(n)s in hand") % {"n": words.count(b.counts["open"])}
    rows = (
        ("overdue", "late", _("Overdue, not done"), in_hand, _("See %(n)s")),
        ("due_soon", "soon", _("Due within two days"), in_hand, _("See %(n)s")),
        (
            "bounced",
            "back",
            _("Sent back and forth"),
            _("items that came back twice or more"),
            _("See %(n)s, name a lead"),
        ),
        ("redo", "you", _("Not solved, being redone"), in_hand, _("See %(n)s")),
    )
    return [
        {
            "label": label,
            "value": b.counts[name],
            "unit": unit,
            "url": b.now_urls[name] if b.counts[name] else "",
            "go": go % {"n": words.count(b.counts[name])} if b.counts[name] else "",
            "state": state,
        }
        for name, state, label, unit, go in rows
    ]


def _heads(sort: str, days: int | str, by: str) -> list[dict[str, str]]:
    """The columns of the table with the address that sorts by them: largest first, then smallest, then by code."""
    said = {
        "counted": _("Came in"),
        "open": _("In hand"),
        "overdue": _("Overdue"),
        **{k: str(TITLES[k]) for k in ("on_time", "resolution", "satisfaction")},
    }
    made = []
    for name, title in said.items():
        then = {f"-{name}": name, name: ""}.get(sort, f"-{name}")
        way = {f"-{name}": "descending", name: "ascending"}.get(sort, "")
        made.append({"name": name, "title": title, "way": way, "query": _query(days=days, by=by, sort=then)})
    return made


def _values(b: Board, by: str, days: int | str) -> dict[str, Any]:
    """What the map shows of each area inside, by code."""
    whole = next(s.rate for s in b.rates if s.rate.key == by)
    found = queries.bands(b.inside, whole)
    query = f"?{q}" if (q := _query(days=days, by=by)) else ""
    return {
        row.path: {
            "band": found.get(row.path, ""),
            "name": row.name,
            "words": words.share(row.rates[by].count, row.rates[by].of),
            "url": f"/board/{row.path}/{query}",
        }
        for row in b.inside
        if not row.itself
    }


@page("<str:area_path>/waiting/", name="waiting", needs=(Cap.SUPERVISE, Cap.EXCLUDE), scope=Scope.AREA)
def waiting(request: HeliRequest, area_path: str) -> HttpResponse:
    """How many decisions wait, as a piece of the board; loaded after it."""
    path = _path(area_path)
    if not covers(queries.own_areas(request.actor), path) or not Area.objects.filter(path=path).exists():
        raise NotFound
    found = queries.waiting(request.actor, path, timezone.now())
    context = {
        "waiting": found,
        "orders": [(tab, said, found.orders[tab]) for tab, said in ORDERS],
        "path": path,
        "may_decide": Cap.SUPERVISE in request.actor.caps,
        "may_exclude": Cap.EXCLUDE in request.actor.caps,
    }
    return render(request, "insight/waiting.html", context)


@page("<str:area_path>/supervise/<int:pk>/", name="supervise", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("POST",))
def supervise(request: HeliRequest, area_path: str, pk: int) -> HttpResponse:
    """A word of supervision from a row of the board; back to the board."""
    path, form = _path(area_path), SuperviseForm(request.POST)
    if not form.is_valid():
        return _show(request, path, pk=pk, form=form, status=400)
    try:
        steps.supervise(request_id=pk, by=request.actor, at=timezone.now(), text=form.cleaned_data["text"])
    except NotFound:
        raise
    except HeliError as error:
        return _show(request, path, pk=pk, form=form, error=error, status=error.status)
    messages.success(request, _("Written to the units; it stands at the top of their page."))
    response = redirect("insight:board", area_path=path)
    response.status_code = 303
    return response


@page("<str:area_path>/export/", name="export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def export_board(request: HeliRequest, area_path: str) -> HttpResponse:
    """The table of the areas inside as a spreadsheet, for a stated purpose."""
    path, now, days = _path(area_path), timezone.now(), _days(request)
    b = queries.board(request.actor, path, days, now, sort=request.GET.get("sort", ""))
    form = PurposeForm(request.POST)
    if not form.is_valid():
        raise Invalid(str(form.errors["purpose"][0]), field="purpose")
    cap = int(rulebook.in_force((ROW_CAP,), path=path, on=local_day(now))[ROW_CAP].value)
    purpose = form.cleaned_data["purpose"]
    export.take_away(
        name="board",
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=len(b.inside),
        filters={"area": path, "days": str(days)},
        path=path,
    )
    since, _until = rates.span(now, days)
    slots = {"since": f"{since:%Y-%m-%d}", "until": f"{local_day(now):%Y-%m-%d}", "area": b.name}
    notes = [
        _("%(area)s, requests heard from %(since)s to %(until)s; in hand and overdue: now.") % slots,
        _("Made by %(name)s, %(when)s.")
        % {"name": request.actor.name, "when": f"{timezone.localtime(now):%Y-%m-%d %H:%M}"},
        _("For: %(purpose)s") % {"purpose": purpose},
        *(
            _("%(title)s: %(formula)s, version %(n)s.")
            % {"title": s.rate.title, "formula": s.rate.rule.words, "n": s.rate.rule.version}
            for s in b.rates
        ),
    ]
    book = export.workbook(_("Board"), _columns(), b.inside, cap=cap, notes=notes)
    return export.download(book, f"board-{path}-{local_day(now):%Y%m%d}.xlsx")


def _columns() -> list[export.Column[Inside]]:
    def part(key: str) -> export.Column[Inside]:
        return str(TITLES[key]), lambda row: row.rates[key].count

    def whole(key: str) -> export.Column[Inside]:
        return _("%(title)s: out of") % {"title": TITLES[key]}, lambda row: row.rates[key].of

    made: list[export.Column[Inside]] = [
        (_("Area"), lambda row: row.name),
        (_("Area code"), lambda row: row.path),
        (_("Came in"), lambda row: row.counts["counted"]),
        (_("In hand"), lambda row: row.counts["open"]),
        (_("Overdue"), lambda row: row.counts["overdue"]),
    ]
    for key in TITLES:
        made += [part(key), whole(key)]
    return [
        *made,
        (_("Not judged in time"), lambda row: row.counts["unrated"]),
        (_("Answered, not judged yet"), lambda row: row.counts["waiting"]),
        (_("Left out of the rates"), lambda row: row.counts["excluded"]),
    ]
