"""For those who handle tips: the queue, one tip with what is like it, what to do with it, and the list as a file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export, files
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.queries import parts
from heli.loop.views.public import private
from heli.oversight import queries, steps
from heli.oversight.forms import FoundForm, PassForm, PurposeForm, TextForm
from heli.oversight.models import Asked, Posing, Tip
from heli.oversight.states import UNDECIDED
from heli.oversight.words import CHIPS, STATES, STEPS
from heli.people.models import User

ASKED = dict(Asked.choices)


def _said(tip: Tip, now: Any) -> dict[str, Any]:
    """A tip with its words, for a row."""
    due = ("", "")
    if tip.state in UNDECIDED:
        due = parts.chip_of(tip.due_at, now, parts.display_calendar(tip.area_path, now))
    return {
        "tip": tip,
        "state": STATES[tip.state],
        "chip": CHIPS[tip.state],
        "due": due,
        "asked": _(", ").join(str(ASKED[a]) for a in tip.asked),
    }


@page("queue/", name="tips", needs=Cap.HANDLE_TIPS, scope=Scope.AREA)
def tips(request: HeliRequest) -> HttpResponse:
    """Every tip of the actor's areas; what is open first, by its deadline."""
    now, f = timezone.now(), queries.Filters.read(request.GET)
    found = queries.tips_page(request.actor, f, now, after=request.GET.get("after"))
    context = {
        "page": found.map(lambda t: _said(t, now)),
        "filters": f,
        "narrowed": f.kept(),
        "states": [
            ("todo", pgettext("tip", "for us to do")),
            ("open", _("open ones")),
            ("all", _("all")),
            ("ended", _("ended ones")),
            *STATES.items(),
        ],
        "posings": Posing.choices,
        "query": request.GET.urlencode(),
        "now": now,
    }
    return render(request, "oversight/tips.html", context)


@page("queue/export/", name="tips_export", needs=Cap.HANDLE_TIPS, scope=Scope.AREA, methods=("POST",))
def tips_export(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet, for a stated purpose; without who told it, and without what was sealed."""
    now, f = timezone.now(), queries.Filters.read(request.GET)
    most, path = queries.row_cap(request.actor, now)
    rows = list(queries.tips(request.actor, f, now).order_by("-told_at", "-id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="tips", by=request.actor, at=now, purpose=purpose, rows=len(rows), path=path, cap=Cap.HANDLE_TIPS,
        filters=f.kept() | ({"q": "…"} if f.q else {}),  # the name that was looked for enters no event
    )  # fmt: skip
    columns: list[export.Column[Tip]] = [
        (pgettext("tip", "Code"), lambda t: t.code),
        (_("State"), lambda t: str(STATES[t.state])),
        (_("What they call themselves"), lambda t: t.name),
        (_("They say they are"), lambda t: t.get_posing_display()),
        (_("They want"), lambda t: _(", ").join(str(ASKED[a]) for a in t.asked)),
        (_("Money handed over"), lambda t: t.paid),
        (_("What was told"), lambda t: t.text),
        (pgettext("tip", "Area"), lambda t: t.area.name),
        (_("Where exactly"), lambda t: t.spot),
        (pgettext("tip", "Seen on"), lambda t: t.seen_on),
        (pgettext("tip", "Told"), lambda t: t.told_at),
        (pgettext("tip", "Due"), lambda t: t.due_at),
        (pgettext("tip", "Decided"), lambda t: t.decided_at),
        (_("Passed to"), lambda t: t.get_passed_to_display() if t.passed_to else ""),
        (pgettext("paper", "Number"), lambda t: t.passed_number),
        (_("What the teller reads"), lambda t: t.answer),
    ]
    note = _("Exported for: %(purpose)s") % {"purpose": purpose.strip()[:200]}
    warning = _("These are tips, not findings: whoever is named may be innocent. Pass it to nobody who need not know.")
    book = export.workbook(_("Tips on impostors"), columns, rows, cap=most, notes=[note, warning])
    return export.download(book, f"tips-{timezone.localdate(now):%Y%m%d}.xlsx")


# One tip ---------------------------------------------------------------------------------------------------------------
@page("queue/<int:tip_id>/", name="one", needs=Cap.HANDLE_TIPS, scope=Scope.AREA)
def one(request: HeliRequest, tip_id: int) -> HttpResponse:
    """One tip: what was told, what is like it, what happened, and what can be done now."""
    return show(request, tip_id)


def show(
    request: HeliRequest,
    tip_id: int,
    *,
    verb: str = "",
    form: django_forms.Form | None = None,
    error: HeliError | None = None,
    shown: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, with the form of `verb` as it was typed when something is wrong with it."""
    now = timezone.now()
    tip = queries.tip_seen(request.actor, tip_id)
    happened = queries.history(tip)
    noted = queries.notes(request.actor, tip)
    found = queries.alike(request.actor, tip)
    names = _names({e.user_id for e in happened} | {n.user_id for n in noted})
    forms = {
        "pass_on": PassForm(prefix="pass"),
        "genuine": FoundForm(prefix="genuine"),
        "unproven": FoundForm(prefix="unproven"),
        "closed": FoundForm(prefix="closed"),
        "reopen": TextForm(prefix="reopen"),
        "note": TextForm(prefix="note"),
        "reveal": PurposeForm(prefix="reveal"),
    }
    if form is not None:
        forms[verb] = form
    context = {
        **_said(tip, now),
        "t": tip,
        "clock": queries.clock_of(tip, now),
        "together": any(x.together for x in found),
        "alike": [{"like": like, **_said(like.tip, now)} for like in found],
        "notes": [{"note": n, "who": names.get(n.user_id, "")} for n in noted],
        "happened": [
            {"at": e.at, "title": STEPS.get(e.step, e.step), "words": names.get(e.user_id, "")} for e in happened
        ],
        "forms": forms,
        "verb": verb if form is not None else "",
        "error": error,
        "shown": shown,
        "readings": queries.readings(tip),
        "now": now,
    }
    return private(render(request, "oversight/one.html", context, status=status))


def _names(ids: set[int | None]) -> dict[int | None, str]:
    """What colleagues are called. One statement."""
    return {u.pk: str(u) for u in User.objects.filter(pk__in=[i for i in ids if i])}


def _other(request: HeliRequest) -> int:
    typed = request.POST.get("other", "")
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 18):
        raise NotFound
    return int(typed)


# verb: its form, what it does with the clean form, and what is said then
ACTS: dict[str, tuple[type[django_forms.Form] | None, Callable[..., Any], Callable[[], str]]] = {
    "look": (
        None,
        lambda _d, **k: steps.look(**k),
        lambda: _("Taken up. The teller reads that somebody looks into it."),
    ),
    "pass_on": (
        PassForm,
        lambda d, **k: steps.pass_on(to=d["to"], number=d["number"], **k),
        lambda: _("Passed on. The teller reads to whom and under which number."),
    ),
    "genuine": (
        FoundForm,
        lambda d, **k: steps.conclude(found="genuine", answer=d["answer"], **k),
        lambda: _("Written down, and told to the teller."),
    ),
    "unproven": (
        FoundForm,
        lambda d, **k: steps.conclude(found="unproven", answer=d["answer"], **k),
        lambda: _("Written down, and told to the teller."),
    ),
    "closed": (
        FoundForm,
        lambda d, **k: steps.conclude(found="closed", answer=d["answer"], **k),
        lambda: _("Finished. The teller reads what came of it."),
    ),
    "reopen": (
        TextForm,
        lambda d, **k: steps.reopen(reason=d["text"], **k),
        lambda: _("It is looked at again, with a new clock."),
    ),
    "note": (TextForm, lambda d, **k: steps.note(text=d["text"], **k), lambda: _("Noted.")),
    "unlink": (None, lambda _d, **k: steps.take_apart(**k), lambda: _("It stands by itself again.")),
}
PREFIX = {"pass_on": "pass"}


@page("queue/<int:tip_id>/<slug:verb>/", name="act", needs=Cap.HANDLE_TIPS, scope=Scope.AREA, methods=("POST",))
def act(request: HeliRequest, tip_id: int, verb: str) -> HttpResponse:
    """One act on a tip."""
    queries.tip_seen(request.actor, tip_id)
    keys: dict[str, Any] = {"tip_id": tip_id, "by": request.actor, "at": timezone.now()}
    if verb == "link":
        return _go(request, tip_id, lambda: steps.put_together(other_id=_other(request), **keys), _("Put together."))
    if verb == "reveal":
        return _reveal(request, tip_id)
    if verb not in ACTS:
        raise NotFound
    kind, run, said = ACTS[verb]
    if kind is None:
        return _go(request, tip_id, lambda: run({}, **keys), said())
    form = kind(request.POST, prefix=PREFIX.get(verb, verb))
    if not form.is_valid():
        return show(request, tip_id, verb=verb, form=form, status=400)
    try:
        run(form.cleaned_data, **keys)
    except NotFound:
        raise
    except HeliError as error:
        field = "text" if error.field == "reason" else error.field
        if field in form.fields:
            form.add_error(field, error.words)
            return show(request, tip_id, verb=verb, form=form, status=error.status)
        return show(request, tip_id, verb=verb, form=form, error=error, status=error.status)
    return _done(request, tip_id, said())


def _go(request: HeliRequest, tip_id: int, run: Callable[[], Any], said: str) -> HttpResponse:
    try:
        run()
    except NotFound:
        raise
    except HeliError as error:
        return show(request, tip_id, error=error, status=error.status)
    return _done(request, tip_id, said)


def _done(request: HeliRequest, tip_id: int, said: str) -> HttpResponse:
    messages.success(request, said)
    response = redirect("oversight:one", tip_id=tip_id)
    response.status_code = 303
    return response


def _reveal(request: HeliRequest, tip_id: int) -> HttpResponse:
    """Name, number and the words as they were typed, this once."""
    form = PurposeForm(request.POST, prefix="reveal")
    if not form.is_valid():
        return show(request, tip_id, verb="reveal", form=form, status=400)
    try:
        shown = steps.reveal(tip_id=tip_id, by=request.actor, at=timezone.now(), purpose=form.cleaned_data["purpose"])
    except NotFound:
        raise
    except HeliError as error:
        form.add_error("purpose", error.words)
        return show(request, tip_id, verb="reveal", form=form, status=error.status)
    return show(request, tip_id, shown=shown)


@page("queue/<int:tip_id>/photos/<uuid:tip_photo>/", name="photo", needs=Cap.HANDLE_TIPS, scope=Scope.AREA)
def photo(request: HeliRequest, tip_id: int, tip_photo: uuid.UUID) -> HttpResponse:
    """A photo of a tip, for those who handle it."""
    return files.serve(queries.photo(request.actor, tip_id, tip_photo), request)
