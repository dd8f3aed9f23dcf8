"""What can go wrong with endpoints and deliveries; codes L-82x."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class BadAddress(HeliError):
    """The address can never be used: its form, its scheme or its port."""

    code = "L-820"
    status = 400
    sentence = _("An address looks like https://hooks.example.org/heli: no name or password in it, port 443 or 8443.")


class UnknownHost(HeliError):
    code = "L-821"
    status = 400
    sentence = _("The name %(host)s is not found on the network. Check how it is written.")


class PrivateAddress(HeliError):
    """The name leads, or may lead, into a network that is not public."""

    code = "L-822"
    status = 400
    sentence = _("The name %(host)s leads to an address inside a private network. Only public addresses are called.")


class GrantAsleep(HeliError):
    code = "L-823"
    status = 409
    sentence = _("This grant does not count now: it ended, or its unit or account is closed. Choose one in force.")


class OutsideGrant(HeliError):
    code = "L-824"
    status = 400
    sentence = _("The area must lie within the areas of the chosen grant.")


class NotWaiting(HeliError):
    code = "L-825"
    status = 409
    sentence = _("This message is not among those that failed for good: somebody has dealt with it already.")
