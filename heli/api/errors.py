"""What can go wrong when another system asks; codes L-803 … L-812."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NoToken(HeliError):
    code = "L-803"
    status = 401
    sentence = _(
        "This needs a token that is in force, sent as “Authorization: Bearer heli_…”. Ask whoever gave it to you."
    )


class Unreadable(HeliError):
    """The body, the address or a header does not have the declared shape; `errors` of the answer says where."""

    code = "L-804"
    status = 422
    sentence = _("What was sent does not have the shape the documentation gives. Look at the list of fields.")


class KeyNeeded(HeliError):
    code = "L-805"
    status = 400
    sentence = _(
        "A write needs the header Idempotency-Key: 1 to 80 letters, digits or signs, a new one for each thing done."
    )


class TooFast(HeliError):
    code = "L-806"
    status = 429
    sentence = _("Too many requests in this minute. Wait %(seconds)s seconds; the headers say how many are left.")


class BodyTooLarge(HeliError):
    code = "L-807"
    status = 413
    sentence = _("This is more than one request may hold. Send fewer or smaller things at once.")


class MethodUnknown(HeliError):
    code = "L-808"
    status = 405
    sentence = _("This address does not take that method. The header Allow names those it takes.")


class TokenTooLong(HeliError):
    code = "L-809"
    status = 400
    sentence = _("A token holds for at most %(limit)s under the rule in force. Choose an earlier day.")


class CapsNotHeld(HeliError):
    code = "L-810"
    status = 400
    sentence = _("Choose at least one of the things that this grant allows; a token cannot do more.")
