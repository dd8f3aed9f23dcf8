"""Errors of wishes (L-210 … L-219)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class SomebodyFaster(HeliError):
    code = "L-210"
    status = 409
    sentence = _("Somebody was faster: of this wish only %(left)s is still missing. Take that, or choose another wish.")


class AllTaken(HeliError):
    code = "L-211"
    status = 409
    sentence = _("Somebody was faster: others have taken on all of this wish. Others on the wall still wait.")


class NamesSomebody(HeliError):
    code = "L-212"
    status = 400
    sentence = _(
        "Everybody can read this on the wall, and “%(found)s” says who it is or where they live. Leave it out."
    )


class NoConsent(HeliError):
    code = "L-213"
    status = 400
    sentence = _("It goes on the wall only when the resident has agreed. Ask them, and tick that they did.")


class TooMuchMoney(HeliError):
    code = "L-214"
    status = 400
    sentence = _("A wish for money is at most %(limit)s. For more, help by the rules for aid is the right way.")


class NotOnWall(HeliError):
    code = "L-215"
    status = 404
    sentence = _("This wish is no longer on the wall: it was taken back, or its time is over. Others still wait.")


class PromisedTooLate(HeliError):
    code = "L-216"
    status = 400
    sentence = _("Name a day from today until %(last)s: somebody waits for it.")


class ReferenceMissing(HeliError):
    code = "L-217"
    status = 400
    sentence = _("Money never passes through here. Give it to %(keeper)s and write the number of their receipt here.")


class TooFarAhead(HeliError):
    code = "L-218"
    status = 400
    sentence = _("Name a day after today, at most %(limit)s ahead: a wish must not wait for ever.")


class NotInHand(HeliError):
    code = "L-219"
    status = 409
    sentence = _("This wish is not with your unit, or it is over. Look at its request to see who has it.")
