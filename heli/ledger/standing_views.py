"""Stars and the time bank: one's own pages, the list for everybody, the desk of the area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from heli.core import export, tries
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.ledger import bank_steps
from heli.ledger import standing_queries as queries
from heli.ledger import standing_steps as steps
from heli.ledger.queries import length
from heli.ledger.standing import in_force
from heli.orgs.exports import purpose_of, row_cap
from heli.rulebook.queries import area_names

REVIEW: dict[str, Any] = {"needs": Cap.REVIEW_HOURS, "scope": Scope.AREA}
AWARD_ACTS: Mapping[str, str | Promise] = {
    "put_out": lazy("Put it out for everybody to see"),
    "refuse": lazy("Do not give it"),
    "dismiss": lazy("What is said is not so: it stays out"),
    "uphold": lazy("What is said is right: do not give it"),
    "take_back": lazy("Take the stars back"),
}
SPENDING_ACTS = ("agree", "refuse", "finish", "give_back", "whom")
OWN_AWARD_ACTS = ("withdraw", "answer")


def private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def see_other(name: str, *args: Any, query: str = "") -> HttpResponse:
    return private(HttpResponseRedirect(reverse(f"ledger:{name}", args=args) + query, status=303))


def number(text: str, most: int = 10**9) -> int:
    """A whole number that somebody typed; 0 for anything else."""
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 12 else 0


# Stars of one's own ---------------------------------------------------------------------------------------------------
@page("hours/standing/", name="standing", scope=Scope.SELF)
def standing(request: HeliRequest) -> HttpResponse:
    """Why am I two stars? The rule in force, the entries that count, what is missing to the next. Seven statements."""
    return _standing(request, request.GET.get("area", ""))


def _standing(request: HeliRequest, area: str, error: HeliError | None = None) -> HttpResponse:
    found = queries.mine(request.actor, area, timezone.now())
    context: dict[str, Any] = {"m": found, "wrong": error, "now": timezone.now(), "stars_page": None}
    if found is not None and found.stars is not None:
        rows = [*found.stars.counted, *found.stars.left_out]
        context["stars_page"] = queries.slice_of(rows, request.GET.get("after"))
        context["out"] = {x.id for x in found.stars.left_out}
        context["need"] = [(n, length(x), found.stars.stars >= n) for n, x in enumerate(found.stars.need, start=1)]
        context["sum"], context["missing"] = length(found.stars.minutes), length(found.stars.missing)
        context["awards"] = [(a, queries.CHIP[a.state]) for a in found.awards]
    response = render(request, "ledger/standing/mine.html", context, status=error.status if error else 200)
    return private(response)


@page("hours/standing/ask/", name="star_ask", scope=Scope.SELF, methods=("POST",))
def star_ask(request: HeliRequest) -> HttpResponse:
    """Ask for stars; whether one's masked name may stand on the list."""
    area = request.POST.get("area", "")
    try:
        if area not in queries.counties(request.actor.user_id or 0):
            raise NotFound
        steps.ask(
            area_path=area, stars=number(request.POST.get("stars", "")), shown=request.POST.get("shown") == "1",
            by=request.actor, at=timezone.now(),
        )  # fmt: skip
    except NotFound:
        raise
    except HeliError as error:
        return _standing(request, area, error)
    messages.success(request, _("Asked for. Somebody of the area looks at it, then it is put out for some days."))
    return see_other("standing", query=f"?area={area}")


@page("hours/standing/<int:award_id>/<str:own_award_act>/", name="own_award", scope=Scope.SELF, methods=("POST",))
def own_award(request: HeliRequest, award_id: int, own_award_act: str) -> HttpResponse:
    """Take it back, or answer what somebody said against it."""
    who: dict[str, Any] = {"award_id": award_id, "by": request.actor, "at": timezone.now()}
    try:
        if own_award_act == "withdraw":
            done = steps.withdraw(**who)
        elif own_award_act == "answer":
            done = steps.answer(**who, text=request.POST.get("text", ""))
        else:
            raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return _standing(request, "", error)
    messages.success(request, _("Kept."))
    return see_other("standing", query=f"?area={done.area_path}")


# The time bank of one's own -------------------------------------------------------------------------------------------
@page("hours/bank/", name="bank", scope=Scope.SELF, methods=("GET", "POST"))
def bank(request: HeliRequest) -> HttpResponse:
    """Each line with its source, what lies there, and asking to spend some of it. Seven statements."""
    asked = request.POST if request.method == "POST" else request.GET
    area, error = asked.get("area", ""), None
    found = queries.mine(request.actor, area, timezone.now(), banking=True)
    if request.method == "POST":
        if found is None or found.path != area:
            raise NotFound
        try:
            bank_steps.ask_to_spend(
                area_path=area, minutes=number(asked.get("hours", ""), 1500) * 60, words=asked.get("words", ""),
                whom=asked.get("whom", ""), by=request.actor, at=timezone.now(),
            )  # fmt: skip
            messages.success(request, _("Asked for. Somebody of the area answers here."))
            return see_other("bank", query=f"?area={area}")
        except HeliError as caught:
            error = caught
    context: dict[str, Any] = {"m": found, "wrong": error, "typed": request.POST, "now": timezone.now()}
    if found is not None and found.bank is not None:
        context["lines"] = queries.slice_of(found.bank.lines, request.GET.get("after"))
        figures = ("balance", "stored", "honour", "spent")
        context["figures"] = {k: length(abs(getattr(found.bank, k))) for k in figures}
    if found is not None:
        spent = queries.spendings_of(request.actor, found.path)
        context["spendings"] = [(x, queries.SPENDING_CHIP[x.state], length(x.minutes)) for x in spent]
    return private(render(request, "ledger/standing/bank.html", context, status=error.status if error else 200))


@page("hours/bank/<int:spending_id>/withdraw/", name="spending_withdraw", scope=Scope.SELF, methods=("POST",))
def spending_withdraw(request: HeliRequest, spending_id: int) -> HttpResponse:
    """It is not needed any more."""
    done = bank_steps.withdraw(spending_id=spending_id, by=request.actor, at=timezone.now())
    return see_other("bank", query=f"?area={done.area_path}")


# For everybody --------------------------------------------------------------------------------------------------------
@page("hours/stars/", name="stars", scope=Scope.PUBLIC)
def stars(request: HeliRequest) -> HttpResponse:
    """Who is to be given stars, while anybody may say something against it; the rule. In the order of the last day."""
    now = timezone.now()
    found = queries.put_out(now, after=request.GET.get("after"))
    here = settings.HELI_HOME_AREA
    rows = queries.versions([queries.STARS, queries.PUBLICITY, queries.RATE, queries.CAP], [here])
    day = timezone.localdate(now)
    chosen = [in_force(v, day) for _key, v in sorted(rows.items())]
    context = {"page": found, "rules": [r for r in chosen if r is not None], "now": now}
    return render(request, "ledger/standing/stars.html", context)


@page(
    "hours/stars/<int:award_id>/object/",
    name="star_object",
    scope=Scope.PUBLIC,
    methods=("GET", "POST"),
    limit=Limit(10),
)
def star_object(request: HeliRequest, award_id: int) -> HttpResponse:
    """Say what is not right; no account is needed."""
    award, area = queries.one_put_out(award_id, timezone.now())
    error: HeliError | None = None
    if request.method == "POST":
        try:
            tries.filed(request)
            steps.object_to(award_id=award_id, text=request.POST.get("text", ""), by=request.actor, at=timezone.now())
            messages.success(
                request, _("Thank you. Somebody who did not put it out looks at it before anything is given.")
            )
            return see_other("stars")
        except HeliError as caught:
            error = caught
    context = {"a": award, "area": area, "wrong": error, "text": request.POST.get("text", "")}
    return private(render(request, "ledger/standing/object.html", context, status=error.status if error else 200))


# The desk of the area -------------------------------------------------------------------------------------------------
@page("hours/standing/desk/", name="standing_desk", **REVIEW)
def standing_desk(request: HeliRequest) -> HttpResponse:
    """Stars asked for, put out, spoken against; hours that fell below; hours to spend; accounts below zero."""
    tab = request.GET.get("tab", "")
    return _desk(request, tab if tab in queries.TABS else "asked")


def _desk(
    request: HeliRequest, tab: str, error: HeliError | None = None, opened: tuple[int, str] = (0, "")
) -> HttpResponse:
    now, actor, after = timezone.now(), request.actor, request.GET.get("after")
    context: dict[str, Any] = {
        "tab": tab, "tabs": queries.TABS.items(), "wrong": error, "now": now, "whom": opened[1], "whom_id": opened[0]
    }  # fmt: skip
    if tab == "spending":
        found = queries.spendings(actor, after=after)
        context["page"] = found.map(
            lambda x: (x, queries.SPENDING_CHIP[x.state], length(x.minutes), x.person.user_id == actor.user_id)
        )
    elif tab == "minus":
        rows = queries.minus(actor, now)
        names = area_names({x.area_path for x in rows})
        context["rows"] = [(x, length(-x.minutes), names[x.area_path]) for x in rows]
    else:
        got = queries.awards(actor, tab, after=after)
        names = area_names({a.area_path for a in got.rows})
        context["page"] = got.map(
            lambda a: (a, queries.CHIP[a.state], length(a.now), length(a.need), names[a.area_path])
        )
    return private(render(request, "ledger/standing/desk.html", context, status=error.status if error else 200))


@page("hours/standing/desk/export/", name="standing_export", methods=("POST",), **REVIEW)
def standing_export(request: HeliRequest) -> HttpResponse:
    """One tab as a spreadsheet: names as they are shown, no sums; of hours to spend not for whom."""
    now, tab = timezone.now(), request.GET.get("tab", "")
    cap = row_cap(request.actor, now)
    columns: Any = queries.COLUMNS_OUT
    if tab == "spending":
        rows, columns = queries.spendings(request.actor, size=cap + 1).rows, queries.COLUMNS_SPENDING
    else:
        tab = tab if tab in {*queries.STATES, "below"} else "asked"
        rows = queries.awards(request.actor, tab, size=cap + 1).rows
    purpose = purpose_of(request, "stars", Cap.REVIEW_HOURS, len(rows), now)
    book = export.workbook(str(queries.TABS[tab]), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"stars-{timezone.localdate():%Y%m%d}.xlsx")


@page("hours/standing/desk/<int:award_id>/", name="award", **REVIEW)
def award(request: HeliRequest, award_id: int) -> HttpResponse:
    """One: the entries it stands on, what was said against it, and what its reader may decide."""
    return _award(request, award_id)


def _award(request: HeliRequest, award_id: int, error: HeliError | None = None) -> HttpResponse:
    found = queries.one(request.actor, award_id)
    context = {
        "d": found, "a": found.award, "chip": queries.CHIP[found.award.state], "wrong": error, "now": timezone.now(),
        "acts": [(x, AWARD_ACTS[x]) for x in found.acts], "reason": request.POST.get("reason", ""),
        "page": queries.slice_of(found.stars.counted, request.GET.get("after")),
        "sum": length(found.stars.minutes), "need": length(found.award.need),
    }  # fmt: skip
    return private(render(request, "ledger/standing/award.html", context, status=error.status if error else 200))


@page("hours/standing/desk/<int:award_id>/<str:award_act>/", name="award_act", methods=("POST",), **REVIEW)
def award_act(request: HeliRequest, award_id: int, award_act: str) -> HttpResponse:
    """A decision on stars."""
    queries.one(request.actor, award_id)
    who: dict[str, Any] = {"award_id": award_id, "by": request.actor, "at": timezone.now()}
    reason = request.POST.get("reason", "")
    try:
        match award_act:
            case "put_out":
                steps.put_out(**who)
            case "refuse":
                steps.refuse(**who, reason=reason)
            case "dismiss" | "uphold":
                steps.decide(**who, upheld=award_act == "uphold", reason=reason)
            case "take_back":
                steps.take_back(**who, reason=reason)
            case _:
                raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return _award(request, award_id, error)
    messages.success(request, _("Kept."))
    return see_other("award", award_id)


@page("hours/standing/spending/<int:spending_id>/<str:spending_act>/", name="spending_act", methods=("POST",), **REVIEW)
def spending_act(request: HeliRequest, spending_id: int, spending_act: str) -> HttpResponse:
    """Agree, refuse, done, put back; or read for whom it is."""
    who: dict[str, Any] = {"spending_id": spending_id, "by": request.actor, "at": timezone.now()}
    reason = request.POST.get("reason", "")
    try:
        match spending_act:
            case "agree":
                bank_steps.agree(**who)
            case "refuse":
                bank_steps.refuse(**who, reason=reason)
            case "finish":
                bank_steps.finish(**who)
            case "give_back":
                bank_steps.give_back(**who, reason=reason)
            case "whom":
                return _desk(request, "spending", opened=(spending_id, bank_steps.open_whom(**who, purpose=reason)))
            case _:
                raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return _desk(request, "spending", error)
    messages.success(request, _("Kept."))
    return see_other("standing_desk", query="?tab=spending")


@page("hours/standing/settle/", name="settle", methods=("POST",), **REVIEW)
def settle(request: HeliRequest) -> HttpResponse:
    """An account below zero is brought to zero."""
    try:
        if not number(request.POST.get("person", "")):
            raise Invalid(_("Choose an account."))
        bank_steps.settle(
            person_id=number(request.POST.get("person", "")), area_path=request.POST.get("area", "")[:24],
            reason=request.POST.get("reason", ""), by=request.actor, at=timezone.now(),
        )  # fmt: skip
    except NotFound:
        raise
    except HeliError as error:
        return _desk(request, "minus", error)
    messages.success(request, _("Kept."))
    return see_other("standing_desk", query="?tab=minus")
