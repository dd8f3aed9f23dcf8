"""What anybody may read by Open311: services, and how requests go.

Only what concerns neighbours alike stands in the list (streets, lamps, pipes: the matters of loop.queries.public), told
by somebody whom the unit may know, neither complaint nor tip nor wish; its matter, its community, where it stands. Never
a word that somebody wrote, never an exact point. Who has a code may ask of that one what the page for a code shows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.api.errors import NoService
from heli.api.open311.answers import moment
from heli.core.models import Event
from heli.core.scope import within
from heli.loop.models import Category, Clock, ClockKind, Confidentiality, Kind, Request
from heli.loop.queries.public import OWN_MATTERS, SHARED_MATTERS
from heli.loop.states import OPEN
from heli.places.models import Area

Words = str | Promise
ANYTHING = "0"  # the service of whoever does not know what it is: the desk decides
COUNTY = 3  # level
MOST = 1_000  # of one page, as the specification has it
DEEPEST = 10_000  # requests that pages reach
SPAN = dt.timedelta(days=90)
POINT = Decimal("0.001")  # about a hundred metres
IS_OPEN = (*OPEN, "replied")  # answered is not over: the resident has not judged
IS_CLOSED = ("closed", "lapsed", "declined")
NOTES: dict[str, Words] = {
    "heard": gettext_lazy("Received; waits to be sent to a unit."),
    "dispatched": gettext_lazy("Sent to %(unit)s, which has not accepted it yet."),
    "handling": gettext_lazy("%(unit)s is working on it."),
    "split": gettext_lazy("Several units work on its parts."),
    "replied": gettext_lazy("%(unit)s has answered; the resident has not judged yet, so it is not over."),
    "appealed": gettext_lazy("The resident says it is not solved; the supervisor decides."),
    "closed": gettext_lazy("Over."),
    "lapsed": gettext_lazy("Answered; the resident did not judge, so it does not count as solved."),
    "declined": gettext_lazy("Not taken here; who asked was told why, and which lawful way is open."),
    "withdrawn": gettext_lazy("Taken back by who asked."),
    "merged": gettext_lazy("Joined with a neighbour's request."),
}
SOLVED: dict[str, Words] = {
    "yes": gettext_lazy("The resident says: solved."),
    "partly": gettext_lazy("The resident says: solved in part."),
    "no": gettext_lazy("The resident says: not solved."),
}


# Services -------------------------------------------------------------------------------------------------------------
def changeset() -> str | None:
    """When the list of services was last changed. One statement."""
    return moment(Event.objects.filter(subject_type="loop.category").aggregate(at=Max("at"))["at"])


def county(path: str) -> Area | None:
    """A county that requests can be told in. One statement."""
    return Area.objects.offered().filter(path=path, level=COUNTY).first()


def service(c: Category) -> dict[str, Any]:
    """One leaf of the list of matters."""
    middle = c.parent
    top = middle.parent if middle is not None else None
    return {
        "service_code": c.code,
        "service_name": str(c),
        "description": " › ".join(str(x) for x in (top, middle, c) if x is not None),
        "metadata": True,
        "type": "realtime",
        "keywords": ", ".join(c.words),
        "group": str(top or ""),
    }


def services() -> list[dict[str, Any]]:
    """Every leaf that is open, by code, and the one for whoever is not sure. One statement."""
    rows = Category.objects.filter(level=3, closed_on=None).select_related("parent__parent").order_by("code")
    other = {
        "service_code": ANYTHING,
        "service_name": _("Not sure what it is"),
        "description": _("Say it in your own words; the request centre decides what it is about."),
        "metadata": True,
        "type": "realtime",
        "keywords": "",
        "group": "",
    }
    return [*(service(c) for c in rows), other]


ATTRIBUTES: Sequence[tuple[str, Words, Words, Sequence[tuple[str, Words]]]] = (  # code, question, how, choices
    ("spot", gettext_lazy("Where exactly"), gettext_lazy("A door, a lamp, a crossing; 120 characters"), ()),
    (
        "kind",
        gettext_lazy("What do you want"),
        gettext_lazy("Without an answer: help"),
        [(k.value, k.label) for k in (Kind.HELP, Kind.COMPLAINT, Kind.QUESTION, Kind.SUGGESTION)],
    ),
    (
        "reach",
        gettext_lazy("When a call suits you"),
        gettext_lazy("Without an answer: at any time"),
        [
            ("morning", pgettext_lazy("reach", "in the morning")),
            ("afternoon", pgettext_lazy("reach", "in the afternoon")),
            ("evening", pgettext_lazy("reach", "in the evening")),
        ],
    ),
    (
        "confidentiality",
        gettext_lazy("May the unit know who says it"),
        gettext_lazy("Without an answer: it may"),
        [(c.value, c.label) for c in Confidentiality],
    ),
)


def definition(code: str) -> dict[str, Any]:
    """The further fields of a service: the same for each, none required. One statement; NoService (L-833)."""
    if code != ANYTHING and not Category.objects.filter(code=code, level=3, closed_on=None).exists():
        raise NoService(field="service_code")
    return {
        "service_code": code,
        "attributes": [
            {
                "variable": True,
                "code": key,
                "datatype": "singlevaluelist" if choices else "string",
                "required": False,
                "datatype_description": str(how),
                "order": n,
                "description": str(asked),
                "values": [{"key": k, "name": str(said)} for k, said in choices],
            }
            for n, (key, asked, how, choices) in enumerate(ATTRIBUTES, start=1)
        ],
    }


# Requests -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for; moments with a zone, codes of services, '' / 'open' / 'closed'."""

    jurisdiction: str
    since: dt.datetime
    until: dt.datetime
    services: tuple[str, ...] = ()
    status: str = ""
    page: int = 1
    size: int = MOST


def shown() -> QuerySet[Request]:
    """Requests with all that an answer says of them."""
    due = Clock.objects.filter(
        request=OuterRef("pk"), kind__in=(ClockKind.REPLY, ClockKind.REDO), outcome="running"
    ).order_by("due_at")
    return (
        Request.objects.select_related("category", "area__parent", "unit", "merged_into__unit")
        .annotate(expected=Subquery(due.values("due_at")[:1]))
        .defer("text", "title")
    )


def of_neighbours() -> Q:
    """What may stand in the list: shared matters, told openly; neither joined, nor a part, nor taken back."""
    shared = Q()
    for code in SHARED_MATTERS:
        shared |= Q(category__code__startswith=code)
    return shared & Q(
        confidentiality=Confidentiality.OPEN, merged_into=None, parent=None, state__in=(*IS_OPEN, *IS_CLOSED)
    ) & ~Q(kind__in=OWN_MATTERS)  # fmt: skip


def requests(wanted: Wanted) -> list[dict[str, Any]]:
    """One page of the public list, newest first. One statement."""
    rows = shown().filter(
        of_neighbours(),
        within("area_path", (wanted.jurisdiction,)),
        heard_at__gte=wanted.since,
        heard_at__lte=wanted.until,
    )
    if wanted.services:
        rows = rows.filter(category__code__in=wanted.services)
    if wanted.status:
        rows = rows.filter(state__in=IS_OPEN if wanted.status == "open" else IS_CLOSED)
    first = (wanted.page - 1) * wanted.size
    return [told(r) for r in rows.order_by("-heard_at", "-id")[first : first + wanted.size]]


def by_codes(codes: Iterable[str]) -> list[dict[str, Any]]:
    """What anybody may know who has the codes; those that nobody has, or whose reporter is protected, are left out.
    One statement."""
    rows = shown().filter(code__in=list(codes), confidentiality=Confidentiality.OPEN)
    return [told(r) for r in rows.order_by("-heard_at", "-id")]


def listed(r: Any) -> bool:
    """Whether the public list would show what this request is about: the same as `of_neighbours`."""
    about = r.category.code if r.category is not None else ""
    return about.startswith(SHARED_MATTERS) and r.kind not in OWN_MATTERS and r.parent_id is None


def told(r: Any) -> dict[str, Any]:
    """A request as the specification has it."""
    own, r, public = r, r.merged_into or r, listed(r)
    point = public and own.lat is not None and own.lon is not None
    return {
        "service_request_id": own.code,
        "status": "open" if r.state in IS_OPEN else "closed",
        "status_notes": notes(r, public),
        "service_name": str(own.category) if public else None,
        "service_code": own.category.code if public else ANYTHING,
        "description": None,
        "agency_responsible": r.unit.name if r.unit else None,
        "service_notice": None,
        "requested_datetime": moment(own.heard_at),
        "updated_datetime": moment(max(x for x in (own.heard_at, r.dispatched_at, r.replied_at, r.closed_at) if x)),
        "expected_datetime": moment(own.expected),
        "address": address(own.area) if public else None,
        "address_id": own.area_path if public else None,
        "zipcode": None,
        "lat": rounded(own.lat) if point else None,
        "long": rounded(own.lon) if point else None,
        "media_url": None,
    }


def notes(r: Any, public: bool) -> str:
    """The real station in words: "closed" alone would be taken for "mended"."""
    said = str(NOTES[r.state]) % {"unit": r.unit.name if r.unit else _("A unit")}
    if r.state == "closed" and public and r.solved:
        said = _("%(one)s %(other)s") % {"one": said, "other": SOLVED[r.solved]}
    if r.lap > 1:
        said = _("%(one)s %(other)s") % {"one": said, "other": _("Round %(n)s.") % {"n": r.lap}}
    return said


def address(area: Area) -> str:
    """Community, then street: from the nearest to the widest, as the specification asks."""
    names = [area.short_name if area.level > COUNTY + 1 and area.short_name else area.name]
    if area.parent is not None and area.level > COUNTY + 1:
        names.append(area.parent.name)
    return "，".join(names)


def rounded(value: Decimal) -> float:
    return float(value.quantize(POINT, rounding=ROUND_HALF_EVEN))
