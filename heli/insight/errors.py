"""Errors of standing problems (L-240 … L-249)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NamedAlready(HeliError):
    code = "L-240"
    status = 409
    sentence = _("This is already a standing problem in hand: “%(title)s”. Put the requests to that one.")


class NothingChosen(HeliError):
    code = "L-241"
    status = 400
    sentence = _("Tick at least one request that your unit has in hand.")


class MeasuresOpen(HeliError):
    code = "L-242"
    status = 409
    sentence = _("%(n)s measures of the plan are neither done nor dropped. Say of each what became of it.")


class NoDefinition(HeliError):
    code = "L-243"
    status = 400
    sentence = _("Say what belongs to it: choose a kind of matter, or name at least one request by its code.")
