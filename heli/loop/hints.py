"""Words for what a reply is often sent without (engines/text/reply.py sees it). Reminders; they never stop a reply."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.engines.text import reply

WORDS: dict[str, str | Promise] = {
    "other": _("it seems to speak of other things than the message"),
    "passed": _("passing it on is no answer yet: who does what, and by when"),
    "done": _("it does not say yet what was done"),
    "rule": _("it says no, and does not say yet what that rests on"),
    "when": _("it does not say yet when it was done, or by when it will be"),
    "whom": _("it does not say yet whom to call if it comes back"),
    "next": _("it is not finished, and does not say yet what comes next"),
}


@dataclass(frozen=True, slots=True)
class Hint:
    """Something to look at again in a reply. `key`: of WORDS."""

    key: str
    words: str | Promise


def of_reply(
    text: str, *, title: str = "", body: str = "", whole: bool = False, state: reply.State | None = None
) -> list[Hint]:
    """What to look at again in a reply to a message. Nothing for a text that has hardly begun, unless it is the `whole`."""
    seen = reply.look(title, body, text, whole=whole, state=state)
    keys = {*seen.missing}
    if seen.passed_on:
        keys.add("passed")
    if seen.relevance is not None and seen.relevance < reply.LOW:
        keys.add("other")
    return [Hint(key, words) for key, words in WORDS.items() if key in keys]
