"""Errors of volunteers and their proofs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class RegisteredAlready(HeliError):
    code = "L-841"
    status = 409
    sentence = _("This account is registered as a volunteer already. Open “My volunteering” to go on.")


class NumberTaken(HeliError):
    code = "L-842"
    status = 409
    sentence = _(
        "Somebody is registered with this identity number already. Log in to that account; if it is not yours, tell your"
        " community office."
    )


class CardDiffers(HeliError):
    code = "L-843"
    status = 400
    sentence = _("This is not what was registered. Compare the card once more; if the number is wrong, register anew.")


class NamesDiffer(HeliError):
    code = "L-844"
    status = 400
    sentence = _("The check of names says that this name and this number do not belong together.")


class NotByOneself(HeliError):
    code = "L-845"
    status = 403
    sentence = _("What speaks for you is looked at by somebody else. Ask a colleague.")


class AskedAlready(HeliError):
    code = "L-846"
    status = 409
    sentence = _("You asked this team already; its leader answers.")
