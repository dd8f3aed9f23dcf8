"""Notices for who writes them: drafts with hints, publishing, withdrawing, counts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.queries import events_about
from heli.engines import plain
from heli.notices import queries, steps
from heli.notices.forms import NoticeForm, WithdrawForm
from heli.notices.models import GROUP_WORDS, Notice, State
from heli.notices.queries import DeskRow
from heli.notices.views import said
from heli.orgs.exports import purpose_of, row_cap
from heli.places.queries import by_path

CHIPS = {State.DRAFT: "", State.PUBLISHED: "done", State.WITHDRAWN: "back", State.REPLACED: "pause"}
PARTS = ("title", "meaning", "todo", "until", "ask")
DAYS = 30


def hints(texts: list[str]) -> plain.Reading:
    """How the parts of a notice read together."""
    return plain.read("\n".join(t for t in texts if t))


@page("desk/", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """All notices of one's areas, last changed first."""
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()[:40]
    found = queries.desk(request.actor, state=state, text=text, after=request.GET.get("after"))
    context = {
        "page": found.map(lambda r: {"row": r, "chip": CHIPS[State(r.notice.state)]}),
        "state": state,
        "states": State.choices,
        "text": text,
        "query": request.GET.urlencode(),
    }
    return render(request, "notices/desk.html", context)


@page("desk/export/", name="desk_export", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA, methods=("POST",))
def desk_export(request: HeliRequest) -> HttpResponse:
    """The filtered list with its counts as a spreadsheet."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    found = queries.managed(request.actor, state=request.GET.get("state", ""), text=request.GET.get("q", "")[:40])
    chosen = list(found.order_by("-changed_at", "-id")[: cap + 1])
    seen = queries.counts(n.pk for n in chosen)
    rows = [DeskRow(n, seen.get(n.pk, queries.Counts())) for n in chosen]
    purpose = purpose_of(request, "notices", Cap.PUBLISH_NOTICES, len(rows), now)
    columns: list[export.Column[DeskRow]] = [
        (_("Title"), lambda r: r.notice.title),
        (_("State"), lambda r: r.notice.get_state_display()),
        (_("Version"), lambda r: r.notice.number),
        (_("Whom it concerns"), lambda r: "、".join(str(GROUP_WORDS[g]) for g in r.notice.groups)),
        (_("Area code"), lambda r: r.notice.area_path),
        (_("Published by"), lambda r: r.notice.publisher.name if r.notice.publisher else ""),
        (_("Published"), lambda r: r.notice.published_at),
        (_("Last day"), lambda r: r.notice.valid_to),
        (_("Times read"), lambda r: r.counts.read),
        (_("Found clear"), lambda r: r.counts.clear),
        (_("Found unclear"), lambda r: r.counts.unclear),
        (_("What it rests on"), lambda r: r.notice.source),
    ]
    book = export.workbook(_("Notices"), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"notices-{timezone.localdate():%Y%m%d}.xlsx")


# Writing ----------------------------------------------------------------------------------------------------------------
def _write_page(request: HeliRequest, form: NoticeForm, notice: Notice | None, status: int = 200) -> HttpResponse:
    reading = hints([str(form[p].value() or "") for p in PARTS]) if form.is_bound or notice else None
    return render(request, "notices/write.html", {"form": form, "notice": notice, "reading": reading}, status=status)


@page("desk/hints/", name="hints", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA, methods=("POST",))
def read_hints(request: HeliRequest) -> HttpResponse:
    """Fragment: how what is typed reads so far. A hint, nothing more."""
    reading = hints([request.POST.get(p, "")[:2000] for p in PARTS])
    return render(request, "notices/_hints.html", {"reading": reading})


@page("desk/new/", name="new", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """A new draft."""
    by = request.actor
    if request.method == "GET":
        paths = by.paths(Cap.PUBLISH_NOTICES)
        area = by_path(paths[0]) if len(paths) == 1 and paths[0] else None
        return _write_page(request, NoticeForm(by=by, initial={"valid_from": timezone.localdate(), "area": area}), None)
    form = NoticeForm(request.POST, by=by)
    if form.is_valid():
        try:
            made = steps.write_notice(by=by, at=timezone.now(), **form.told())
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
        else:
            return redirect("notices:draft", notice_id=made.pk)
    return _write_page(request, form, None, 400)


@page(
    "desk/<int:notice_id>/change/", name="change", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA, methods=("GET", "POST")
)
def change(request: HeliRequest, notice_id: int) -> HttpResponse:
    """Change a draft."""
    found, by = queries.own(request.actor, notice_id), request.actor
    if request.method == "GET":
        first = {n: getattr(found, n) for n in (*steps.FIELDS, "version")} | {"area": by_path(found.area_path)}
        return _write_page(request, NoticeForm(by=by, initial=first), found)
    form = NoticeForm(request.POST, by=by)
    if form.is_valid():
        seen = form.cleaned_data["version"] or 0
        try:
            steps.change_notice(notice_id=found.pk, version=seen, by=by, at=timezone.now(), **form.told())
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
        else:
            return redirect("notices:draft", notice_id=found.pk)
    return _write_page(request, form, found, 400)


# One notice -------------------------------------------------------------------------------------------------------------
TITLES = {
    "notice.write": lambda: _("Written first"),
    "notice.change": lambda: _("Changed"),
    "notice.publish": lambda: _("Published"),
    "notice.withdraw": lambda: _("Withdrawn"),
    "notice.next": lambda: _("A next version was begun"),
    "notice.replace": lambda: _("Replaced by its next version"),
}


def _one(
    request: HeliRequest, notice: Notice, form: WithdrawForm | None = None, wrong: str = "", status: int = 200
) -> HttpResponse:
    counts = queries.counts([notice.pk]).get(notice.pk, queries.Counts())
    days = queries.by_day(notice.pk, timezone.localdate(), DAYS)
    most = max((n for _day, n in days), default=0)
    events = events_about("notices.notice", [notice.pk], public_only=False).exclude(step="notice.clear")[:30]
    context = {
        **said(notice),
        "chip": CHIPS[State(notice.state)],
        "area": queries.area_name(notice.area_path),
        "reading": hints([getattr(notice, p) for p in PARTS]) if notice.state == State.DRAFT else None,
        "counts": counts,
        "by_group": queries.by_group(notice.pk),
        "days": [(day, n, round(n * 100 / most) if most else 0) for day, n in days],
        "unclear": queries.unclear(notice.pk),
        "form": form or WithdrawForm(),
        "wrong": wrong,
        "next": getattr(notice, "replaced_by", None),
        "happened": [
            {"at": e.at, "title": TITLES[e.step]() if e.step in TITLES else e.step, "words": e.data.get("reason", "")}
            for e in events
        ],
    }
    return render(request, "notices/draft.html", context, status=status)


@page("desk/<int:notice_id>/", name="draft", needs=Cap.PUBLISH_NOTICES, scope=Scope.AREA)
def draft(request: HeliRequest, notice_id: int) -> HttpResponse:
    """One notice as everybody will see it, with what can be done, and how it is read."""
    return _one(request, queries.own(request.actor, notice_id))


ACTS = ("publish", "withdraw", "next")


@page(
    "desk/<int:notice_id>/do/<slug:act>/",
    name="draft_do",
    needs=Cap.PUBLISH_NOTICES,
    scope=Scope.AREA,
    methods=("POST",),
)
def draft_do(request: HeliRequest, notice_id: int, act: str) -> HttpResponse:
    """Do one of ACTS."""
    found, now = queries.own(request.actor, notice_id), timezone.now()
    if act not in ACTS:
        raise NotFound
    by: dict[str, Any] = {"notice_id": found.pk, "by": request.actor, "at": now}
    form = WithdrawForm(request.POST) if act == "withdraw" else None
    if form is not None and not form.is_valid():
        return _one(request, found, form, status=400)
    try:
        if form is not None:
            steps.withdraw_notice(reason=form.cleaned_data["reason"], **by)
            messages.success(request, _("Withdrawn. Its page stays and says why."))
        elif act == "next":
            made = steps.next_version(**by)
            return redirect("notices:change", notice_id=made.pk)
        else:
            seen = request.POST.get("version", "")
            steps.publish_notice(version=int(seen) if seen.isdecimal() and len(seen) < 9 else 0, **by)
            messages.success(request, _("Published. Everybody can read it now."))
    except HeliError as error:
        return _one(request, found, form, wrong=error.words, status=error.status)
    return redirect("notices:draft", notice_id=found.pk)
