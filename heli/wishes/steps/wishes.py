"""Looking in at the home, the wall, and how a wish ends."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, Invalid, TakenAlready, WrongState
from heli.core.steps import Step, step
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Channel, Kind, Request, Voice, said_of
from heli.loop.steps.hear import by_staff, checked_text
from heli.places.models import Area
from heli.wishes import jobs
from heli.wishes.errors import NamesSomebody, NoConsent, NotInHand, TooFarAhead, TooMuchMoney
from heli.wishes.models import TITLE, WORDS, Gift, Wish
from heli.wishes.states import WISH
from heli.wishes.steps.common import (
    EXPIRY,
    MONEY,
    about,
    arrived,
    drop_pledges,
    leave_note,
    lock_wish,
    rules,
)
from heli.wishes.wording import names_somebody

UNIT = Scope.OWN_UNIT
STREET = 9  # digits of a street's path
NUMBERED = re.compile(r"[0-9０-９]")
COMMITTEE = re.compile(r"(?:社区|村)?(?:居民委员会|村民委员会|居委会|村委会)?$")
WRITTEN = ("title", "words", "gift", "needed", "measure", "keeper", "until", "visited_on", "visited_by", "seen")


def known_of(request: Request) -> list[str]:
    """What would give the resident away: their name and address (with and without its numbers), and the name of their
    community. Compared by the machine, shown to nobody. Two statements."""
    records = Voice.objects.filter(said_of(request.pk)).exclude(record=None).select_related("record")
    said = [vault.open_own(v.record) for v in records if v.record is not None and v.record.erased_at is None]
    area = Area.objects.filter(path=request.area_path).first()
    place = [COMMITTEE.sub("", area.name)] if area is not None and len(area.path) > STREET else []
    where = [x.strip() for x in (request.spot, *(s["address"] for s in said))]
    streets = [NUMBERED.split(x)[0].strip() for x in where]
    return [*(s["name"].strip() for s in said), *where, *(x for x in streets if len(x) > 2), *place]


def fit_for_wall(text: str, known: list[str], *, field: str, limit: int) -> str:
    """Public wording, where `known` gives the resident away; NamesSomebody (L-212), TooLong (L-118), Invalid (L-400)."""
    text = checked_text(text, field=field, limit=limit)
    if found := names_somebody(text, known):
        raise NamesSomebody(found=found, field=field)
    return text


def _write(
    s: Step,
    wish: Wish,
    *,
    visited_on: dt.date,
    seen: str,
    title: str,
    words: str,
    gift: str,
    needed: int,
    measure: str,
    keeper: str,
    until: dt.date | None,
) -> None:
    """Put what the worker wrote into the row; nothing is saved. Raises as `check` says."""
    if s.by.user_id is None:  # a person looked in
        raise Forbidden
    today, request = local_day(s.at), wish.request
    found = rules(wish.area_path, (EXPIRY, MONEY), s.at)
    s.rule(*found.values())
    last = today + dt.timedelta(days=int(found[EXPIRY].value))
    if gift not in Gift.values:
        raise Invalid(_("Choose what is wished for."), field="gift")
    if needed < 1:
        raise Invalid(_("At least one is needed."), field="needed")
    if not today - dt.timedelta(days=90) <= visited_on <= today:
        raise Invalid(_("Name the day you looked in: today, or in the last 90 days."), field="visited_on")
    if until is not None and not today < until <= last:
        raise TooFarAhead(limit=found[EXPIRY].words, field="until")
    if gift == Gift.MONEY:
        if needed > int(found[MONEY].value):
            raise TooMuchMoney(limit=found[MONEY].words, field="needed")
        if not keeper.strip():
            raise Invalid(_("Name the organisation that takes the money and gives a receipt."), field="keeper")
        with translation.override(settings.LANGUAGE_CODE):  # kept: the same for every reader
            measure = pgettext("money", "yuan")
    elif not measure.strip():
        raise Invalid(_("Say of what: blankets, afternoons."), field="measure")
    if not seen.strip():
        raise Invalid(_("Say in one sentence what you saw there."), field="seen")
    known = known_of(request)
    for field, text in (("seen", seen), ("measure", measure)):
        if found_in := names_somebody(text, known):
            raise NamesSomebody(found=found_in, field=field)
    wish.visited_on, wish.visited_by_id, wish.seen = visited_on, s.by.user_id, by_staff(seen, 200)
    wish.title = fit_for_wall(title, known, field="title", limit=TITLE)
    wish.words = fit_for_wall(words, known, field="words", limit=WORDS)
    wish.gift, wish.needed, wish.measure = gift, needed, measure.strip()[:8]
    wish.keeper = by_staff(keeper, 60) if gift == Gift.MONEY else ""
    wish.until = until or last


def street_of(request: Request) -> Area:
    """What the wall says of the place: the street, or the area above where no street is known. One statement."""
    return Area.objects.filter(path=request.area_path[:STREET]).first() or request.area


def check(
    *,
    request_id: int,
    by: Actor,
    at: dt.datetime,
    visited_on: dt.date,
    seen: str,
    title: str,
    words: str,
    gift: str,
    needed: int,
    measure: str = "",
    keeper: str = "",
    until: dt.date | None = None,
) -> Wish:
    """The worker looked in at the home: what they saw, and what the wall may say. Not yet on the wall.

    Raises:
        NotInHand: not a wish, or not being handled by the actor's unit (L-219). TakenAlready: a colleague was first.
        NamesSomebody (L-212), TooMuchMoney (L-214), TooFarAhead (L-218), TooLong (L-118), Invalid (L-400).
    """
    try:
        with step("wish.check", by=by, at=at) as s:
            request = s.lock(Request, request_id, related=("category",))
            if request.kind != Kind.WISH or request.state != "handling" or request.unit_id is None:
                raise NotInHand
            s.allow(request, Cap.POST_WISHES, UNIT)
            wish = Wish(
                request=request,
                unit_id=request.unit_id,
                area_path=request.area_path,
                street=street_of(request),
                lap=request.lap,
                made_at=at,
            )
            _write(
                s, wish, visited_on=visited_on, seen=seen, title=title, words=words, gift=gift, needed=needed,
                measure=measure, keeper=keeper, until=until,
            )  # fmt: skip
            wish.save(force_insert=True)
            about(s, wish)
            s.record(wish, gift=gift, needed=needed, request=request.pk)
            s.event.after = wish.state
    except IntegrityError as error:
        if "request_id" in str(error):
            raise TakenAlready from error
        raise
    return wish


def change(
    *,
    wish_id: int,
    by: Actor,
    at: dt.datetime,
    visited_on: dt.date,
    seen: str,
    title: str,
    words: str,
    gift: str,
    needed: int,
    measure: str = "",
    keeper: str = "",
    until: dt.date | None = None,
) -> Wish:
    """Look in again, or word it better, while it is not on the wall. Raises as `check`; WrongState (L-101)."""
    with step("wish.change", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        s.allow(wish, Cap.POST_WISHES, UNIT)
        if wish.state not in {"checked", "withdrawn"}:
            raise WrongState
        _write(
            s, wish, visited_on=visited_on, seen=seen, title=title, words=words, gift=gift, needed=needed,
            measure=measure, keeper=keeper, until=until,
        )  # fmt: skip
        wish.save(update_fields=WRITTEN)
        about(s, wish)
        s.record(wish, gift=gift, needed=needed)
    return wish


def publish(*, wish_id: int, by: Actor, at: dt.datetime, consent: bool) -> Wish:
    """On the wall, because the resident agreed. It waits from now on. Raises NoConsent (L-213), WrongState (L-101),
    Invalid (L-400) when its last day is over: look at it again first."""
    if not consent:
        raise NoConsent(field="consent")
    with step("wish.publish", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        if wish.request.state != "handling" or wish.request.kind != Kind.WISH:
            raise NotInHand
        if wish.until <= local_day(at):
            raise Invalid(_("Its last day is over. Word it again under “Word it better”: then it has a new one."))
        wish.consent_at, wish.opened_at, wish.ended_at, wish.end_reason = at, at, None, ""
        kept = ("consent_at", "opened_at", "ended_at", "end_reason")
        s.move(wish, WISH, "publish", consent="yes", save=kept)
        about(s, wish)
        s.defer(jobs.tell_resident, wish_id=wish.pk, news="wish_published")
    return wish


def look_in(*, request_id: int, by: Actor, at: dt.datetime, consent: bool, **home: Any) -> Wish:
    """`check`, and `publish` when the resident agreed: both, or neither. `home`: the arguments of `check`."""
    with transaction.atomic():
        wish = check(request_id=request_id, by=by, at=at, **home)
        return publish(wish_id=wish.pk, by=by, at=at, consent=True) if consent else wish


def post(
    *,
    by: Actor,
    at: dt.datetime,
    unit_id: int,
    area_path: str,
    text: str,
    name: str,
    phone: str,
    visited_on: dt.date,
    seen: str,
    title: str,
    words: str,
    gift: str,
    needed: int,
    measure: str = "",
    keeper: str = "",
    until: dt.date | None = None,
    consent: bool = False,
    spot: str = "",
    form_key: uuid.UUID | None = None,
) -> Wish:
    """A worker posts for a resident in one go: heard at the counter, kept by their unit, checked and, when the
    resident agreed, on the wall. All of it, or nothing.

    Raises what `loop.steps.hear`, `take_on`, `check` and `publish` raise; AlreadyDone (L-104) for a form sent twice.
    """
    with transaction.atomic():
        heard = loop.hear(
            by=by, at=at, text=text, area_path=area_path, kind=Kind.WISH, channel=Channel.COUNTER, spot=spot, name=name,
            phone=phone, form_key=form_key,
        )  # fmt: skip
        loop.take_on(request_id=heard.request.pk, unit_id=unit_id, by=by, at=at)
        return look_in(
            request_id=heard.request.pk, by=by, at=at, consent=consent, visited_on=visited_on, seen=seen, title=title,
            words=words, gift=gift, needed=needed, measure=measure, keeper=keeper, until=until,
        )  # fmt: skip


def withdraw(*, wish_id: int, by: Actor, at: dt.datetime, reason: str) -> Wish:
    """The resident does not want it shown any more (by their link, or told to the worker): off the wall at once.
    Promises that have not arrived fall away; the request stays with the unit. What has come stays as it is, and is not
    shown any more either."""
    with step("wish.withdraw", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        own_link(s, wish)
        if wish.state in {"delivered", "fulfilled"}:
            s.allow(wish, None, Scope.LINK, (Cap.POST_WISHES, UNIT))
            wish.consent_at = None
            wish.save(update_fields=["consent_at"])
            about(s, wish)
            s.record(wish, reason=by_staff(reason))
            return wish
        wish.consent_at, wish.ended_at, wish.end_reason = None, at, by_staff(reason)
        s.move(wish, WISH, "withdraw", reason=by_staff(reason), save=("consent_at", "ended_at", "end_reason"))
        about(s, wish)
        drop_pledges(s, wish, _("The wish was taken back."))
    return wish


def own_link(s: Step, wish: Wish) -> None:
    """A link opens its own wish only: whoever is also a giver elsewhere cannot confirm there."""
    if s.by.voice_id is not None and not Voice.objects.filter(pk=s.by.voice_id, request=wish.request_id).exists():
        raise Forbidden


def extend(*, wish_id: int, by: Actor, at: dt.datetime, until: dt.date, reason: str) -> Wish:
    """It waits on the wall for longer, with a reason. Raises TooFarAhead (L-218)."""
    with step("wish.extend", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        rule = rules(wish.area_path, (EXPIRY,), at)[EXPIRY]
        today = local_day(at)
        if not today < until <= today + dt.timedelta(days=int(rule.value)):
            raise TooFarAhead(limit=rule.words, field="until")
        s.rule(rule)
        wish.until = until
        s.move(wish, WISH, "extend", reason=by_staff(reason), save=("until",))
        about(s, wish)
        s.record(until=until.isoformat())
    return wish


def settle(*, wish_id: int, by: Actor, at: dt.datetime, reason: str) -> Wish:
    """What is promised is enough, as the resident says: the rest is not asked for any more."""
    with step("wish.settle", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        if not wish.taken:
            raise Invalid(_("Nobody has promised anything yet."), field="reason")
        was, wish.needed = wish.needed, wish.taken
        s.move(wish, WISH, "settle", reason=by_staff(reason), save=("needed",))
        about(s, wish)
        s.record(was=was, needed=wish.needed)
        arrived(s, wish)
    return wish


def turn(*, wish_id: int, by: Actor, at: dt.datetime, reason: str) -> Wish:
    """It becomes an ordinary request for help, which the unit (or whoever it is sent to) answers in any way there is.
    One code, one link, one trace: the request stays."""
    with step("wish.turn", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        wish.ended_at, wish.end_reason = at, by_staff(reason)
        s.move(wish, WISH, "turn", reason=by_staff(reason), save=("ended_at", "end_reason"))
        about(s, wish)
        drop_pledges(s, wish, _("The wish is helped with in another way."))
        leave_note(s, wish)
        loop.turn(request_id=wish.request_id, kind=Kind.HELP, by=by, at=at, reason=reason)
    return wish


def close(*, wish_id: int, by: Actor, at: dt.datetime, reason: str) -> Wish:
    """It could not be fulfilled: `reason` is the honest reply, which the resident reads and judges."""
    text = checked_text(reason, field="reason", limit=300)
    with step("wish.close", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        wish.ended_at, wish.end_reason = at, by_staff(text)
        s.move(wish, WISH, "close", reason=by_staff(text), save=("ended_at", "end_reason"))
        about(s, wish)
        drop_pledges(s, wish, _("The wish has ended."))
        loop.write_reply(request_id=wish.request_id, by=by, at=at, text=text)
    return wish


def let_read(*, wish_id: int, by: Actor, at: dt.datetime, words: str) -> Wish:
    """The resident's thanks, which the givers and the wall may show because the resident lets them. Empty takes them
    back. Raises NamesSomebody (L-212), WrongState (L-101) before anything has arrived."""
    with step("wish.thank", by=by, at=at) as s:
        wish = lock_wish(s, wish_id)
        own_link(s, wish)
        s.allow(wish, None, Scope.LINK, (Cap.POST_WISHES, UNIT))
        if wish.state not in {"delivered", "fulfilled"}:
            raise WrongState
        first = bool(words.strip()) and not wish.thanks
        wish.thanks = fit_for_wall(words, known_of(wish.request), field="words", limit=WORDS) if words.strip() else ""
        wish.save(update_fields=["thanks"])
        about(s, wish)
        s.record(wish, said=bool(wish.thanks))
        if first:
            s.defer(jobs.tell_givers, wish_id=wish.pk, news="pledge_thanks")
    return wish
