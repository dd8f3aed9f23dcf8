"""Which rules exist: each key's name, the shape of its value, and what its rows may tell apart.

A key that is not listed here cannot be stored, so a typing error in a file or a form never becomes a rule nobody reads.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from heli.core import words
from heli.engines.workdays import UNITS, Calendar, Interval
from heli.rulebook.shape import STARS, STORED, Words
from heli.rulebook.shape import BadValue as BadValue
from heli.rulebook.shape import Shape as Shape
from heli.rulebook.shape import Value as Value
from heli.rulebook.shape import whole as _whole

# Shapes -------------------------------------------------------------------------------------------------------------


def _check_period(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"amount", "unit"} and _whole(value["amount"], 1, 100_000)):
        raise BadValue(_now("a period needs an amount of at least 1 and a unit"))
    if value["unit"] not in UNITS:
        raise BadValue(_now("the unit is one of %(units)s") % {"units": ", ".join(UNITS)})


def say_period(value: Value) -> str:
    """{"amount": 5, "unit": "working_day"} → "5 个工作日"."""
    amount, unit = value["amount"], value["unit"]
    return words.limit(amount * 60, "working_minute") if unit == "working_hour" else words.limit(amount, unit)


def _count(low: int, high: int) -> Callable[[Value], None]:
    def check(value: Value) -> None:
        if not _whole(value, low, high):
            raise BadValue(_now("a whole number from %(low)s to %(high)s") % {"low": low, "high": high})

    return check


def _check_flag(value: Value) -> None:
    if not isinstance(value, bool):
        raise BadValue(_now("true or false"))


def _check_hours(value: Value) -> None:
    try:
        Calendar(hours=hours(value))
    except (ValueError, TypeError, KeyError) as error:
        raise BadValue(_now("opening and closing times in order, such as 08:30 and 12:00")) from error


def hours(value: Value) -> tuple[Interval, ...]:
    """{"periods": [["08:30", "12:00"], …]} as times of day."""
    return tuple((dt.time.fromisoformat(a), dt.time.fromisoformat(b)) for a, b in value["periods"])


def _numbers(*names: str) -> Callable[[Value], None]:
    def check(value: Value) -> None:
        if not (isinstance(value, dict) and value.keys() == set(names) and all(_whole(v, 1) for v in value.values())):
            raise BadValue(_now("whole numbers named %(names)s") % {"names": ", ".join(names)})

    return check


# What a rate may count: rooms above compute these sets, the rule row says which is divided by which.
SETS: Final[Mapping[str, Words]] = {
    "judged": _("judged by the resident"),
    "answered_contacted": _("resident said whether they were contacted"),
    "contacted": _("resident was contacted"),
    "answered_solved": _("resident said whether it is solved"),
    "solved": _("resident said it is solved"),
    "answered_satisfied": _("resident said how satisfied they are"),
    "satisfied": _("satisfied or very satisfied"),
    "replied_on_time": _("replied on time"),
    "replied_or_overdue": _("replied, or open and past the deadline"),
}


def _check_formula(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"count", "of"} and set(value.values()) <= SETS.keys()):
        raise BadValue(_now("what is counted and out of what: %(sets)s") % {"sets": ", ".join(SETS)})


PERIOD = Shape("period", _check_period, say_period, '{"amount": 5, "unit": "working_day"}')
TIMES = Shape("count", _count(0, 1000), lambda v: pgettext("how often", "%(n)s times") % {"n": v}, "2")
MINUTES = Shape("minutes", _count(1, 1440), lambda v: words.limit(v, "minute"), "60")
WEEK_MINUTES = Shape("minutes", _count(1, 10_080), lambda v: words.limit(v, "minute"), "3600")
SPAN = Shape("span", _count(0, 8760), lambda v: words.limit(v, "hour"), "24")
MONTHS = Shape("months", _count(1, 120), lambda v: _now("%(n)s months") % {"n": v}, "12")
METRES = Shape("metres", _count(1, 100_000), lambda v: _now("%(n)s metres") % {"n": words.count(v)}, "1000")
KEPT = Shape("kept", _count(365, 36600), lambda v: words.limit(v, "day"), "3653")
DAYS = Shape("days", _count(1, 3660), lambda v: words.limit(v, "day"), "180")
ROWS = Shape("rows", _count(1, 100_000), lambda v: _now("%(n)s rows") % {"n": words.count(v)}, "5000")
YUAN = Shape("yuan", _count(1, 1_000_000), lambda v: _now("%(n)s yuan") % {"n": words.count(v)}, "1000")
PERCENT = Shape("percent", _count(0, 100), lambda v: f"{v}%", "75")
GROWTH = Shape("growth", _count(1, 1000), lambda v: f"{v}%", "150")
PEOPLE = Shape("people", _count(1, 1000), lambda v: _now("%(n)s people") % {"n": words.count(v)}, "5")
FLAG = Shape("flag", _check_flag, lambda v: str(_("yes") if v else _("no")), "true / false")
HOURS = Shape(
    "hours",
    _check_hours,
    lambda v: pgettext("list", ", ").join("–".join(pair) for pair in v["periods"]),
    '{"periods": [["08:30", "12:00"], ["13:30", "17:30"]]}',
)
NEARBY = Shape(
    "nearby",
    _numbers("metres", "days"),
    lambda v: _now("within %(metres)s metres and %(days)s days") % v,
    '{"metres": 50, "days": 84}',
)
BURST = Shape(
    "burst",
    _numbers("snaps", "minutes"),
    lambda v: _now("more than %(snaps)s within %(minutes)s minutes") % v,
    '{"snaps": 6, "minutes": 30}',
)
SAMPLE = Shape(
    "sample",
    _numbers("percent", "least"),
    lambda v: _now("%(percent)s%%, at least %(least)s") % v,
    '{"percent": 5, "least": 5}',
)


def _check_words(value: Value) -> None:
    if not (
        isinstance(value, list)
        and len(value) <= 200
        and all(isinstance(v, str) and 0 < len(v.strip()) <= 20 for v in value)
    ):
        raise BadValue(_now("a list of words of at most 20 characters"))


WORDS = Shape("words", _check_words, lambda v: pgettext("list", ", ").join(v) or _now("none"), '["补录", "值班"]')


def _figures(said: Words, hint: str, *names: str) -> Shape:
    """Several whole numbers that belong together, said in one sentence."""
    return Shape("figures", _numbers(*names), lambda v: str(said) % v, hint)


def _check_watched(value: Value) -> None:
    if not (isinstance(value, list) and all(isinstance(v, str) and re.fullmatch(r"h\d{1,2}[a-z]?", v) for v in value)):
        raise BadValue(_now("a list of rules of doubt, such as h3"))


WATCHED = Shape(
    "watched", _check_watched, lambda v: pgettext("list", ", ").join(x.upper() for x in v) or _now("none"), '["h3"]'
)
SPEED = _figures(_("faster than %(kmh)s km/h over more than %(km)s km"), '{"kmh": 120, "km": 5}', "kmh", "km")
BY_HAND = _figures(
    _("more than %(percent)s%% of a month's minutes and at least %(records)s records"),
    '{"percent": 20, "records": 10}', "percent", "records",
)  # fmt: skip
CLERK = _figures(
    _("more than %(percent)s%% of the unit's, and more than %(times)s times the middle of its clerks"),
    '{"percent": 50, "times": 3}', "percent", "times",
)  # fmt: skip
WALK_INS = _figures(
    _("more than %(percent)s%% and more than %(people)s people"), '{"percent": 10, "people": 5}', "percent", "people"
)
NOBODY = _figures(
    _("%(percent)s%% or more of at least %(people)s people, looked at over %(days)s days"),
    '{"percent": 80, "people": 10, "days": 180}', "percent", "people", "days",
)  # fmt: skip
BURST_OF_HOURS = _figures(
    _("%(days)s days compared with %(weeks)s weeks; unusual from %(z)s tenths of a robust deviation"),
    '{"z": 35, "days": 14, "weeks": 26}', "z", "days", "weeks",
)  # fmt: skip
PHONES = _figures(
    _("within %(minutes)s minutes, by somebody who used a phone of their own in the last %(days)s days"),
    '{"minutes": 10, "days": 180}', "minutes", "days",
)  # fmt: skip
AFTERWARDS = _figures(
    _("%(percent)s%% or more of at least %(people)s people"), '{"percent": 50, "people": 5}', "percent", "people"
)
HEALTH = _figures(
    _("of the last %(last)s decisions: looked at below %(review)s%%, only watched below %(demote)s%%; from %(least)s on"),
    '{"last": 50, "review": 50, "demote": 30, "least": 10}', "last", "review", "demote", "least",
)  # fmt: skip
POINTS = Shape("points", _count(1, 1000), lambda v: _now("%(n)s points") % {"n": v}, "5")
FORMULA = Shape(
    "formula",
    _check_formula,
    lambda v: _now("%(count)s ÷ %(of)s") % {"count": SETS[v["count"]], "of": SETS[v["of"]]},
    '{"count": "solved", "of": "answered_solved"}',
)

CALLED: Final[Mapping[str, Words]] = {
    "urgent": pgettext_lazy("revisit", "urgent ones"),
    "redo": pgettext_lazy("revisit", "those done anew"),
    "protected": pgettext_lazy("revisit", "protected ones"),
    "complaint": pgettext_lazy("revisit", "complaints"),
}
REACHED_BY: Final[Mapping[str, Words]] = {
    "message": pgettext_lazy("revisit", "message"),
    "phone": pgettext_lazy("revisit", "phone"),
    "visit": pgettext_lazy("revisit", "visit"),
}


def _check_called(value: Value) -> None:
    if not (isinstance(value, list) and set(value) <= CALLED.keys() and len(set(value)) == len(value)):
        raise BadValue(_now("a list of: %(names)s") % {"names": ", ".join(CALLED)})


def _check_reached(value: Value) -> None:
    if not (
        isinstance(value, list)
        and all(isinstance(v, dict) and v.keys() == {"way", "hours"} and _whole(v["hours"], 0, 240) for v in value)
    ):
        raise BadValue(_now("a list of ways, each with the hours it is waited for"))
    ways = [v["way"] for v in value]
    if "phone" not in ways or not set(ways) <= REACHED_BY.keys() or len(set(ways)) != len(ways):
        raise BadValue(_now("each of %(names)s at most once, the phone among them") % {"names": ", ".join(REACHED_BY)})


def _check_week(value: Value) -> None:
    if not (
        isinstance(value, dict)
        and value.keys() == {"weekday", "hour"}
        and _whole(value["weekday"], 1, 7)
        and _whole(value["hour"], 0, 23)
    ):
        raise BadValue(_now("a weekday from 1 (Monday) to 7 and an hour from 0 to 23"))


CASES = Shape(
    "cases",
    _check_called,
    lambda v: pgettext("list", ", ").join(str(CALLED[c]) for c in v) or _now("none"),
    '["urgent", "redo", "protected"]',
)
CHANNELS = Shape(
    "channels",
    _check_reached,
    lambda v: pgettext("list", ", ").join(
        _now("%(way)s after %(n)s hours") % {"way": REACHED_BY[c["way"]], "n": c["hours"]} for c in v
    ),
    '[{"way": "message", "hours": 0}, {"way": "phone", "hours": 2}]',
)
WEEKLY = Shape(
    "weekly",
    _check_week,
    lambda v: _now("weekday %(day)s, %(hour)s:00") % {"day": v["weekday"], "hour": v["hour"]},
    '{"weekday": 1, "hour": 7}',
)

BODY: Final[Mapping[str, Words]] = {  # what a shift asks of a body; volunteering's conditions, by the same names
    "outdoor": pgettext_lazy("condition", "out of doors"),
    "heat": pgettext_lazy("condition", "great heat possible"),
    "night": pgettext_lazy("condition", "evening or night"),
    "heights": pgettext_lazy("condition", "ladders or heights"),
    "lifting": pgettext_lazy("condition", "heavy lifting"),
    "stairs": pgettext_lazy("condition", "climbing stairs"),
    "standing": pgettext_lazy("condition", "long standing"),
    "water": pgettext_lazy("condition", "at the water"),
}


def _check_body(value: Value) -> None:
    if not (isinstance(value, list) and set(value) <= BODY.keys() and len(set(value)) == len(value)):
        raise BadValue(_now("a list of: %(names)s") % {"names": ", ".join(BODY)})


def _check_season(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"months", "periods"} and isinstance(value["months"], list)):
        raise BadValue(_now("months as numbers and hours of the day"))
    if not all(_whole(month, 1, 12) for month in value["months"]):
        raise BadValue(_now("months as numbers and hours of the day"))
    _check_hours({"periods": value["periods"]})


AGE = Shape("age", _count(1, 120), lambda v: _now("%(n)s years") % {"n": v}, "60")
CONDITIONS = Shape(
    "conditions",
    _check_body,
    lambda v: pgettext("list", ", ").join(str(BODY[c]) for c in v) or _now("none"),
    '["night", "heat"]',
)
SEASON = Shape(
    "season",
    _check_season,
    lambda v: (
        _now("months %(months)s, %(hours)s")
        % {"months": pgettext("list", ", ").join(str(m) for m in v["months"]), "hours": HOURS.say(v)}
    ),
    '{"months": [6, 7, 8], "periods": [["11:00", "16:00"]]}',
)

# What rows may tell apart -------------------------------------------------------------------------------------------

FACTS: Final[Mapping[str, Mapping[str, Words]]] = {
    "urgency": {
        "normal": pgettext_lazy("urgency", "normal"),
        "urgent": pgettext_lazy("urgency", "urgent"),
        "emergency": pgettext_lazy("urgency", "emergency"),
    },
    "kind": {
        "help": pgettext_lazy("kind", "asks for help"),
        "complaint": pgettext_lazy("kind", "complaints"),
        "question": pgettext_lazy("kind", "questions"),
        "suggestion": pgettext_lazy("kind", "suggestions"),
        "tip": pgettext_lazy("kind", "tips"),
        "wish": pgettext_lazy("kind", "wishes"),
        "snap": pgettext_lazy("kind", "snaps"),
    },
    "category": {},  # a code of the category tree; a row for "02" also holds for "0201" and "020101"
}
FACT_NAMES: Final[Mapping[str, Words]] = {"urgency": _("urgency"), "kind": _("kind"), "category": _("category")}
_CATEGORY: Final = re.compile(r"(?:\d\d){1,6}")
REQUEST: Final = ("urgency", "kind", "category")


@dataclass(frozen=True, slots=True)
class Key:
    """One rule: what it is called, the shape of its value, which facts its rows may name."""

    key: str
    title: Words
    shape: Shape
    facts: tuple[str, ...] = ()
    public: bool = False  # told on the public page of deadlines


_ALL = (
    Key("activity.ahead", _("Shifts of a series are made this long ahead"), DAYS),
    Key("activity.series_longest", _("Longest series of shifts"), DAYS),
    Key("activity.series_most", _("Most shifts of one series"), TIMES),
    Key("activity.emergency_look", _("Time to look at the plan of an emergency after it was posted"), PERIOD),
    Key("activity.not_service", _("Words that say that something is no volunteer service"), WORDS),
    Key("activity.thin", _("Shifts with too few people are put forward this long before"), DAYS),
    Key("clock.dispatch", _("Time to dispatch"), PERIOD, REQUEST, public=True),
    Key("clock.accept", _("Time for the unit to accept"), PERIOD, REQUEST, public=True),
    Key("clock.contact", _("Time for the first contact"), PERIOD, REQUEST, public=True),
    Key("clock.reply", _("Time to reply"), PERIOD, REQUEST, public=True),
    Key("clock.redo", _("Time to redo"), PERIOD, REQUEST, public=True),
    Key("clock.revisit", _("Time for the revisit call"), PERIOD, REQUEST, public=True),
    Key("clock.review", _("Time for the resident to judge"), PERIOD, REQUEST, public=True),
    Key("extension.max", _("Longest extension"), PERIOD, REQUEST, public=True),
    Key("extension.ask_before", _("An extension is asked this long before the deadline"), PERIOD, REQUEST),
    Key("contact.tries", _("Tries after which nobody can be reached"), TIMES, REQUEST),
    Key("dispatch.take_back", _("Time in which the desk may take a dispatch back"), PERIOD, REQUEST),
    Key("return.window", _("Time to ask for a return"), PERIOD, REQUEST),
    Key("return.limit", _("Returns before a lead is appointed"), TIMES, REQUEST, public=True),
    Key("redo.limit", _("How often a resident may send it back"), TIMES, REQUEST, public=True),
    Key("track.link_days", _("How long the link to follow a request works"), DAYS),
    Key("ladder.remind_before", _("Share of the time used when the unit is reminded"), PERCENT, REQUEST),
    Key("ladder.urge_after", _("Urging this long after the deadline"), PERIOD, REQUEST),
    Key("ladder.supervise_after", _("Supervision this long after urging"), PERIOD, REQUEST),
    Key("reply.needs_review", _("The unit's lead approves the reply"), FLAG, REQUEST),
    Key("revisit.sample", _("Share of closed requests that get a revisit call"), PERCENT, REQUEST),
    Key("revisit.always", _("Requests that always get a revisit call"), CASES),
    Key("revisit.channels", _("How residents are reached for a revisit, in this order"), CHANNELS, REQUEST),
    Key("revisit.attempts", _("Tries before a revisit is given up"), TIMES, REQUEST),
    Key("revisit.spacing", _("Time between two tries"), PERIOD, REQUEST),
    Key("revisit.hours", _("Hours in which a resident may be called"), HOURS),
    Key("revisit.lease", _("How long a caller keeps a call to themselves"), PERIOD),
    Key("revisit.recheck", _("Share of revisit calls that a second caller asks again"), PERCENT),
    Key("ladder.propose_after", _("A supervision order is proposed this long after supervision"), PERIOD, REQUEST),
    Key("order.reply", _("Time to report on a supervision order"), PERIOD, ("urgency",)),
    Key("order.digest", _("When the weekly digest is made"), WEEKLY),
    Key("merge.window", _("Requests near enough to be the same matter"), NEARBY, ("category",)),
    Key("duty.push_down", _("A department's matter may be sent down to a community"), FLAG, ("category",)),
    Key("rates.formula.response", _("Response rate"), FORMULA),
    Key("rates.formula.resolution", _("Resolution rate"), FORMULA),
    Key("rates.formula.satisfaction", _("Satisfaction rate"), FORMULA),
    Key("rates.formula.on_time", _("On-time rate"), FORMULA),
    Key("snap.thanks", _("Points of thanks for a snap that proved true"), POINTS, ("category",), public=True),
    Key("snap.daily_cap", _("Most points of thanks for the snaps of one day"), POINTS, public=True),
    Key("snap.same", _("Snaps of one person so near and so soon are the same; thanks wait for a person"), NEARBY),
    Key("snap.burst", _("So many snaps of one person; thanks wait for a person"), BURST),
    Key("snap.photo_days", _("How long the fingerprint of a snap's photo is kept"), DAYS),
    Key("site.ratings_shown", _("Ratings at least before those of a place are shown"), PEOPLE),
    Key("site.ratings_months", _("How long a rating of a place counts"), MONTHS),
    Key("site.closes_soon", _("A place closes soon when this is left"), MINUTES),
    Key("site.near", _("Places within so much of the way count as equally near: open ones come first"), METRES),
    Key("site.book_lead", _("Something of a place is booked so long before, where the place says nothing else"), SPAN),
    Key("site.book_longest", _("Longest booking of something of a place, where the place says nothing else"), SPAN),
    Key("site.book_ahead", _("How far ahead something of a place can be booked"), DAYS),
    Key("site.book_most", _("Bookings ahead of one account at most"), TIMES),
    Key("notice.second_person", _("A second person publishes a notice"), FLAG),
    Key("export.row_cap", _("Most rows in one export"), ROWS),
    Key("api.token", _("Longest life of a token for another system"), DAYS),
    Key("suggestion.read", _("Time for the keeper to read a suggestion before it is public"), PERIOD),
    Key("suggestion.report", _("A unit says at least this often how an adopted measure goes"), PERIOD),
    Key("tip.look", _("Time to look at a tip on an impostor"), PERIOD),
    Key("tip.keep", _("How long an ended tip is kept"), DAYS),
    Key("wish.expiry", _("How long a wish waits on the wall"), DAYS),
    Key("wish.money_limit", _("Most that a wish may ask for in money"), YUAN),
    Key("wish.deliver_within", _("Time to deliver what was pledged for a wish"), DAYS),
    Key("wish.release_after", _("A pledge not delivered falls away this long after its day"), DAYS),
    Key("wish.rise", _("A wish nobody has taken on is put forward after this long"), DAYS),
    Key("problem.window", _("Days over which people are counted for a standing problem"), DAYS),
    Key("problem.baseline", _("Days before, with which they are compared"), DAYS),
    Key("problem.min_count", _("People at least before something may be a standing problem"), PEOPLE),
    Key("problem.surprise", _("More than usual when chance would do it at most once in so many times"), TIMES),
    Key("problem.recurring", _("Windows of thirteen in which it came back"), TIMES),
    Key("problem.again", _("A dismissed candidate comes back at this share of its people"), GROWTH),
    Key("problem.relapse", _("A closed problem relapsed at this share of the people of its baseline"), GROWTH),
    Key("problem.relapse_days", _("Days over which a closed problem is watched for people anew"), DAYS),
    Key("text.sure", _("A proposal of the reader is called sure when so many of its kind were right"), PERCENT),
    Key("text.auto", _("What the reader is sure of is sent on without anybody looking first"), FLAG, ("category",)),
    Key("text.auto.precision", _("So many of those sent on by the rule must have been right"), PERCENT),
    Key("text.auto.sample", _("How many of a day's sent on by the rule a person looks at"), SAMPLE),
    Key("text.auto.window", _("Over how many that a person looked at this is counted"), TIMES),
    Key("text.auto.unseen", _("Nothing is sent on by the rule when its samples were not looked at for so long"), DAYS),
    Key("text.memory", _("After so long what was learned from a request weighs half"), DAYS),
    Key("text.twins", _("How far back a request is compared with others"), DAYS),
    Key("text.hot.people", _("So many people must tell of one event before it is on the hot list"), PEOPLE),
    Key("text.hot.half", _("After so long somebody who told of an event counts half in its heat"), DAYS),
    Key("text.place.days", _("How far back names of places are learned from requests"), DAYS),
    Key("text.place.least", _("People who must have used the name of a place before it is proposed"), PEOPLE),
    Key("text.place.share", _("Share of them in one community before the name is said to lie there"), PERCENT),
    Key("ledger.record_within", _("Time to record hours of service after the activity ends"), PERIOD, public=True),
    Key("ledger.tolerance", _("Hours may be longer than between check-in and check-out by this much"), MINUTES),
    Key("ledger.over_planned", _("Longest hours as a share of what was planned"), GROWTH),
    Key("ledger.day_hold", _("More than this in one day is looked at by a second person"), MINUTES),
    Key("ledger.keep", _("How long hours are kept with the person's name after the account was closed"), KEPT),
    Key("ledger.checkpoint", _("The log of hours is signed anew this long after a change"), MINUTES),
    Key("ledger.checkpoint_least", _("The log of hours is signed at least this often"), MINUTES),
    Key("ledger.week_hold", _("More than this in seven days is looked at by a second person"), WEEK_MINUTES),
    Key("ledger.h3.speed", _("From one place to the next faster than anybody travels"), SPEED),
    Key("ledger.h5.by_hand", _("Share of hours entered afterwards by the office itself"), BY_HAND),
    Key("ledger.h6.clerk", _("One person enters most of a unit's hours by hand"), CLERK),
    Key("ledger.h7.walk_ins", _("People nobody had enrolled, without a check-in of their own"), WALK_INS),
    Key("ledger.h8.device", _("People who checked in on one phone in one shift"), PEOPLE),
    Key("ledger.h10.nobody", _("A shift of people nobody has seen before, without a check-in"), NOBODY),
    Key("ledger.h11.burst", _("Far more hours of a unit than usual"), BURST_OF_HOURS),
    Key("ledger.h12.back_office", _("Hours without enrolment before and check-in need a second person"), FLAG),
    Key("ledger.h13.phones", _("Checked in on somebody else's phone"), PHONES),
    Key("ledger.h14.afterwards", _("A shift most of whose people were written down after it began"), AFTERWARDS),
    Key("ledger.h15.late", _("Hours without a check-in are recorded this long after they were served"), DAYS),
    Key("ledger.watch_only", _("Rules of doubt that hold nothing back for the time being"), WATCHED),
    Key("ledger.doubt_within", _("Time to decide on a doubt about hours"), PERIOD, public=True),
    Key("ledger.dispute_within", _("Time to answer who says their hours are wrong"), PERIOD, public=True),
    Key("ledger.doubt_health", _("When a rule of doubt is wrong too often"), HEALTH),
    Key("ledger.spared", _("How long at most a rule of doubt is left out for somebody"), DAYS),
    Key("ledger.stars", _("Hours of service for a star"), STARS, public=True),
    Key("ledger.stars.publicity", _("Stars are put out for everybody to see for this long"), PERIOD, public=True),
    Key("ledger.timebank.rate", _("What an approved hour stores in the time bank"), STORED, public=True),
    Key("ledger.timebank.cap", _("Most that one person stores in the time bank"), SPAN, public=True),
    Key("ledger.perk.code", _("How long the code for a perk holds"), DAYS),
    Key("volunteering.offer", _("How long a place that became free is offered to the next in line"), SPAN, public=True),
    Key(
        "volunteering.newcomers",
        _("Places kept for newcomers are given to all this long before a shift"),
        SPAN,
        public=True,
    ),
    Key("volunteering.notice", _("Who cannot come says so this long before"), SPAN, public=True),
    Key("volunteering.check_in.early", _("How long before a shift somebody can be checked in"), MINUTES),
    Key("volunteering.check_in.late", _("How long after a shift somebody can be checked out"), MINUTES),
    Key("volunteering.age.separate", _("Below this age a guardian's separate consent is needed"), AGE),
    Key("volunteering.age.adult", _("Below this age a guardian's consent is needed"), AGE),
    Key("volunteering.record_check", _("How long a check of records counts for work with minors"), DAYS),
    Key("volunteering.ends_soon", _("A check or consent that ends within this time is on the keepers' list"), DAYS),
    Key("volunteering.health", _("How long somebody's own statement of health counts"), DAYS),
    Key("volunteering.health.for", _("Such shifts ask for a statement of health"), CONDITIONS),
    Key("volunteering.insurance.for", _("Such shifts ask for accident insurance"), CONDITIONS),
    Key("volunteering.day", _("Hours of the day; what lies outside them is evening or night"), HOURS),
    Key("volunteering.heat", _("Out of doors in these months and hours great heat is possible"), SEASON),
    Key("volunteering.silver.age", _("From this age somebody is a silver-age volunteer"), AGE),
    Key("volunteering.silver.longest", _("Longest shift of a silver-age volunteer"), MINUTES),
    Key("volunteering.silver.spared", _("Such shifts are not for silver-age volunteers"), CONDITIONS),
    Key("work.hours", _("Office hours"), HOURS),
)
KEYS: Final[Mapping[str, Key]] = {k.key: k for k in _ALL}


def title(key: str) -> str:
    """The rule's name in the reader's language; the key itself when it is not known any more."""
    return str(KEYS[key].title) if key in KEYS else key


def say(key: str, value: Value) -> str:
    """A rule's value in the reader's language."""
    return KEYS[key].shape.say(value) if key in KEYS else str(value)


def say_facts(applies_to: Mapping[str, str]) -> str:
    """Which cases a row is for: "紧急、投诉"; "所有事项" when it names none."""
    if not applies_to:
        return _now("everything")
    said = [
        str(FACTS[name].get(value) or f"{FACT_NAMES[name]} {value}") if name in FACTS else f"{name} {value}"
        for name, value in sorted(applies_to.items(), key=lambda item: (*REQUEST, item[0]).index(item[0]))
    ]
    return pgettext("list", ", ").join(said)


def check(key: str, applies_to: Mapping[str, Any], value: Value) -> None:
    """BadValue unless the key exists, its rows may tell these facts apart, and the value has its shape."""
    if key not in KEYS:
        raise BadValue(_now("there is no rule called “%(key)s”") % {"key": key})
    for fact, said in applies_to.items():
        if fact not in KEYS[key].facts:
            raise BadValue(_now("rows of this rule cannot depend on “%(fact)s”") % {"fact": fact})
        known = _CATEGORY.fullmatch(said) if fact == "category" and isinstance(said, str) else said in FACTS[fact]
        if not known:
            raise BadValue(_now("“%(value)s” is not a known %(fact)s") % {"value": said, "fact": FACT_NAMES[fact]})
    KEYS[key].shape.check(value)


def matches(applies_to: Mapping[str, str], facts: Mapping[str, str]) -> bool:
    """Whether a row is for a case: every fact it names is the case's; a category also holds for those below it."""
    return all(
        facts.get(name, "").startswith(value) if name == "category" else facts.get(name) == value
        for name, value in applies_to.items()
    )


def weight(applies_to: Mapping[str, str]) -> tuple[int, int]:
    """How specific a row is: the number of facts it names, then the depth of its category."""
    return len(applies_to), len(applies_to.get("category", ""))


def tie(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    """Whether two different rows could be equally specific for one and the same case."""
    if a == b or weight(a) != weight(b):
        return False
    return all(a[name] == b[name] for name in a.keys() & b.keys())
