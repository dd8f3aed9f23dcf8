"""For the units that look in at homes, and for organisations that give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import export
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.clocks import local_day
from heli.loop.forms.public import new_key
from heli.loop.views.counter import roots_of
from heli.loop.views.public import place_context, private
from heli.rulebook import queries as rulebook
from heli.wishes import forms, steps
from heli.wishes.models import Gift, Wish
from heli.wishes.queries import desk as desks
from heli.wishes.queries import wall as walls
from heli.wishes.views.public import say_delivered, see_other

Words = str | Promise
WORKER = (Cap.POST_WISHES, Cap.PLEDGE)
EXPORT_CAP = "export.row_cap"


# The desk -------------------------------------------------------------------------------------------------------------
@page("desk/", name="desk", needs=WORKER, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """What to do next first; then all wishes in sight. Who only pledges sees what they promised and what waits."""
    now, f = timezone.now(), desks.Filters.read(request.GET)
    worker = Cap.POST_WISHES in request.actor.caps
    context: dict[str, Any] = {"now": now, "f": f, "worker": worker, "query": request.GET.urlencode()}
    if worker:
        counts = desks.counts(request.actor, now)
        waiting = [{"key": k, "group": g, "count": counts[k]} for k, g in desks.GROUPS.items() if counts[k]]
        context |= {
            "waiting": waiting,
            "group": desks.GROUPS.get(f.do),
            "visits": list(desks.to_visit(request.actor).order_by("heard_at")[:50]) if f.do == "visit" else [],
            "page": desks.desk(request.actor, f, now, after=request.GET.get("after")) if f.do != "visit" else None,
            "states": [(k, said) for k, (said, _states) in desks.STATES.items()],
            "gifts": Gift.choices,
            "narrowed": bool(f.kept()),
        }
    if Cap.PLEDGE in request.actor.caps:
        context |= {
            "mine": walls.mine(request.actor, now, size=12, due=True),
            "open": walls.wall(walls.Filters(), now, size=8),
        }
    return render(request, "wishes/desk.html", context)


@page("desk/export/", name="export", needs=Cap.POST_WISHES, scope=Scope.AREA, methods=("POST",))
def export_list(request: HeliRequest) -> HttpResponse:
    """The list of one's own units as it is narrowed, as a spreadsheet for a stated purpose; nobody's identity in it."""
    now, f = timezone.now(), desks.Filters.read(request.GET)
    units = desks.units_of(request.actor)
    path = next(iter(request.actor.paths(Cap.POST_WISHES)), "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    found = desks.found(request.actor, f, now).filter(unit__in=units).order_by("-id")[: most + 1]
    rows = [desks.row(plain(w), True) for w in found]
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="wishes", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path,
        org_id=units[0] if units else None, cap=Cap.POST_WISHES,
    )  # fmt: skip
    notes = [purpose, _("No personal data is in this file. It was recorded that it was made.")]
    book = export.workbook(_("Wishes"), desks.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"wishes-{local_day(now):%Y%m%d}.xlsx")


def plain(wish: Any) -> Any:
    """A wish of a file: its next act is not asked for."""
    wish.asks = wish.late = False
    return wish


# Posting for a resident -----------------------------------------------------------------------------------------------
def units(actor: Actor) -> list[tuple[int, str]]:
    return [(o.pk, o.short_name) for o in desks.organisations(actor, Cap.POST_WISHES)]


@page("desk/new/", name="post", needs=Cap.POST_WISHES, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def post(request: HeliRequest) -> HttpResponse:
    """Everything on one page: who and where, what was seen, what the wall says, and whether they agree."""
    now = timezone.now()
    if request.method != "POST":
        roots = roots_of(request.actor)
        only = roots[0] if len(roots) == 1 and len(roots[0]) >= 12 else ""
        first = {"form_key": new_key(), "visited_on": local_day(now), "gift": Gift.GOODS}
        return post_page(request, forms.PostForm(units=units(request.actor), initial=first), {"area": only})
    values = request.POST.dict()
    if values.get("go") != "send":
        return post_page(request, forms.PostForm(units=units(request.actor), initial=values), values)
    form, status = forms.PostForm(request.POST, units=units(request.actor)), 400
    if form.is_valid() and not form.cleaned_data["area"]:
        form.add_error("area", _("Choose the street and community."))
    if form.is_valid():
        data = form.cleaned_data
        try:
            wish = steps.post(
                by=request.actor, at=now, unit_id=data["unit"], area_path=data["area"], text=data["text"],
                name=data["name"], phone=data["phone"], spot=data["spot"], consent=data["consent"],
                form_key=data["form_key"], **form.home(),
            )  # fmt: skip
            said = _("It is on the wall.") if data["consent"] else _("Kept. It goes on the wall when they agree.")
            messages.success(request, said)
            return private(see_other("wishes:one", wish.pk))
        except AlreadyDone:
            before = Wish.objects.visible_to(request.actor).filter(request__form_key=data["form_key"]).first()
            if before is not None:
                return private(see_other("wishes:one", before.pk))
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
    return post_page(request, form, values, status)


def post_page(request: HeliRequest, form: forms.PostForm, values: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "values": values,
        "one_unit": len(form.fields["unit"].choices) == 1,  # type: ignore[attr-defined]
        **place_context(values, roots_of(request.actor), reverse("loop:hear_place")),
    }
    return private(render(request, "wishes/post.html", context, status=status))


# The home check of a wish that came by the desk -----------------------------------------------------------------------
@page("r/<str:code>/", name="at_home", needs=Cap.POST_WISHES, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def at_home(request: HeliRequest, code: str) -> HttpResponse:
    """Look in at the home of a wish the unit holds; where somebody did, on to the wish."""
    now = timezone.now()
    asked, wish = desks.of_request(request.actor, code)
    if wish is not None:
        return see_other("wishes:one", wish.pk)
    form, status = forms.CheckForm(initial={"visited_on": local_day(now), "gift": Gift.GOODS}), 200
    if request.method == "POST":
        form, status = forms.CheckForm(request.POST), 400
        if form.is_valid():
            try:
                agreed = form.cleaned_data["consent"]
                made = steps.look_in(request_id=asked.pk, by=request.actor, at=now, consent=agreed, **form.home())
                return private(see_other("wishes:one", made.pk))
            except HeliError as error:
                form.put(error)
                status = error.status
    return private(render(request, "wishes/check.html", {"asked": asked, "form": form}, status=status))


# One wish -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Act:
    """Something the worker can do with a wish or a pledge: its form and its step."""

    title: Words
    note: Words
    button: Words
    form: Callable[..., forms.Explained]
    do: Callable[..., Any]
    states: tuple[str, ...]


NOT_SHOWN = ("checked", "withdrawn")
ACTS: dict[str, Act] = {
    "publish": Act(
        gettext_lazy("Put on the wall"), gettext_lazy("Ask the resident first; without their word it is not shown."),
        gettext_lazy("Put it on the wall"), forms.PublishForm, steps.publish, NOT_SHOWN,
    ),
    "change": Act(
        gettext_lazy("Word it better"), gettext_lazy("What was seen, and what the wall says."),
        gettext_lazy("Keep this wording"), forms.HomeForm, steps.change, NOT_SHOWN,
    ),
    "extend": Act(
        gettext_lazy("Let it wait longer"), gettext_lazy("Say why; then tell somebody who could help."),
        gettext_lazy("Let it wait"), forms.ExtendForm, steps.extend, ("open", "expired"),
    ),
    "settle": Act(
        gettext_lazy("What is promised is enough"), gettext_lazy("The resident says so; the rest is not asked for."),
        gettext_lazy("It is enough"), forms.ReasonForm, steps.settle, ("open", "expired"),
    ),
    "turn": Act(
        gettext_lazy("Help in another way"),
        gettext_lazy("It becomes an ordinary request for help; code and link stay, promises fall away."),
        gettext_lazy("Make it a request for help"), forms.ReasonForm, steps.turn, ("open", "expired", "pledged", *NOT_SHOWN),
    ),
    "close": Act(
        gettext_lazy("End it with an honest reply"), gettext_lazy("The resident reads it and judges."),
        gettext_lazy("Send the reply"), forms.ReplyForm, steps.close, ("open", "expired", "pledged", *NOT_SHOWN),
    ),
    "withdraw": Act(
        gettext_lazy("Take it off the wall"), gettext_lazy("The resident does not want it shown any more."),
        gettext_lazy("Take it off"), forms.ReasonForm, steps.withdraw,
        ("open", "expired", "pledged", "delivered", "fulfilled"),
    ),
    "thank": Act(
        gettext_lazy("Thanks from the resident"), gettext_lazy("Only what they let the givers read."),
        gettext_lazy("Let the givers read it"), forms.ThanksForm, steps.let_read, ("delivered", "fulfilled"),
    ),
}  # fmt: skip
PLEDGE_ACTS: dict[str, Act] = {
    "receive": Act(
        gettext_lazy("It came"), gettext_lazy("The resident's word: they have it, and it is what was promised."),
        pgettext_lazy("button", "It came"), forms.ReceiveForm, steps.receive, ("delivered",),
    ),
    "missing": Act(
        gettext_lazy("It has not come"), gettext_lazy("The giver is told, and delivers."),
        gettext_lazy("Tell the giver"), forms.ReasonForm, steps.missing, ("delivered",),
    ),
    "deliver": Act(
        gettext_lazy("The giver told me it is delivered"), gettext_lazy("You write it down for them."),
        gettext_lazy("Write it down"), forms.DeliverForm, steps.deliver, ("promised",),
    ),
    "release": Act(
        gettext_lazy("Release the promise"), gettext_lazy("Others can take it on; the giver is told."),
        pgettext_lazy("button", "Release it"), forms.ReasonForm, steps.release, ("promised", "delivered"),
    ),
    "reveal": Act(
        gettext_lazy("See the giver's number"), gettext_lazy("It is written down that you read it, and what for."),
        gettext_lazy("Show the number"), forms.PurposeForm, steps.reveal, ("promised", "delivered", "received"),
    ),
}  # fmt: skip


def first_values(verb: str, wish: Wish, today: dt.date) -> dict[str, Any]:
    if verb == "change":
        names = ("seen", "title", "words", "gift", "needed", "measure", "keeper")
        return {"visited_on": today} | {n: getattr(wish, n) for n in names}
    days = {"extend": {"until": today + dt.timedelta(days=10)}, "deliver": {"delivered_on": today}}
    return days.get(verb, {"words": wish.thanks} if verb == "thank" else {})


def made(act: Act, verb: str, *args: Any, wish: Wish, **kwargs: Any) -> forms.Explained:
    more = {"money": wish.gift == Gift.MONEY} if verb == "deliver" else {}
    return act.form(*args, **kwargs, **more)


@page("desk/<int:wish_id>/", name="one", needs=Cap.POST_WISHES, scope=Scope.OWN_UNIT)
def one(request: HeliRequest, wish_id: int) -> HttpResponse:
    """One wish for its unit: what to do now, the promises, what the wall says, what was seen."""
    return one_page(request, desks.one(request.actor, wish_id))


@page("desk/<int:wish_id>/<slug:verb>/", name="act", needs=Cap.POST_WISHES, scope=Scope.OWN_UNIT, methods=("POST",))
def act(request: HeliRequest, wish_id: int, verb: str) -> HttpResponse:
    """One act on the wish; with a mistake the page comes back with what was typed."""
    wish = desks.one(request.actor, wish_id)
    if verb not in ACTS:
        raise NotFound
    form = made(ACTS[verb], verb, request.POST, wish=wish)
    status = 400
    if form.is_valid():
        told = form.home() if isinstance(form, forms.HomeForm) else form.cleaned_data
        try:
            ACTS[verb].do(wish_id=wish_id, by=request.actor, at=timezone.now(), **told)
            return HttpResponseRedirect(reverse("wishes:one", args=[wish_id]), status=303)
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
            wish = desks.one(request.actor, wish_id)
    return one_page(request, wish, typed=(0, verb, form), status=status)


@page(
    "pledges/<int:pledge_id>/<slug:verb>/", name="pledge_act", needs=Cap.POST_WISHES, scope=Scope.OWN_UNIT,
    methods=("POST",),
)  # fmt: skip
def pledge_act(request: HeliRequest, pledge_id: int, verb: str) -> HttpResponse:
    """One act on a promise."""
    wish = desks.of_pledge(request.actor, pledge_id)
    if verb not in PLEDGE_ACTS:
        raise NotFound
    now, status = timezone.now(), 400
    form = made(PLEDGE_ACTS[verb], verb, request.POST, request.FILES, wish=wish)
    if form.is_valid():
        try:
            if verb == "deliver":
                say_delivered(request.actor, pledge_id, form, now)
            else:
                shown = PLEDGE_ACTS[verb].do(pledge_id=pledge_id, by=request.actor, at=now, **form.cleaned_data)
                if verb == "reveal":
                    return one_page(request, wish, revealed=(pledge_id, shown))
            return HttpResponseRedirect(reverse("wishes:one", args=[wish.pk]), status=303)
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
            wish = desks.one(request.actor, wish.pk)
    return one_page(request, wish, typed=(pledge_id, verb, form), status=status)


def one_page(
    request: HeliRequest,
    wish: Wish,
    *,
    typed: tuple[int, str, forms.Explained] | None = None,
    revealed: tuple[int, dict[str, str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, with a form as it was typed when something is wrong with it."""
    now = timezone.now()
    today, ours = local_day(now), wish.unit_id in desks.units_of(request.actor)
    of, wrong_verb, wrong_form = typed or (-1, "", None)

    def folded(acts: dict[str, Act], state: str, pk: int, where: Callable[[str], str]) -> list[dict[str, Any]]:
        rows = []
        for verb, one in acts.items():
            open_ = wrong_form is not None and (pk, verb) == (of, wrong_verb)
            if not ours or not (state in one.states or open_):
                continue
            if verb == "settle" and not wish.taken and not open_:
                continue
            if verb == "withdraw" and wish.consent_at is None and not open_:
                continue
            fresh = made(one, verb, wish=wish, initial=first_values(verb, wish, today))
            due = verb == "receive" or (verb == "publish" and wish.state == "checked" and wish.lap == 1)
            form = wrong_form if open_ else fresh
            rows.append({"verb": verb, "act": one, "form": form, "open": open_ or due, "url": where(verb)})
        return rows

    pledges = desks.pledges_of(wish, now)
    context = {
        "wish": wish,
        "w": walls.card(wish, now, desks.rise_of(request.actor, now)),
        "ours": ours,
        "acts": folded(ACTS, wish.state, 0, lambda v: reverse("wishes:act", args=[wish.pk, v])),
        "pledges": [
            {
                "m": m,
                "now": m.pledge.lap == wish.lap,
                "revealed": revealed[1] if revealed and revealed[0] == m.pledge.pk else None,
                "acts": folded(
                    PLEDGE_ACTS,
                    m.pledge.state if m.pledge.lap == wish.lap else "",
                    m.pledge.pk,
                    lambda v, pk=m.pledge.pk: reverse("wishes:pledge_act", args=[pk, v]),  # type: ignore[misc]
                ),
            }
            for m in pledges
        ],
        "next": next_of(wish, pledges, walls.card(wish, now, 0).days),
        "now": now,
        "public_url": f"{settings.HELI_PUBLIC_URL}{reverse('wishes:wish', args=[wish.pk])}",
        "on_wall": Wish.objects.on_wall().filter(pk=wish.pk).exists(),
    }
    return private(render(request, "wishes/one.html", context, status=status))


def next_of(wish: Wish, pledges: list[walls.Mine], days: int) -> tuple[Words, Words, str]:
    """What to do now: title, one sentence, state of the look."""
    here = [m for m in pledges if m.pledge.lap == wish.lap]
    if any(m.pledge.state == "delivered" for m in here) and wish.state in {"open", "pledged", "expired"}:
        return _("Ask the resident whether it came"), _("Go there or call; then write down their word below."), "you"
    if any(m.late for m in here):
        return _("Call the giver: the promised day is over"), _("See the number below, or release the promise."), "late"
    said: dict[str, tuple[Words, Words, str]] = {
        "checked": (_("Ask whether they agree, then put it on the wall"), "", "doing"),
        "open": (
            _("It waits for somebody"),
            _("For %(n)s days. Tell a shop, a team, a party branch.") % {"n": days},
            "",
        ),
        "pledged": (_("All of it is promised"), _("The givers deliver; you hear of it here."), "doing"),
        "expired": (
            _("Its time on the wall is over: decide"),
            _("Let it wait longer, help in another way, or end it with an honest reply."),
            "soon",
        ),
        "delivered": (
            _("All of it came; the resident judges"),
            _("A colleague who did not handle it may ask them."),
            "you",
        ),
        "fulfilled": (
            _("Fulfilled, by the resident's word"),
            _("Ask whether the givers may read a word of thanks."),
            "done",
        ),
        "withdrawn": (_("Off the wall"), _("Help in another way, or put it back when they agree."), "pause"),
        "turned": (_("It goes on as a request for help"), _("See its request."), "back"),
        "closed": (_("Ended with a reply"), wish.end_reason, "pause"),
    }
    if wish.state == "checked" and wish.lap > 1:
        return (
            _("The resident says: not what I wished for"),
            _("Look in again, word what is still missing, and put it back on the wall."),
            "late",
        )
    return said[wish.state]
