"""The secret link of a voice, made to hold again by somebody who proved who they are."""

from __future__ import annotations

import datetime as dt

from heli.core.actor import Actor
from heli.core.errors import Forbidden, NotFound
from heli.core.steps import step
from heli.loop.clocks import rules_for
from heli.loop.models import Request, Voice
from heli.loop.steps.hear import SUBJECT


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
