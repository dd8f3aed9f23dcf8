"""Why a try failed, how an endpoint fares, and what people did with it, in words."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = str | Promise

REASONS: dict[str, Words] = {
    "": "",
    "timeout": _("no answer within 10 seconds"),
    "connect": _("no connection"),
    "tls": _("its certificate does not hold"),
    "broken": _("the connection broke"),
    "private": _("its name leads into a private network"),
    "unknown": _("its name is not found"),
    "redirect": _("it sends on to another address, which is not followed"),
    "refused": _("it refused"),
    "out_of_sight": _("its grant does not see this any more"),
    "ended": _("the endpoint ended"),
    "given_up": _("somebody gave it up"),
}
HEALTH: dict[str, tuple[str, Words]] = {  # word of queries.EndpointRow.health: (state of the look, what it says)
    "fine": ("done", pgettext_lazy("endpoint", "working")),
    "fresh": ("", pgettext_lazy("endpoint", "not used yet")),
    "failing": ("soon", pgettext_lazy("endpoint", "failing")),
    "blocked": ("late", pgettext_lazy("endpoint", "stuck")),
    "asleep": ("late", pgettext_lazy("endpoint", "grant ended")),
    "paused": ("pause", pgettext_lazy("endpoint", "paused")),
    "ended": ("back", pgettext_lazy("endpoint", "ended")),
}
CHIPS = {"waiting": "doing", "delivered": "done", "dead": "late", "skipped": "pause"}
DONE: dict[str, Words] = {
    "hooks.add_endpoint": pgettext_lazy("endpoint", "Added"),
    "hooks.change_endpoint": pgettext_lazy("endpoint", "Changed"),
    "hooks.pause_endpoint": _("Paused"),
    "hooks.resume_endpoint": _("Resumed"),
    "hooks.end_endpoint": pgettext_lazy("endpoint", "Ended"),
    "hooks.rotate_secret": _("Secret changed"),
    "hooks.test": _("Test message asked for"),
    "hooks.replay": _("Failed ones tried again"),
    "hooks.skip": _("Failed ones given up"),
}
