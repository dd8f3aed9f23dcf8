"""What can go wrong when another system asks; codes L-803 … L-812, of Open311 L-830 … L-836."""

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


# Open311 --------------------------------------------------------------------------------------------------------------
class FormNeeded(HeliError):
    code = "L-830"
    status = 400
    sentence = _(
        "Send the request as a form in UTF-8 (application/x-www-form-urlencoded), with pictures as multipart/form-data."
    )


class NotProvided(HeliError):
    code = "L-831"
    status = 400
    sentence = _("%(name)s was not provided.")


class NoJurisdiction(HeliError):
    code = "L-832"
    status = 404
    sentence = _("jurisdiction_id was not found. Give the code of a county, six digits.")


class NoService(HeliError):
    code = "L-833"
    status = 404
    sentence = _("service_code was not found. The list of services has those that are open.")


class TooWideSpan(HeliError):
    code = "L-834"
    status = 400
    sentence = _("start_date and end_date may lie at most %(days)s days apart, the earlier one first.")


class ApiKeyNeeded(HeliError):
    code = "L-835"
    status = 403
    sentence = _("api_key was not provided, or is not in force. Ask the administrator of this site for a token.")


class TooDeep(HeliError):
    code = "L-836"
    status = 400
    sentence = _("Pages end after the first %(most)s requests. Narrow the dates instead.")
