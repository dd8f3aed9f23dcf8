"""Errors of the pages themselves; a room has its own."""

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class PageTooOld(HeliError):
    """The form's token is not this session's: logged out meanwhile, cookies refused, or another site sent it."""

    code = "L-801"
    status = 403
    sentence = _(
        "This page was open too long, or cookies are off. Go back, reload it and send again; your text is still there."
    )


class Unreadable(HeliError):
    """The request itself cannot be read (400)."""

    code = "L-802"
    status = 400
    sentence = _("What arrived could not be read. Go back and send it again.")
