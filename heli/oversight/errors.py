"""Errors of oversight (L-250 … L-259)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class TipLinkEnded(HeliError):
    code = "L-250"
    status = 410
    sentence = _("This link was cut short, or the time for keeping the tip is over. If they come again, tell us anew.")


class NothingTold(HeliError):
    code = "L-251"
    status = 400
    sentence = _("Add a photo, or the name as you remember it, or a sentence on what happened. One of them is enough.")


class NotLinked(HeliError):
    code = "L-252"
    status = 409
    sentence = _("These two tips cannot be put together: it is the same one, or they are together already.")
