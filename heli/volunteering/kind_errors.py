"""Errors of what is said afterwards, and of serving side by side (L-455 …)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NotClosedYet(HeliError):
    code = "L-455"
    status = 409
    sentence = _("This shift is not closed yet. It can be said once its leader has written down who was there.")


class LooksAtOwn(HeliError):
    code = "L-456"
    status = 403
    sentence = _("You said this yourself. Somebody else looks at it.")


class NoPair(HeliError):
    """One sentence for every cause, so that nobody learns from a number who somebody is or how old."""

    code = "L-457"
    status = 409
    sentence = _(
        "With this number nobody can be at your side in this shift: one of you two is of silver age and the other is not,"
        " and both are on its list. Ask the leader to find somebody."
    )


class PairedAlready(HeliError):
    code = "L-458"
    status = 409
    sentence = _("One of you two has somebody at their side in this shift already. That has to end first.")


class NotSilver(HeliError):
    code = "L-459"
    status = 409
    sentence = _("The leader finds somebody for silver-age volunteers. Ask somebody by their volunteer number.")
