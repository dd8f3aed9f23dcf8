"""What everybody may read: the open figures of an area or a unit, as a page and as files, and its standing problems."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.core.replica import reads
from heli.core.scope import ancestors
from heli.insight import problem_queries, queries
from heli.insight.open_figures import COUNTS, DOORS, UNIT, Line, Open, of_unit
from heli.insight.queries import DAYS
from heli.insight.withhold import ENOUGH
from heli.loop.rates import KEYS, SPANS, TITLES

FILES = {"csv": "text/csv; charset=utf-8", "xlsx": export.XLSX, "json": "application/json"}
ROWS = 5000  # more than an area has parts
SHOWN = ("on_time", "resolution", "satisfaction")  # rates in a table; the response rate stands above


def days_of(request: HeliRequest) -> int:
    typed = request.GET.get("days", "")
    return next((n for n in SPANS if str(n) == typed), DAYS)


def path_of(typed: str) -> str:
    if not (typed.isascii() and typed.isalnum() and len(typed) <= 24):
        raise NotFound
    return typed


@page("public/", name="public", scope=Scope.PUBLIC)
@reads
def public_here(request: HeliRequest) -> HttpResponse:
    """The public figures of this site's area."""
    return _area(request, settings.HELI_HOME_AREA)


@page("public/<str:area_path>/", name="public", scope=Scope.PUBLIC)
@reads
def public(request: HeliRequest, area_path: str) -> HttpResponse:
    """The public figures of an area."""
    return _area(request, path_of(area_path))


@page("public/<str:area_path>/figures.<str:kind>", name="public_file", scope=Scope.PUBLIC)
@reads
def public_file(request: HeliRequest, area_path: str, kind: str) -> HttpResponse:
    """The same figures as a file: CSV, xlsx or JSON."""
    days = days_of(request)
    return _file(queries.figures(path_of(area_path), days, timezone.now()), days, kind, area_path)


@page("public/unit/<int:org_id>/", name="public_unit", scope=Scope.PUBLIC)
@reads
def public_unit(request: HeliRequest, org_id: int) -> HttpResponse:
    """The public figures of a unit."""
    days = days_of(request)
    where = reverse("insight:public_unit", kwargs={"org_id": org_id})
    return _shown(request, of_unit(org_id, days, timezone.now()), days, where)


@page("public/unit/<int:org_id>/figures.<str:kind>", name="public_unit_file", scope=Scope.PUBLIC)
@reads
def public_unit_file(request: HeliRequest, org_id: int, kind: str) -> HttpResponse:
    """The figures of a unit as a file."""
    days = days_of(request)
    return _file(of_unit(org_id, days, timezone.now()), days, kind, f"unit-{org_id}")


@page("public/problems/<str:area_path>/", name="public_problems", scope=Scope.PUBLIC)
@reads
def public_problems(request: HeliRequest, area_path: str) -> HttpResponse:
    """The standing problems of an area: what they are called, whose they are, by which plan, how far. No requests."""
    found = problem_queries.public_problems(path_of(area_path), request.GET.get("after"))
    return render(request, "insight/public_problems.html", {**found, "now": timezone.now()})


def _area(request: HeliRequest, path: str) -> HttpResponse:
    days = days_of(request)
    where = reverse("insight:public", kwargs={"area_path": path})
    return _shown(request, queries.figures(path, days, timezone.now()), days, where)


def _shown(request: HeliRequest, f: Open, days: int, where: str) -> HttpResponse:
    home = settings.HELI_HOME_AREA
    query = f"?days={days}" if days != DAYS else ""
    tables = [
        (
            "inside",
            _("Areas inside"),
            [
                (_row(x), "" if x.key == f.area.path else reverse("insight:public", kwargs={"area_path": x.key}))
                for x in f.inside
            ],
        ),
        (
            "units",
            _("Units of this area"),
            [
                (_row(x), reverse("insight:public_unit", kwargs={"org_id": int(x.key.removeprefix(UNIT))}))
                for x in f.units
            ],
        ),
        ("doors", _("By the door they came through"), [(_row(x), "") for x in f.doors]),
    ]
    context = {
        "f": f,
        "days": days,
        "spans": [(n, n == days) for n in SPANS],
        "kept": query,
        "above": [a for a in f.crumbs if a.level >= 2 or a.path in ancestors(home)],
        "rates": [(TITLES[k], s, f.rules[KEYS[k]]) for k, s in f.whole.rates.items()],
        "tables": [
            (key, title, [r for r in rows if r[0]["some"]], [r for r in rows if r[0]["some"] is None])
            for key, title, rows in tables
        ],
        "quiet": [r for r in tables[0][2] if r[0]["some"] is False],
        "columns": [TITLES[k] for k in SHOWN],
        "files": [(kind, f"{where}figures.{kind}{query}") for kind in FILES],
        "small": ENOUGH,
        "now": timezone.now(),
    }
    return render(request, "insight/public.html", context)


def _row(x: Line) -> dict[str, Any]:
    told = {n for n in x.counts.values() if n is not None}
    some = any(told) or len(told) < len(x.counts) if told else None  # None: nothing of it is told
    return {"name": x.name, "key": x.key, "counts": x.counts, "rates": [x.rates[k] for k in SHOWN], "some": some}


# Files ----------------------------------------------------------------------------------------------------------------
HEADS = (
    "table", "code", "name", "measure", "title", "value", "out_of", "withheld", "since", "until", "computed_at", "formula",
    "formula_version", "citation",
)  # fmt: skip


def measures(f: Open) -> Iterator[dict[str, Any]]:
    """Every number of the page, one a row, each with what is needed to read it alone."""
    about = {
        "since": f.since.isoformat(),
        "until": f.until.isoformat(),
        "computed_at": timezone.localtime(f.at).isoformat(),
    }
    rules = {name: rule for name, _title, rule in f.formulas}
    tables = (("whole", [f.whole]), ("inside", f.inside), ("unit", f.units), ("door", f.doors))
    for table, lines in tables:
        for x in lines:
            base = {"table": table, "code": x.key, "name": str(x.name), **about}
            for n, value in x.counts.items():
                yield base | {"measure": n, "title": str(COUNTS[n]), "value": value, "withheld": value is None}
            for n, share in x.rates.items():
                rule = rules[n]
                yield base | {
                    "measure": n, "title": str(TITLES[n]), "value": share.part, "out_of": share.whole,
                    "withheld": share.part is None or share.whole is None, "formula": rule.words,
                    "formula_version": rule.version, "citation": rule.citation,
                }  # fmt: skip
    for reason, title, value in f.reasons:
        yield {
            "table": "excluded", "code": reason, "name": str(title), "measure": "excluded", "title": str(COUNTS["excluded"]),
            "value": value, "withheld": value is None, **about,
        }  # fmt: skip


def notes(f: Open) -> list[str]:
    """What goes with the numbers in every file."""
    return [
        _("%(name)s: requests heard from %(since)s to %(until)s; in hand and past the limit: now.")
        % {"name": f.name, "since": f.since, "until": f.until},
        _("Counted %(when)s.") % {"when": f"{timezone.localtime(f.at):%Y-%m-%d %H:%M}"},
        _("Withheld: a number of fewer than %(small)s, or one from which it could be worked out. Zero is told.")
        % {"small": ENOUGH},
        _(
            "What came in during these days and is past its limit now stands among those a timely answer is counted out of."
        ),
        _("By code, not by rank."),
        *(
            f"{title}: {rule.words}, {_('version %(n)s') % {'n': rule.version}}; {rule.citation}"
            for _n, title, rule in f.formulas
        ),
    ]


def _file(f: Open, days: int, kind: str, name: str) -> HttpResponse:
    if kind not in FILES:
        raise NotFound
    rows = list(measures(f))
    if kind == "json":
        body = {
            "name": f.name,
            "code": f.whole.key,
            "days": days,
            "since": f.since.isoformat(),
            "until": f.until.isoformat(),
            "computed_at": timezone.localtime(f.at).isoformat(),
            "withheld_below": ENOUGH,
            "notes": notes(f),
            "formulas": [
                {"measure": n, "title": str(t), "formula": r.value, "version": r.version, "citation": r.citation}
                for n, t, r in f.formulas
            ],
            "doors": {k: str(v) for k, v in DOORS.items()},
            "figures": rows,
        }
        content = json.dumps(body, ensure_ascii=False, indent=1).encode()
    elif kind == "csv":
        out = io.StringIO()
        sheet = csv.DictWriter(out, HEADS)
        sheet.writeheader()
        for row in rows:
            sheet.writerow({k: export.safe_text(v) if isinstance(v, str) else v for k, v in row.items()})
        content = ("\ufeff" + out.getvalue()).encode()
    else:
        columns: list[export.Column[dict[str, Any]]] = [(h, lambda row, h=h: row.get(h)) for h in HEADS]  # type: ignore[misc]
        content = export.workbook(_("Open figures"), columns, rows, cap=ROWS, notes=notes(f))
    return export.download(content, f"figures-{name}-{days}d-{f.until:%Y%m%d}.{kind}", FILES[kind])
