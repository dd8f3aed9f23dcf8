"""What the first page shows: for staff what to do next, for everybody else what they can do here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core.actor import Actor
from heli.insight.problem_queries import next_acts as problems_to_name
from heli.insight.queries import home_figures
from heli.ledger.doubt_queries import next_acts as hours_to_look_at
from heli.ledger.standing_queries import next_acts as stars_to_look_at
from heli.loop.queries.acts import next_acts
from heli.notices.queries import newest as newest_notices
from heli.oversight.queries import next_acts as tips_to_look_at
from heli.people import queries as people
from heli.people.steps import change_profile
from heli.places.models import Area
from heli.rulebook import queries as rulebook
from heli.rulebook.errors import RuleMissing
from heli.snaps.queries import next_acts as snaps_to_thank
from heli.suggestions.queries.desk import next_acts as suggestions_to_keep
from heli.volunteering.queries.activity_desk import next_acts as activity_acts
from heli.web.context import url
from heli.web.parts import Station, Words
from heli.wishes.queries.desk import next_acts as wish_acts


@dataclass(frozen=True, slots=True)
class Way:
    """Something else a person can do here, with a page behind it."""

    icon: str
    title: Words
    words: Words
    url: str


def remember(by: Actor, *, language: str | None = None, look: str | None = None) -> None:
    """Keep a choice of language or look with the account, if there is one."""
    if by.user_id is None:
        return
    user = people.own_account(by)
    language = user.language if language is None else language
    look = user.look if look is None else look
    if (user.language, user.look) != (language, look):
        change_profile(
            user_id=user.pk, call_name=user.call_name, language=language, look=look, by=by, at=timezone.now()
        )


class Act(Protocol):
    """What a room says of work that waits; `state` is one of the look's."""

    @property
    def title(self) -> Words: ...
    @property
    def words(self) -> Words: ...
    @property
    def count(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def state(self) -> str: ...


# each room's own answer to "what should this person do next": (actor, now) -> acts
NEXT_ACTS: tuple[Callable[[Actor, dt.datetime], Sequence[Act]], ...] = (
    next_acts,
    wish_acts,
    activity_acts,
    tips_to_look_at,
    suggestions_to_keep,
    problems_to_name,
    snaps_to_thank,
    hours_to_look_at,
    stars_to_look_at,
)
URGENCY = ("late", "soon", "you", "back", "doing", "", "pause", "done")


def arranged(acts: Iterable[Act]) -> tuple[Act | None, list[Act]]:
    """The most urgent act that has something in it, by itself, and the others in the same order; empty ones last."""
    rows = sorted(acts, key=lambda a: (a.count == 0, URGENCY.index(a.state)))
    return (rows[0], rows[1:]) if rows and rows[0].count else (None, rows)


def staff(actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """The acts waiting for this person; the most urgent one first and by itself."""
    first, acts = arranged([act for room in NEXT_ACTS for act in room(actor, now)])
    return {"now": now, "first": first, "acts": acts}


def _stations(now: dt.datetime) -> tuple[list[Station], bool]:
    """The four stations with the limits in force for an ordinary request here; whether the limits are known."""
    wanted = ("clock.dispatch", "clock.reply")
    try:
        found = rulebook.in_force(
            wanted,
            path=settings.HELI_HOME_AREA,
            on=timezone.localtime(now).date(),
            facts={"urgency": "normal", "kind": "help"},
        )
    except RuleMissing:
        found = {}
    within = {key: _("within %(limit)s") % {"limit": row.words} for key, row in found.items()}
    return [
        Station(_("You say it"), "plan", _("no account needed")),
        Station(_("It is sent on"), "plan", within.get("clock.dispatch", "")),
        Station(_("Someone handles it"), "plan", within.get("clock.reply", "")),
        Station(_("You judge it"), "plan", _("not solved: once more")),
    ], bool(found)


def _doors() -> list[Way]:
    """The other doors to the same loop, as large as the first one."""
    doors = (
        Way(
            "camera", _("Snap it"), _("a hazard or a fault in the street: ten seconds, offline too"), url("snaps:snap")
        ),
        Way(
            "users",
            _("Do something"),
            _("volunteer near you, when you can: see where somebody is looked for"),
            url("volunteering:find"),
        ),
        Way("heart", _("Wishes"), _("small wishes of neighbours that you can fulfil"), url("wishes:wall")),
        Way(
            "bulb",
            pgettext("nav", "Suggestions"),
            _("suggest something, second it, see what came of it"),
            url("suggestions:wall"),
        ),
        Way("station", _("Stations"), _("water, a seat, a charger: what is open near you now"), url("sites:map")),
    )
    return [d for d in doors if d.url]


def _ways() -> list[Way]:
    ways = (
        Way("bell", _("Notices"), _("what a policy means for you, in plain words"), url("notices:notices")),
        Way(
            "shield",
            _("Is it genuine?"),
            _("tell us of somebody who collects in the name of charity"),
            url("oversight:tip"),
        ),
        Way(
            "check",
            _("Check a certificate"),
            _("of volunteer hours, by its number or its file: is it genuine, and does it hold today?"),
            url("ledger:verify"),
        ),
        Way(
            "star",
            _("Stars of volunteers"),
            _("who is to be given stars now, what they give, and what is not right with it"),
            url("ledger:stars"),
        ),
        Way("clock", _("See the limits"), _("how long each step may take, and by which rule"), url("rulebook:rules")),
        Way(
            "eye", _("See how it goes here"), _("figures of this area, and what they leave out"), url("insight:public")
        ),
    )
    return [w for w in ways if w.url]


def _figures(now: dt.datetime) -> Any:
    """How the last thirty days went here; nothing where a formula has no rule."""
    try:
        return home_figures(settings.HELI_HOME_AREA, now)
    except RuleMissing:
        return None


def public(now: dt.datetime) -> dict[str, Any]:
    """The public's first page: say it, look it up, how it goes round, what else is here."""
    how, known = _stations(now)
    area = Area.objects.filter(path=settings.HELI_HOME_AREA).first()
    return {
        "place_name": area.name if area else "",
        "submit_url": url("loop:submit"),
        "find_url": url("loop:find"),
        "rules_url": url("rulebook:rules"),
        "how": how,
        "how_note": _("closed only when you say it is solved"),
        "limits_known": known,
        "doors": _doors(),
        "ways": _ways(),
        "notices": newest_notices(timezone.localdate(now)),
        "figures": _figures(now),
    }
