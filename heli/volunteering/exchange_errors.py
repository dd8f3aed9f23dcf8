"""Errors of tables that come and go, and of the national system (L-990 …)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NothingToPack(HeliError):
    code = "L-990"
    status = 409
    sentence = _("Nothing waits to be packed here. What was packed already stands in the list of batches.")


class GuardianFirst(HeliError):
    code = "L-991"
    status = 409
    sentence = _(
        "Under %(n)s a guardian decides on this. Come to the community office with them; it is written down there."
    )


class NoMapping(HeliError):
    code = "L-992"
    status = 409
    sentence = _(
        "Nobody has said yet which column of the national template holds what. Fill in the mapping first, by the template"
        " that you were given."
    )


class NoReceipt(HeliError):
    code = "L-993"
    status = 400
    sentence = _(
        "This table is no receipt: it needs the column with our number and one that says taken or refused. It has: %(columns)s."
    )


class TooManyLines(HeliError):
    code = "L-994"
    status = 400
    sentence = _("The table has more than %(most)s rows. Split it, and lay down the parts.")


class NoNumbers(HeliError):
    code = "L-995"
    status = 400
    sentence = _(
        "The table has no column of volunteer numbers. Export the list of the shift first, and add people to that table."
    )


class RoleUnknown(HeliError):
    code = "L-996"
    status = 400
    sentence = _("This shift has no such role. Write one of these: %(roles)s.")


class StateUnknown(HeliError):
    code = "L-997"
    status = 400
    sentence = _("This word for the state is not known. Leave the cell empty to enrol the person.")


class TwiceInTable(HeliError):
    code = "L-998"
    status = 400
    sentence = _("Row %(line)s has the same volunteer number. Keep one of the two.")


class MappingChanged(HeliError):
    code = "L-999"
    status = 409
    sentence = _("Somebody else changed the mapping meanwhile. Look at it as it is now, then write yours again.")
