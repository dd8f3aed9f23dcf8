"""Notices for everybody: those that concern one's group, one by one, whether they are clear, and as a feed.

Which group somebody is of stays in a cookie of their device. Readings are counted by a small request that the page sends
when it is shown, once for each notice and browser session (a cookie that ends with it); neither cookie is written down.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import linebreaks
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core.caps import Scope
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.notices import queries, steps
from heli.notices.models import GROUP_WORDS, Group, Notice, State

GROUP_COOKIE = "heli_group"
READ_COOKIE = "heli_read"
KEPT = 180 * 86400  # seconds the chosen group stays on the device
MARKS = 60  # notices a session remembers: the oldest falls out


def group_of(request: HeliRequest) -> str:
    """The group chosen on this device; '' for none."""
    said = request.COOKIES.get(GROUP_COOKIE, "")
    return said if said in Group.values else ""


def said(notice: Notice) -> dict[str, Any]:
    """A notice with its words."""
    return {
        "n": notice,
        "groups": [GROUP_WORDS[g] for g in notice.groups],
        "publisher": notice.publisher.name if notice.publisher else "",
    }


@page("", name="notices", scope=Scope.PUBLIC)
def notices(request: HeliRequest) -> HttpResponse:
    """What holds now, for the group that is chosen on this device. Two statements."""
    chosen = request.GET.get("group")
    group = group_of(request) if chosen is None else chosen if chosen in Group.values else ""
    found = queries.listed(group, timezone.localdate(), after=request.GET.get("after"))
    context = {
        "page": found.map(said),
        "group": group,
        "group_words": GROUP_WORDS[group] if group else "",
        "groups": [(g, w) for g, w in Group.choices if g != Group.EVERYBODY],
    }
    response = render(request, "notices/list.html", context)
    if chosen is not None:
        if group:
            response.set_cookie(
                GROUP_COOKIE, group, max_age=KEPT, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE
            )
        else:
            response.delete_cookie(GROUP_COOKIE, samesite="Lax")
    response["Vary"] = "Cookie"
    return response


@page("feed/", scope=Scope.PUBLIC)
def feed(request: HeliRequest) -> HttpResponse:
    """The newest notices as an Atom feed (RFC 4287)."""
    made = Atom1Feed(
        title=pgettext("nav", "Notices"), link=settings.HELI_PUBLIC_URL + reverse("notices:notices"), description="",
        language="zh-Hans", author_name=_("Heli"), feed_url=settings.HELI_PUBLIC_URL + reverse("notices:feed"),
    )  # fmt: skip
    for n in queries.newest(timezone.localdate(), most=30):
        link = settings.HELI_PUBLIC_URL + reverse("notices:notice", args=[n.pk])
        made.add_item(
            title=n.title, link=link, description=linebreaks(n.meaning, autoescape=True), unique_id=link, pubdate=n.published_at,
            updateddate=n.changed_at, author_name=n.publisher.name if n.publisher else "",
            categories=[str(GROUP_WORDS[g]) for g in n.groups],
        )  # fmt: skip
    response = HttpResponse(made.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    return response


def _notice_page(request: HeliRequest, notice: Notice, **more: Any) -> HttpResponse:
    today = timezone.localdate()
    context = {
        **said(notice),
        "holds": notice.state == State.PUBLISHED
        and notice.valid_from <= today
        and (notice.valid_to is None or notice.valid_to >= today),
        "past": notice.valid_to is not None and notice.valid_to < today,
        "newer": queries.newest_version(notice),
        "share": settings.HELI_PUBLIC_URL + reverse("notices:notice", args=[notice.pk]),
        "counted": notice.state == State.PUBLISHED and str(notice.pk) not in _marks(request),
        **more,
    }
    return render(request, "notices/notice.html", context)


def _marks(request: HeliRequest) -> list[str]:
    """Numbers of the notices this browser session has counted already."""
    return [m for m in request.COOKIES.get(READ_COOKIE, "").split(".")[:MARKS] if m.isdecimal()]


@page("<int:notice_id>/", scope=Scope.PUBLIC)
def notice(request: HeliRequest, notice_id: int) -> HttpResponse:
    """One notice. One statement."""
    return _notice_page(request, queries.shown(notice_id))


@page("<int:notice_id>/read/", scope=Scope.PUBLIC, methods=("POST",), limit=Limit(200))
def read(request: HeliRequest, notice_id: int) -> HttpResponse:
    """The page was shown: counted once for each browser session, which a cookie without an end date remembers."""
    marks = _marks(request)
    response = HttpResponse(status=204)
    if str(notice_id) not in marks:
        steps.count_reading(notice_id=notice_id, group=group_of(request), at=timezone.now())
        kept = ".".join([str(notice_id), *marks][:MARKS])
        response.set_cookie(
            READ_COOKIE,
            kept,
            samesite="Lax",
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
            path=reverse("notices:notices"),
        )
    return response


@page("<int:notice_id>/clear/", scope=Scope.PUBLIC, methods=("POST",), limit=Limit(20))
def clear(request: HeliRequest, notice_id: int) -> HttpResponse:
    """Clear or not, and what is not."""
    chosen = request.POST.get("clear", "")
    if chosen not in {"yes", "no"}:
        return _notice_page(request, queries.shown(notice_id), wrong=_("Choose one of the two."))
    steps.say_clear(
        notice_id=notice_id, clear=chosen == "yes", words=request.POST.get("words", ""), group=group_of(request),
        by=request.actor, at=timezone.now(),
    )  # fmt: skip
    return redirect(f"{reverse('notices:notice', args=[notice_id])}?thanks=1#clear")
