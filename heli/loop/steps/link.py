"""The secret link of a voice, made to hold again by somebody who proved who they are."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, NotFound, PaperMissing
from heli.core.steps import step
from heli.loop.clocks import rules_for
from heli.loop.models import Request, Voice
from heli.loop.steps.hear import SUBJECT, by_staff


def renew_link(*, voice_id: int, by: Actor, at: dt.datetime) -> Voice:
    """The link holds again from now on, as long as the rule says (track.link_days). The address stays the same.

    `by` is the voice itself (its phone number was told right) or the account it belongs to.

    Raises:
        NotFound: no such voice (L-404). Forbidden: somebody else's (L-403). RuleMissing: L-301.
    """
    with step("voice.link", by=by, at=at) as s:
        voice = Voice.objects.select_for_update(of=("self",)).filter(pk=voice_id).first()
        if voice is None:
            raise NotFound
        if by.voice_id != voice.pk and (by.user_id is None or by.user_id != voice.user_id):
            raise Forbidden
        request = Request.objects.select_related("category").get(pk=voice.request_id)
        rule = rules_for(request, ("track.link_days",), at)["track.link_days"]
        voice.link_until = at + dt.timedelta(days=int(rule.value))
        voice.save(update_fields=["link_until"])
        s.rule(rule)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(voice)
    return voice


def replace_link(*, voice_id: int, by: Actor, at: dt.datetime, checked: str = "") -> Voice:
    """The old link opens nothing any more, and a new one holds from now on: somebody lost the slip, or showed it around.

    `by` is the voice itself, the account it belongs to, or staff who hear in the area and saw who asks; they write in
    `checked` how.

    Raises:
        NotFound: no such voice (L-404). Forbidden: somebody else's (L-403). PaperMissing: staff do not say how they made
        sure (L-103). RuleMissing: L-301.
    """
    with step("voice.replace_link", by=by, at=at) as s:
        voice = Voice.objects.select_for_update(of=("self",)).filter(pk=voice_id).first()
        if voice is None:
            raise NotFound
        request = Request.objects.select_related("category").get(pk=voice.request_id)
        if by.voice_id != voice.pk and (by.user_id is None or by.user_id != voice.user_id):
            s.require(Cap.HEAR, path=request.area_path)
            if not Request.objects.visible_to(by).filter(pk=request.pk).exists():
                raise NotFound
            if not checked.strip():
                raise PaperMissing(field="checked", paper=_("how you made sure who asks"))
        rule = rules_for(request, ("track.link_days",), at)["track.link_days"]
        voice.link_nonce += 1
        voice.link_until = at + dt.timedelta(days=int(rule.value))
        voice.save(update_fields=["link_nonce", "link_until"])
        s.rule(rule)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(voice, reason=by_staff(checked, 200))
    return voice
