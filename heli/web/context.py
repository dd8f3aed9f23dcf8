"""What every page needs: modes, the person, the top bar's links. Computed once a page, without a statement."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import pgettext_lazy

from heli.core.actor import PUBLIC, Actor
from heli.core.caps import Cap
from heli.loop.models import AREA_READERS
from heli.loop.queries.inbox import UNIT_CAPS
from heli.web.middleware import LOOK_COOKIE
from heli.web.parts import Look, Words

Link = tuple[str, Words, frozenset[Cap]]

# route, words, and the capabilities of which one is enough; a room that is not there yet has no link
NAV: tuple[Link, ...] = (
    ("web:home", pgettext_lazy("nav", "To do"), frozenset(Cap)),
    ("loop:desk", pgettext_lazy("nav", "Dispatch"), frozenset({Cap.DISPATCH, Cap.APPOINT_LEAD})),
    ("loop:returns", pgettext_lazy("nav", "Returned"), frozenset({Cap.DISPATCH})),
    ("loop:inbox", pgettext_lazy("nav", "With us"), frozenset({Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY})),
    ("loop:revisits", pgettext_lazy("nav", "Revisit calls"), frozenset({Cap.REVISIT})),
    (
        "loop:requests",
        pgettext_lazy("nav", "All requests"),
        frozenset({Cap.VIEW_REQUESTS, Cap.DISPATCH, Cap.SUPERVISE}),
    ),
    ("insight:board", pgettext_lazy("nav", "Board"), frozenset({Cap.SUPERVISE, Cap.VIEW_REQUESTS})),
    ("wishes:desk", pgettext_lazy("nav", "Wishes"), frozenset({Cap.POST_WISHES, Cap.PLEDGE})),
    ("ledger:desk", pgettext_lazy("nav", "Service hours"), frozenset({Cap.RECORD_HOURS, Cap.REVIEW_HOURS})),
    ("volunteering:activity_desk", pgettext_lazy("nav", "Activities"), frozenset({Cap.LEAD_TEAM})),
    ("suggestions:desk", pgettext_lazy("nav", "Suggestions"), frozenset({Cap.KEEP_SUGGESTIONS})),
)
# the menu under the person's name
MENU: tuple[tuple[str, str, Words, frozenset[Cap]], ...] = (
    (
        "loop:orders",
        "flag",
        pgettext_lazy("nav", "Supervision orders"),
        frozenset({Cap.SUPERVISE, Cap.HANDLE_REQUESTS}),
    ),
    (
        "insight:problems",
        "refresh",
        pgettext_lazy("nav", "Standing problems"),
        frozenset({Cap.SUPERVISE, Cap.VIEW_REQUESTS, Cap.HANDLE_REQUESTS}),
    ),
    ("insight:hot", "flame", pgettext_lazy("nav", "Hot list"), frozenset({Cap.SUPERVISE, Cap.VIEW_REQUESTS})),
    ("volunteering:review", "check", pgettext_lazy("nav", "Plans of activities"), frozenset({Cap.REVIEW_ACTIVITIES})),
    ("oversight:tips", "shield", pgettext_lazy("nav", "Tips on impostors"), frozenset({Cap.HANDLE_TIPS})),
    (
        "ledger:certificates_desk",
        "doc",
        pgettext_lazy("nav", "Certificates issued"),
        frozenset({Cap.RECORD_HOURS, Cap.REVIEW_HOURS}),
    ),
    ("ledger:standing_desk", "star", pgettext_lazy("nav", "Stars and stored hours"), frozenset({Cap.REVIEW_HOURS})),
    (
        "ledger:perks_desk",
        "heart",
        pgettext_lazy("nav", "Perks"),
        frozenset({Cap.REVIEW_HOURS, Cap.RECORD_HOURS, Cap.PLEDGE}),
    ),
    ("sites:desk", "station", pgettext_lazy("nav", "Stations"), frozenset({Cap.MANAGE_SITES, Cap.KEEP_SITE})),
    ("volunteering:keep", "users", pgettext_lazy("nav", "Volunteers"), frozenset({Cap.KEEP_VOLUNTEERS})),
    (
        "volunteering:exchange",
        "send",
        pgettext_lazy("nav", "National system"),
        frozenset({Cap.KEEP_VOLUNTEERS, Cap.MANAGE_RULES}),
    ),
    ("volunteering:led", "flag", pgettext_lazy("nav", "Teams I lead"), frozenset({Cap.LEAD_TEAM})),
    ("notices:desk", "bell", pgettext_lazy("nav", "Notices"), frozenset({Cap.PUBLISH_NOTICES})),
    ("loop:duty", "book", pgettext_lazy("nav", "Duty list"), frozenset({Cap.MANAGE_DUTY, Cap.DISPATCH})),
    ("loop:categories", "list", pgettext_lazy("nav", "Categories"), frozenset({Cap.MANAGE_DUTY})),
    ("loop:reader", "bulb", pgettext_lazy("nav", "Reader"), frozenset({Cap.MANAGE_DUTY, Cap.DISPATCH, Cap.SUPERVISE})),
    ("rulebook:rules", "clock", pgettext_lazy("nav", "Rules and limits"), frozenset(Cap)),
    ("places:areas", "map", pgettext_lazy("nav", "Areas"), frozenset({Cap.MANAGE_AREAS})),
    ("orgs:organisations", "building", pgettext_lazy("nav", "Organisations"), frozenset({Cap.MANAGE_ORGS})),
    ("orgs:grants", "key", pgettext_lazy("nav", "Grants"), frozenset({Cap.MANAGE_GRANTS})),
    ("hooks:endpoints", "send", pgettext_lazy("nav", "Webhooks"), frozenset({Cap.MANAGE_GRANTS})),
    ("ops:failed_jobs", "gear", pgettext_lazy("nav", "Jobs that failed"), frozenset({Cap.MANAGE_GRANTS})),
    ("loop:import", "upload", pgettext_lazy("nav", "Import requests"), frozenset({Cap.IMPORT_REQUESTS})),
    ("loop:mine", "list", pgettext_lazy("nav", "What I said"), frozenset()),
    ("volunteering:me", "heart", pgettext_lazy("nav", "My volunteering"), frozenset()),
    ("ledger:mine", "clock", pgettext_lazy("nav", "My hours"), frozenset()),
    ("ledger:standing", "star", pgettext_lazy("nav", "My stars"), frozenset()),
    ("ledger:certificates", "doc", pgettext_lazy("nav", "My certificates"), frozenset()),
    ("people:me", "user", pgettext_lazy("nav", "My information"), frozenset()),
    ("people:access", "eye", pgettext_lazy("nav", "Who read my information"), frozenset()),
    ("mfa_index", "shield", pgettext_lazy("nav", "Second factor"), frozenset()),
    ("account_change_password", "lock", pgettext_lazy("nav", "Change password"), frozenset()),
    ("web:accessibility", "contrast", pgettext_lazy("nav", "How pages look"), frozenset()),
)

ROOM_IN_BAR = 5
# of the house as a whole: only for those who hold the capability over the area this house belongs to
OF_THE_HOUSE = frozenset({"ops:failed_jobs"})


def _opens(name: str, caps: frozenset[Cap], actor: Actor) -> bool:
    """Whether the page behind a link answers this person; what would refuse them is not shown."""
    if name in OF_THE_HOUSE:
        return any(actor.can(cap, path=settings.HELI_HOME_AREA) for cap in caps)
    return not caps or bool(actor.caps & caps)


def url(name: str, **kwargs: Any) -> str:
    """The address of a route, or "" while no room has it."""
    try:
        return reverse(name, kwargs=kwargs or None)
    except NoReverseMatch:
        return ""


def _links(request: HttpRequest, actor: Actor) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The top bar and the menu. Who has few pages has them all in the bar; what is there is not also in the menu."""

    def bar(name: str, where: str, said: Words) -> dict[str, Any]:
        current = request.path == where if where == "/" else request.path.startswith(where)
        return {"name": name, "url": where, "words": said, "current": current}

    nav = [bar(name, where, said) for name, said, caps in NAV if actor.caps & caps and (where := url(name))]
    menu = []
    for name, icon, said, caps in MENU:
        where = url(name) if _opens(name, caps, actor) else ""
        if where and caps and len(nav) < ROOM_IN_BAR:
            nav.append(bar(name, where, said))
        elif where:
            menu.append({"url": where, "words": said, "icon": icon})
    if sum(item["current"] for item in nav) > 1:  # /orgs/grants/ lies below /orgs/
        longest = max((item for item in nav if item["current"]), key=lambda item: len(item["url"]))
        for item in nav:
            item["current"] = item is longest
    return nav, menu


def _search(actor: Actor) -> str:
    """Where a word typed into the bar is looked for: in the area's requests, in one's unit's, or nowhere."""
    if actor.caps.intersection(AREA_READERS):
        return url("loop:requests")
    return url("loop:inbox") if actor.caps.intersection(UNIT_CAPS) else ""


def page_base(request: HttpRequest) -> str:
    """The base template that fits the reader: a bare one for HTMX, the staff's, or the public's."""
    if getattr(request, "htmx", None):
        return "web/bare.html"
    return "web/base.html" if getattr(request, "actor", PUBLIC).is_staff else "web/public.html"


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all templates."""
    actor: Actor = getattr(request, "actor", PUBLIC)

    @cache
    def links() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return _links(request, actor)

    return {
        "look": Look.read(request.COOKIES.get(LOOK_COOKIE, "")),
        "here": request.get_full_path() if request.method == "GET" else request.path,
        "page_base": page_base(request),
        "actor": actor,
        "person": actor.name if actor.user_id is not None else "",
        "unit_name": next((g.org_name for g in actor.grants if g.org_name), ""),
        "nav": SimpleLazyObject(lambda: links()[0]),
        "menu": SimpleLazyObject(lambda: links()[1]),
        "search_url": _search(actor),
        "hear_url": url("loop:hear") if Cap.HEAR in actor.caps else "",
    }
