"""Pages of the rulebook. Rules are public: everybody bound by one can read it, with its source and its history."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export, paging
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.rulebook import keys, queries, steps
from heli.rulebook.forms import EndForm, RuleForm
from heli.rulebook.models import Rule
from heli.rulebook.queries import Filters, RuleVersion

STATES = ("", "coming", "ended", "all")


def _today() -> dt.date:
    return timezone.localdate()


def _area(request: HeliRequest) -> str:
    """The area asked for: digits only, else this site's own."""
    typed = request.GET.get("area", settings.HELI_HOME_AREA)
    return typed if typed.isdecimal() and typed.isascii() and len(typed) <= 24 else settings.HELI_HOME_AREA


def _place(path: str, names: dict[str, str]) -> str:
    return names[path] if path else _("the whole country")


def _places(extra: str = "") -> list[tuple[str, str]]:
    """(path, name) of all areas with rules of their own, and one more."""
    paths = sorted({*queries.areas_with_rules(), extra, settings.HELI_HOME_AREA})
    names = queries.area_names(paths)
    return [(p, _place(p, names)) for p in paths]


@page("", name="rules", scope=Scope.PUBLIC)
def rules(request: HeliRequest) -> HttpResponse:
    """The limits of an area in plain words, each with its source."""
    path, today = _area(request), _today()
    found = queries.limits(path, today)
    names = queries.area_names([path, *(r.area_path for r in found.general.values())])
    cases = [
        {
            "name": _case_name(facts),
            "example": _case_example(facts),
            "cells": [{"title": keys.title(k), "rule": chosen.get(k)} for k in queries.CASE_KEYS],
        }
        for facts, chosen in found.cases
    ]
    year = queries.year_view(path, today.year + 1)
    return render(
        request,
        "rulebook/rules.html",
        {
            "path": path,
            "place": _place(path, names),
            "places": _places(path),
            "columns": [keys.title(k) for k in queries.CASE_KEYS],
            "cases": cases,
            "sentences": _sentences(found.general),
            "sources": _sources(found),
            "next_year": year if year.published is None else None,
            "tab": "rules",
        },
    )


def _case_name(facts: dict[str, str]) -> str:
    match facts:
        case {"urgency": "emergency"}:
            return _("Emergencies")
        case {"urgency": "urgent"}:
            return _("Urgent matters")
        case {"kind": "question"}:
            return _("Questions")
        case {"kind": "suggestion"}:
            return _("Suggestions")
    return _("Help and complaints")


def _case_example(facts: dict[str, str]) -> str:
    match facts:
        case {"urgency": "emergency"}:
            return _("a danger to life or property, a burst pipe")
        case {"urgency": "urgent"}:
            return _("no water, power, gas or heating; severe weather")
    return ""


def _sentences(found: dict[str, RuleVersion]) -> list[dict[str, Any]]:
    """What else binds both sides, a sentence for each rule that is in force."""
    said = (
        (
            "extension.max",
            _("The unit may ask for more time, at most %(words)s; you see on the page of your request why."),
        ),
        ("return.window", _("A unit that thinks it is not its matter says so, with the reason, within %(words)s.")),
        ("return.limit", _("After %(words)s sent back, the level above names who handles it.")),
        ("clock.review", _("After the reply you have %(words)s to judge it. Not judged is not counted as satisfied.")),
        ("clock.redo", _("Not solved? It is done once more, within %(words)s.")),
        ("redo.limit", _("You can send it back %(words)s.")),
        ("ladder.urge_after", _("Late: the unit is urged after %(words)s.")),
        ("ladder.supervise_after", _("Still nothing %(words)s later: it goes to the supervisor.")),
        ("work.hours", _("Working time is %(words)s on workdays; weekends and holidays do not count.")),
    )
    return [{"words": s % {"words": found[k].words}, "rule": found[k]} for k, s in said if k in found]


def _sources(found: queries.Limits) -> list[dict[str, Any]]:
    """Each source once, with the rules that rest on it and whether all of them were compared with it."""
    rows = [*found.general.values(), *(r for _facts, chosen in found.cases for r in chosen.values())]
    sources: dict[str, dict[str, Any]] = {}
    for row in {r.id: r for r in rows}.values():
        source = sources.setdefault(
            row.citation, {"citation": row.citation, "url": row.citation_url, "verified": True, "titles": set()}
        )
        source["verified"] &= row.verified
        source["titles"].add(row.title)
    return sorted(sources.values(), key=lambda s: (not s["verified"], s["citation"]))


# All rows -----------------------------------------------------------------------------------------------------------


def _filters(request: HeliRequest) -> Filters:
    get = request.GET
    area = get.get("area")
    return Filters(
        key=get.get("key", "") if get.get("key", "") in keys.KEYS else "",
        area="" if area == "country" else area if area and area.isdecimal() and area.isascii() else None,
        state=get.get("state", "") if get.get("state", "") in STATES else "",
        unverified=get.get("unverified") == "1",
        words=get.get("q", "").strip()[:60],
    )


def _state(row: Rule, today: dt.date) -> str:
    if row.valid_to is not None and row.valid_to == row.valid_from:
        return "corrected"
    if row.valid_to is not None and row.valid_to <= today:
        return "ended"
    return "coming" if row.valid_from > today else "now"


def _shown(row: Rule, names: dict[str, str], today: dt.date) -> dict[str, Any]:
    return {
        "row": row,
        "title": keys.title(row.key),
        "place": _place(row.area_path, names),
        "cases": keys.say_facts(row.applies_to),
        "words": keys.say(row.key, row.value),
        "state": _state(row, today),
        "last": row.valid_to - dt.timedelta(days=1) if row.valid_to else None,
    }


@page("all/", name="rows", scope=Scope.PUBLIC)
def rows(request: HeliRequest) -> HttpResponse:
    """All rules, filtered; the filters stay in the address."""
    filters, today = _filters(request), _today()
    found = paging.keyset(
        queries.listed(request.actor, filters, today),
        order=("key", "area_path", "id"),
        after=request.GET.get("after"),
        size=50,
    )
    places = _places()
    names = dict(places) | queries.area_names(r.area_path for r in found.rows if r.area_path not in dict(places))
    return render(
        request,
        "rulebook/rows.html",
        {
            "page": found.map(lambda r: _shown(r, names, today)),
            "filters": filters,
            "keys": [(k, keys.title(k)) for k in keys.KEYS],
            "places": places,
            "states": [
                ("", _("in force")),
                ("coming", _("coming")),
                ("ended", _("no longer in force")),
                ("all", _("all")),
            ],
            "query": request.GET.urlencode(),
            "may_change": Cap.MANAGE_RULES in request.actor.caps,
            "tab": "rows",
        },
    )


@page("all.xlsx", name="export", scope=Scope.PUBLIC, limit=Limit(30))
def export_rows(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet; rules are public, so nobody is asked what for."""
    filters, today = _filters(request), _today()
    found = queries.listed(request.actor, filters, today).order_by("key", "area_path", "id")
    cap = queries.in_force(["export.row_cap"], path=settings.HELI_HOME_AREA, on=today)["export.row_cap"].value
    names = queries.area_names(queries.areas_with_rules())
    columns: list[export.Column[Rule]] = [
        (_("Rule"), lambda r: keys.title(r.key)),
        (_("Key"), lambda r: r.key),
        (_("Area"), lambda r: _place(r.area_path, names)),
        (_("Area code"), lambda r: r.area_path),
        (_("For"), lambda r: keys.say_facts(r.applies_to)),
        (_("Value"), lambda r: keys.say(r.key, r.value)),
        (_("Source"), lambda r: r.citation),
        (_("Compared with its source"), lambda r: r.verified_by if r.verified else _("not verified")),
        (_("Version"), lambda r: r.version),
        (_("First day"), lambda r: r.valid_from),
        (_("First day without it"), lambda r: r.valid_to),
        (_("Why it changes"), lambda r: r.reason),
    ]
    book = export.workbook(_("Rules"), columns, found, cap=cap, notes=[_("Rules as of %(day)s.") % {"day": today}])
    return export.download(book, f"rules-{today:%Y%m%d}.xlsx")


# One rule -----------------------------------------------------------------------------------------------------------


@page("<int:rule_id>/", name="rule", scope=Scope.PUBLIC)
def rule(request: HeliRequest, rule_id: int) -> HttpResponse:
    """One version: what it says, where from, and what was in force before and will be after."""
    row, today = queries.rule(request.actor, rule_id), _today()
    return _rule_page(request, row, today, EndForm(prefix="end", initial={"valid_to": today}))


def _rule_page(request: HeliRequest, row: Rule, today: dt.date, end: EndForm, status: int = 200) -> HttpResponse:
    names = queries.area_names([row.area_path])
    versions = [_shown(v, names, today) for v in queries.versions(row)]
    shown = _shown(row, names, today)
    may_change = request.actor.can(Cap.MANAGE_RULES, path=row.area_path)
    return render(
        request,
        "rulebook/rule.html",
        {
            **shown,
            "versions": versions,
            "may_change": may_change,
            "may_add": Cap.MANAGE_RULES in request.actor.caps,
            "may_end": may_change and shown["state"] in {"now", "coming"} and not row.valid_to,
            "end": end,
            "tab": "rows",
        },
        status=status,
    )


@page("<int:rule_id>/end/", name="end", needs=Cap.MANAGE_RULES, scope=Scope.AREA, methods=("POST",))
def end(request: HeliRequest, rule_id: int) -> HttpResponse:
    """A rule ends without a successor."""
    row = queries.rule(request.actor, rule_id)
    form = EndForm(request.POST, prefix="end")
    if form.is_valid():
        try:
            steps.end_rule(
                rule_id=rule_id,
                valid_to=form.cleaned_data["valid_to"],
                reason=form.cleaned_data["why"],
                by=request.actor,
                at=timezone.now(),
            )
        except HeliError as error:
            if error.field is None:
                raise
            form.add_error("valid_to" if error.field == "valid_to" else "why", error.words)
        else:
            messages.success(request, _("The rule ends on the day you chose."))
            return redirect("rulebook:rule", rule_id=rule_id)
    return _rule_page(request, row, _today(), form, status=400)


@page("new/", name="new", needs=Cap.MANAGE_RULES, scope=Scope.AREA, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """A new version (?from=id), or the first row of a rule for an area (?key=)."""
    before = _before(request)
    key = before.key if before else request.GET.get("key", "")
    if key not in keys.KEYS:
        if key:
            raise NotFound
        return render(request, "rulebook/choose.html", {"keys": [(k, keys.title(k)) for k in keys.KEYS], "tab": "rows"})
    form = RuleForm(request.POST or None, key=key, actor=request.actor, today=_today(), before=before)
    if request.method == "POST" and form.is_valid():
        try:
            row = steps.set_rule(
                rule=form.new_rule(), by=request.actor, at=timezone.now(), after_version=_after(form, before)
            )
        except Forbidden:
            form.add_error("area", _("You do not manage the rules of this area."))
        except HeliError as error:
            field = error.field if error.field in form.fields else None
            if error.field is None:
                raise
            form.add_error(field, error.words)
        else:
            messages.success(
                request, _("The new version is written. Clocks that run keep the version they began with.")
            )
            return redirect("rulebook:rule", rule_id=row.id)
    status = 400 if request.method == "POST" else 200
    context = {
        "form": form,
        "title": keys.title(key),
        "key": key,
        "before": _shown(before, queries.area_names([before.area_path]), _today()) if before else None,
        "value_fields": [form[n] for n in form.value_names],
        "fact_fields": [form[n] for n in ("urgency", "kind", "category") if n in form.fields],
        "tab": "rows",
    }
    return render(request, "rulebook/new.html", context, status=status)


def _before(request: HeliRequest) -> Rule | None:
    typed = request.GET.get("from", "")
    return (
        queries.rule(request.actor, int(typed)) if typed.isdecimal() and typed.isascii() and len(typed) < 18 else None
    )


def _after(form: RuleForm, before: Rule | None) -> int | None:
    """The newest version the writer saw, if the form still speaks of the same rule."""
    rule = form.new_rule()
    if before is None or (rule.area_path, dict(rule.applies_to)) != (before.area_path, before.applies_to):
        return None
    return int(form.cleaned_data["after_version"] or 0)


# Calendar -----------------------------------------------------------------------------------------------------------


@page("calendar/", name="calendar", scope=Scope.PUBLIC)
def calendar(request: HeliRequest) -> HttpResponse:
    """This year's working calendar."""
    return _calendar_page(request, _today().year)


@page("calendar/<int:year>/", name="year", scope=Scope.PUBLIC)
def calendar_year(request: HeliRequest, year: int) -> HttpResponse:
    """A year's holidays and make-up workdays, and the notice they come from."""
    if not 2000 <= year <= 2100:
        raise NotFound
    return _calendar_page(request, year)


def _calendar_page(request: HeliRequest, year: int) -> HttpResponse:
    path = _area(request)
    view = queries.year_view(path, year)
    names = queries.area_names([path, *(s.area_path for s in view.stretches)])
    return render(
        request,
        "rulebook/calendar.html",
        {
            "view": view,
            "stretches": [{"s": s, "place": _place(s.area_path, names)} for s in view.stretches],
            "years": sorted({*view.years, year, _today().year + 1}),
            "path": path,
            "place": _place(path, names),
            "tab": "calendar",
        },
    )
