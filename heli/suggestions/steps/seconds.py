"""Seconding: one account, one second, taken back until it is answered; carried along when suggestions are joined.

Rows are never changed: `n` odd seconds, even takes back, and the last one counts. `Suggestion.seconds` is their count,
kept under the suggestion's lock.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, NotFound, WrongState
from heli.core.steps import Step, step
from heli.loop import steps as loop
from heli.loop.errors import CannotMerge
from heli.loop.models import Request, Voice, said_of
from heli.suggestions.errors import AnsweredAlready, CannotJoin, NotSeconded, OwnSuggestion, SecondedAlready
from heli.suggestions.models import Second, Suggestion
from heli.suggestions.steps.said import SUBJECT, is_answered, lock


def last_of(suggestion: Suggestion, user_id: int) -> int:
    """The number of an account's last row, 0 for none. Odd: it seconds this."""
    rows = Second.objects.filter(suggestion=suggestion, user_id=user_id).order_by("-n")
    return rows.values_list("n", flat=True).first() or 0


def second(*, request_id: int, by: Actor, at: dt.datetime) -> Suggestion:
    """An account seconds what is public. Its name is shown to nobody.

    Raises SecondedAlready (L-222), OwnSuggestion (L-221), AnsweredAlready (L-224), Forbidden without an account.
    """
    if by.user_id is None:
        raise Forbidden
    try:
        with step("suggestions.second", by=by, at=at) as s:
            request, suggestion = lock(s, request_id)
            if suggestion.state != "public":
                raise NotFound
            if is_answered(request):
                raise AnsweredAlready
            if Voice.objects.filter(said_of(request.pk), user_id=by.user_id).exists():
                raise OwnSuggestion
            last = last_of(suggestion, by.user_id)
            if last % 2:
                raise SecondedAlready
            Second.objects.create(suggestion=suggestion, user_id=by.user_id, n=last + 1, at=at)
            recount(suggestion, +1)
            unseen(s, suggestion)
    except IntegrityError as error:
        if "second_once" in str(error):
            raise SecondedAlready from error
        raise
    return suggestion


def take_back(*, request_id: int, by: Actor, at: dt.datetime) -> Suggestion:
    """They no longer second it; possible until it is answered. Raises NotSeconded (L-223), AnsweredAlready (L-224)."""
    if by.user_id is None:
        raise Forbidden
    with step("suggestions.take_back", by=by, at=at) as s:
        request, suggestion = lock(s, request_id)
        last = last_of(suggestion, by.user_id)
        if not last % 2:
            raise NotSeconded
        if is_answered(request):
            raise AnsweredAlready
        Second.objects.create(suggestion=suggestion, user_id=by.user_id, n=last + 1, at=at)
        recount(suggestion, -1)
        unseen(s, suggestion)
    return suggestion


def unseen(s: Step, suggestion: Suggestion) -> None:
    """Whose vote it was stands in the vote alone: the event names no account, and is in no timeline that staff read."""
    s.about("suggestions.seconds", suggestion.pk, suggestion.request.area_path)
    s.record(suggestion)
    s.event.user_id = None


def recount(suggestion: Suggestion, change: int) -> None:
    """Call while holding the suggestion's lock."""
    suggestion.seconds += change
    suggestion.stands_fast = suggestion.stands_fast or suggestion.seconds > 0
    suggestion.save(update_fields=["seconds", "stands_fast"])


def join(*, request_id: int, into_id: int, by: Actor, at: dt.datetime) -> Suggestion:
    """Two that suggest the same become one: each suggester keeps their voice, is told and judges (loop.steps.merge), and
    those who seconded the one now second the other, each once, with the trace of where they came from.

    By the keeper of both. Raises CannotJoin (L-228), NotFound.
    """
    with transaction.atomic():
        found = set(Suggestion.objects.kept_by(by).filter(pk__in=(request_id, into_id)).values_list("pk", flat=True))
        if found != {request_id, into_id} and not by.system:
            raise NotFound
        try:
            loop.merge(request_id=request_id, into_id=into_id, by=SYSTEM, at=at)
        except (CannotMerge, WrongState) as error:
            raise CannotJoin from error
        with step("suggestions.join", by=by, at=at) as s:
            pair = Suggestion.objects.select_for_update(of=("self",)).in_bulk(sorted((request_id, into_id)))
            kept, twin = pair[into_id], pair[request_id]
            path = Request.objects.values_list("area_path", flat=True).get(pk=into_id)
            s.require(Cap.KEEP_SUGGESTIONS, path=path)
            s.about(SUBJECT, into_id, path)
            s.record(kept, joined=twin.pk, moved=carry(twin, kept, at))
    return kept


def live(suggestion: Suggestion) -> dict[int, Second]:
    """{account: its last row} of those who second it now. One statement."""
    rows = Second.objects.filter(suggestion=suggestion).order_by("user_id", "-n").distinct("user_id")
    return {r.user_id: r for r in rows if r.n % 2}


def carry(twin: Suggestion, kept: Suggestion, at: dt.datetime) -> int:
    """Those who second the twin second the kept one; nobody twice, and none of those who suggested it. Returns how many.
    Call while holding both locks."""
    last: defaultdict[int, int] = defaultdict(int)
    for user_id, n in Second.objects.filter(suggestion=kept).values_list("user_id", "n"):
        last[user_id] = max(last[user_id], n)
    said = set(Voice.objects.filter(said_of(kept.pk)).exclude(user=None).values_list("user_id", flat=True))
    rows = [
        Second(suggestion=kept, user_id=user_id, n=last[user_id] + 1, at=at, via=twin)
        for user_id in live(twin)
        if not last[user_id] % 2 and user_id not in said
    ]
    Second.objects.bulk_create(rows)
    twin.joined_into = kept
    twin.save(update_fields=["joined_into"])
    recount(kept, len(rows))
    return len(rows)


def give_back(twin: Suggestion, kept: Suggestion, at: dt.datetime) -> int:
    """They were parted again: who came along with the twin, and is still there, goes back. Call while holding both."""
    rows = [
        Second(suggestion=kept, user_id=r.user_id, n=r.n + 1, at=at, via=twin)
        for r in live(kept).values()
        if r.via_id == twin.pk
    ]
    Second.objects.bulk_create(rows)
    twin.joined_into = None
    twin.save(update_fields=["joined_into"])
    recount(kept, -len(rows))
    return len(rows)


def follow_joined(*, at: dt.datetime) -> int:
    """What the desk joined or parted by itself: those who second it follow. Returns how many pairs; harmless twice."""
    kept = Exists(Suggestion.objects.filter(pk=OuterRef("request__merged_into")))
    same = Q(joined_into=F("request__merged_into"))
    joined = Q(kept, request__state="merged") & (Q(joined_into=None) | ~same)
    found = Suggestion.objects.filter(joined | Q(joined_into__isnull=False) & ~Q(request__state="merged"))
    done = 0
    for pk in list(found.order_by("pk").values_list("pk", flat=True)[:500]):
        with step("suggestions.follow_joined", by=SYSTEM, at=at) as s:
            done += _follow(s, pk)
    return done


def _follow(s: Step, pk: int) -> bool:
    request = Request.objects.select_for_update(of=("self",)).get(pk=pk)
    s.about(SUBJECT, request.pk, request.area_path)
    twin = Suggestion.objects.get(pk=pk)
    pair = Suggestion.objects.select_for_update(of=("self",)).in_bulk(
        sorted({pk, *filter(None, (twin.joined_into_id, request.merged_into_id))})
    )
    twin, moved = pair[pk], 0
    if twin.joined_into_id is not None and twin.joined_into_id != request.merged_into_id:
        moved = give_back(twin, pair[twin.joined_into_id], s.at)
    if twin.joined_into_id is None and request.merged_into_id in pair:
        moved = carry(twin, pair[request.merged_into_id], s.at)
    s.record(twin, moved=moved)
    return True
