"""What can go wrong with notices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class NoticeChanged(HeliError):
    code = "L-236"
    status = 409
    sentence = _("Somebody changed this notice while you were writing. Look at what stands there now, then save again.")


class SecondPerson(HeliError):
    code = "L-237"
    status = 403
    sentence = _("By the rule here a second person publishes: a colleague who did not write it.")


class NextVersion(HeliError):
    code = "L-238"
    status = 409
    sentence = _("A next version of this notice was begun already. Go on with that one.")
