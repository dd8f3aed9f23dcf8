"""What is suggested: taken in, read before it is public, corrected while nobody has seconded it, added to, credited."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, WrongState
from heli.core.models import VaultRecord
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Kind, Request, Voice
from heli.loop.states import OPEN
from heli.loop.steps.hear import by_staff, checked_text, title_of
from heli.rulebook import queries as rulebook
from heli.suggestions.errors import AnsweredAlready, CallClosed, EditedAfterSeconding, NotASuggestion, WordsChanged
from heli.suggestions.models import Addendum, Answer, Call, Suggestion, Wording
from heli.suggestions.states import ADDENDUM, SUGGESTION

SUBJECT = "loop.request"  # what happens to a suggestion stands in the one timeline of its request
READ = "suggestion.read"
NAME, ADDED, TITLE = 20, 2000, 60


@dataclass(frozen=True, slots=True)
class Said:
    """What suggesting gives back: the row, and the token of the secret link."""

    suggestion: Suggestion
    token: str


def lock(s: Step, request_id: int) -> tuple[Request, Suggestion]:
    """The suggestion with its request, the request locked first as everywhere in the loop. NotFound (L-404)."""
    seen = Suggestion.objects.visible_to(s.by).filter(pk=request_id).exists()
    request = Request.objects.select_for_update(of=("self",)).select_related("category").filter(pk=request_id).first()
    if not seen or request is None:
        raise NotFound
    suggestion = Suggestion.objects.select_for_update(of=("self",)).get(pk=request_id)
    suggestion.request = request
    s.about(SUBJECT, request.pk, request.area_path)
    return request, suggestion


def hold(request_id: int) -> None:
    """Lock the request of something beside it, so that events of one request have ids in the order they happen."""
    Request.objects.select_for_update(of=("self",)).only("pk").get(pk=request_id)


def of_voice(s: Step, request: Request) -> None:
    """Forbidden (L-403) unless the actor holds the link of whoever suggested this."""
    if s.by.voice_id is None or not Voice.objects.filter(pk=s.by.voice_id, request=request).exists():
        raise Forbidden


def move(
    s: Step, request: Request, suggestion: Suggestion, arrow: str, *, save: tuple[str, ...], **papers: str
) -> None:
    """Take an arrow of a suggestion: its area and unit are those of its request."""
    suggestion.area_path, suggestion.unit_id = request.area_path, request.unit_id  # type: ignore[attr-defined]
    s.move(suggestion, SUGGESTION, arrow, save=save, **papers)


def row_for(s: Step, request: Request, call: Call | None = None) -> Suggestion:
    """A new row beside a request, in the words it was told in; its keeper's clock starts."""
    rules, calendar = rulebook.with_calendar((READ,), path=request.area_path, at=s.at)
    rule = rules[READ]
    s.rule(rule)
    suggestion = Suggestion(
        request=request,
        call=call,
        title=request.title,
        text=request.text,
        read_rule_id=rule.id,
        read_due_at=calendar.due(s.at, int(rule.value["amount"]), rule.value["unit"]).at,
    )
    suggestion.save(force_insert=True)
    Wording.objects.create(suggestion=suggestion, n=1, title=request.title, text=request.text, at=request.heard_at)
    return suggestion


def suggest(
    *,
    text: str,
    area_path: str,
    by: Actor,
    at: dt.datetime,
    call_id: int | None = None,
    credit_name: str = "",
    phone: str = "",
    name: str = "",
    form_key: uuid.UUID | None = None,
) -> Said:
    """Somebody suggests something, freely or to a call. It is heard like every request; its keeper reads it before it
    is public. `credit_name`: the name it is to be shown with, kept sealed.

    Raises:
        CallClosed (L-225), AlreadyDone (L-104): the same form was taken before; what `loop.steps.hear` raises.
    """
    with transaction.atomic():
        call = None
        if call_id is not None:
            call = Call.objects.select_for_update().visible_to(by).filter(pk=call_id).first()
            if call is None:
                raise NotFound
            if not call.accepts(local_day(at)):
                raise CallClosed(field="call")
            if not area_path.startswith(call.area_path):
                area_path = call.area_path
        heard = loop.hear(
            by=by,
            at=at,
            text=text,
            area_path=area_path,
            kind=Kind.SUGGESTION,
            phone=phone,
            name=name,
            form_key=form_key,
        )
        with step("suggestions.suggest", by=by, at=at) as s:
            suggestion = row_for(s, heard.request, call)
            if credit_name.strip():
                name_it(suggestion, credit_name, by.user_id, "asked")
                suggestion.save(update_fields=["credit", "credit_record"])
            s.about(SUBJECT, heard.request.pk, heard.request.area_path)
            s.record(suggestion, call=call_id or 0, credit=suggestion.credit)
    return Said(suggestion, heard.token)


def name_it(suggestion: Suggestion, name: str, user_id: int | None, state: str) -> None:
    """Seal the name a suggestion is to be credited with. Call while holding its lock, and save both fields."""
    kept = "".join(c for c in name if c.isprintable()).strip()
    if not kept or len(kept) > NAME or without_personal(kept) != kept:
        raise Invalid(
            _("A name of up to %(n)s characters, without numbers of yours.") % {"n": NAME}, field="credit_name"
        )
    suggestion.credit_record = vault.seal(name=kept, user_id=user_id)
    suggestion.credit = state


def take_up(*, request_id: int, by: Actor, at: dt.datetime) -> Suggestion:
    """A suggestion that came by another door (the counter, a call, the hotline) gets its row and is read like others.

    Raises NotASuggestion (L-226); once taken up it is simply given back.
    """
    with step("suggestions.take_up", by=by, at=at) as s:
        request = (
            Request.objects.select_for_update(of=("self",)).select_related("category").filter(pk=request_id).first()
        )
        if request is None or not by.can(Cap.KEEP_SUGGESTIONS, path=request.area_path):
            raise NotFound
        s.require(Cap.KEEP_SUGGESTIONS, path=request.area_path)
        if request.kind != Kind.SUGGESTION:
            raise NotASuggestion
        s.about(SUBJECT, request.pk, request.area_path)
        found = Suggestion.objects.filter(pk=request_id).first()
        suggestion = found or row_for(s, request)
        s.record(suggestion, again=found is not None)
    return suggestion


def is_answered(request: Request) -> bool:
    """Whether a unit has answered it, in this round or an earlier one, or nobody will. One statement at most."""
    return request.state not in OPEN or Answer.objects.given().filter(suggestion=request.pk).exists()


def read_as(suggestion: Suggestion, version: int | None) -> None:
    """WordsChanged (L-229) when the keeper read another version than the present one."""
    if version is not None and version != Wording.objects.filter(suggestion=suggestion).count():
        raise WordsChanged


def publish(
    *,
    request_id: int,
    by: Actor,
    at: dt.datetime,
    title: str = "",
    text: str = "",
    agreed: str = "",
    version: int | None = None,
) -> Suggestion:
    """The keeper has read it (its `version`): everybody may. With `text` in a neutral wording, which the suggester
    agreed to (`agreed` says how); what they said first stays in its versions and with the unit. A name asked for is
    shown from now on.

    Raises Invalid (L-400), EditedAfterSeconding (L-220), WordsChanged (L-229), WrongState, Forbidden, NotFound.
    """
    with step("suggestions.publish", by=by, at=at) as s:
        request, suggestion = lock(s, request_id)
        read_as(suggestion, version)
        new_text = without_personal(checked_text(text)) if text.strip() else suggestion.text
        new_title = without_personal(title.strip())[:TITLE] or suggestion.title
        if (new_title, new_text) != (suggestion.title, suggestion.text):
            if suggestion.stands_fast:
                raise EditedAfterSeconding(field="text")
            if not agreed.strip():
                raise Invalid(_("Other words than the suggester's: say how they agreed to them."), field="agreed")
            reword(suggestion, new_title, new_text, at=at, by_id=by.user_id, agreed=by_staff(agreed, 200))
        suggestion.read_at = suggestion.read_at or at
        suggestion.published_at, suggestion.why_private = suggestion.published_at or at, ""
        if suggestion.credit == "asked":
            suggestion.credit = "shown"
        fields = ("title", "text", "read_at", "published_at", "why_private", "credit")
        move(s, request, suggestion, "publish", save=fields)
        s.record(public=True)
        loop_tell(s, request, "suggestion_public")
    return suggestion


def reword(
    suggestion: Suggestion, title: str, text: str, *, at: dt.datetime, by_id: int | None, agreed: str = ""
) -> None:
    """A new version of the words. Call while holding the lock, and save title and text."""
    n = Wording.objects.filter(suggestion=suggestion).count() + 1
    Wording.objects.create(suggestion=suggestion, n=n, title=title, text=text, at=at, by_id=by_id, agreed=agreed)
    suggestion.title, suggestion.text = title, text


def loop_tell(s: Step, request: Request, news: str) -> None:
    """Tell every voice that left a number, after this step's transaction."""
    from heli.loop import jobs

    s.defer(jobs.tell, request_id=request.pk, news=news)


def keep_private(*, request_id: int, by: Actor, at: dt.datetime, reason: str, version: int | None = None) -> Suggestion:
    """Not for everybody's eyes (it names somebody, it insults): the suggester reads why. It is answered all the same.
    Raises as `publish`."""
    with step("suggestions.keep_private", by=by, at=at) as s:
        request, suggestion = lock(s, request_id)
        read_as(suggestion, version)
        suggestion.read_at = suggestion.read_at or at
        suggestion.why_private = by_staff(reason)
        move(s, request, suggestion, "keep_private", reason=by_staff(reason), save=("read_at", "why_private"))
        s.record(public=True)
        loop_tell(s, request, "suggestion_private")
    return suggestion


def correct(*, request_id: int, text: str, by: Actor, at: dt.datetime) -> Suggestion:
    """The suggester's own correction, by their link, while nobody has seconded the words and no unit has answered.
    The unit that has it in hand reads the new words; the keeper reads them before they are public.

    Raises EditedAfterSeconding (L-220), AnsweredAlready (L-224), Invalid, TooLong, Forbidden, NotFound.
    """
    with transaction.atomic():
        with step("suggestions.correct", by=by, at=at) as s:
            request, suggestion = lock(s, request_id)
            of_voice(s, request)
            if suggestion.stands_fast:
                raise EditedAfterSeconding(field="text")
            if is_answered(request):
                raise AnsweredAlready(field="text")
            new = without_personal(checked_text(text))
            if new == suggestion.text:
                raise Invalid(_("Nothing was changed."), field="text")
            reword(suggestion, title_of(new), new, at=at, by_id=None)
            rules, calendar = rulebook.with_calendar((READ,), path=request.area_path, at=at)
            rule = rules[READ]
            s.rule(rule)
            suggestion.read_rule_id, suggestion.read_at, suggestion.why_private = rule.id, None, ""
            suggestion.read_due_at = calendar.due(at, int(rule.value["amount"]), rule.value["unit"]).at
            move(
                s,
                request,
                suggestion,
                "correct",
                save=("title", "text", "why_private", "read_rule_id", "read_due_at", "read_at"),
            )
            s.record(public=True)
        if len(new) <= ADDED - 40:
            loop.add_words(
                request_id=request.pk, by=by, at=at, text=_now("The suggestion now reads: %(text)s") % {"text": new}
            )
    return suggestion


def add(*, request_id: int, text: str, by: Actor, at: dt.datetime) -> Addendum:
    """One more word by the suggester, dated; the words that were seconded stay. Its keeper reads it first; the unit
    reads it at once."""
    text = checked_text(text, limit=ADDED)
    with transaction.atomic():
        with step("suggestions.add", by=by, at=at) as s:
            request, suggestion = lock(s, request_id)
            of_voice(s, request)
            made = Addendum.objects.create(
                suggestion=suggestion, area_path=request.area_path, text=without_personal(text), at=at
            )
            s.record(made, public=True)
        if request.state in {*OPEN, "replied", "lapsed"}:
            loop.add_words(request_id=request.pk, by=by, at=at, text=text)
    return made


def read_addendum(*, addendum_id: int, by: Actor, at: dt.datetime, reason: str = "") -> Addendum:
    """The keeper has read an addendum: public, or with a `reason` not."""
    with step("suggestions.read_addendum", by=by, at=at) as s:
        addendum = s.lock(Addendum, addendum_id)
        hold(addendum.suggestion_id)
        s.about(SUBJECT, addendum.suggestion_id, addendum.area_path)
        if reason.strip():
            addendum.why_private = by_staff(reason)
            s.move(addendum, ADDENDUM, "keep_private", reason=by_staff(reason), save=("why_private",))
        else:
            s.move(addendum, ADDENDUM, "publish")
        s.record(public=True)
    return addendum


def credit(*, request_id: int, name: str, by: Actor, at: dt.datetime) -> Suggestion:
    """The suggester wants their name shown, or no longer (`name` empty: it is forgotten at once).

    A new name is read by the keeper first, as everything that everybody will read.
    """
    with step("suggestions.credit", by=by, at=at) as s:
        request, suggestion = lock(s, request_id)
        of_voice(s, request)
        old = suggestion.credit_record_id
        if name.strip():
            name_it(suggestion, name, by.user_id, "asked")
        elif old is None:
            raise WrongState
        else:
            suggestion.credit, suggestion.credit_record = "", None
        suggestion.save(update_fields=["credit", "credit_record"])
        if old is not None:
            vault.erase(VaultRecord.objects.filter(pk=old), at)
        s.record(suggestion, public=True, credit=suggestion.credit)
    return suggestion


def show_name(*, request_id: int, by: Actor, at: dt.datetime, show: bool) -> Suggestion:
    """The keeper has read the name somebody asked to be shown with: shown, or left out, also later on."""
    with step("suggestions.show_name", by=by, at=at) as s:
        request, suggestion = lock(s, request_id)
        s.require(Cap.KEEP_SUGGESTIONS, path=request.area_path)
        if suggestion.credit != "asked" and (show or suggestion.credit != "shown"):
            raise WrongState
        if show:
            suggestion.credit = "shown"
        old = suggestion.credit_record_id
        if not show:
            suggestion.credit, suggestion.credit_record = "", None
        suggestion.save(update_fields=["credit", "credit_record"])
        if not show and old is not None:
            vault.erase(VaultRecord.objects.filter(pk=old), at)
        s.record(suggestion, public=True, credit=suggestion.credit)
    return suggestion
