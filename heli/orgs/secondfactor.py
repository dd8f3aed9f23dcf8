"""People who have been given work to do here log in with a second factor (HELI_STAFF_MFA)."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils import timezone

from heli.orgs.queries import grants_in_force
from heli.people.accounts import MFAAdapter


class StaffMFAAdapter(MFAAdapter):
    """Adds to the sealed keys: who holds a grant cannot switch the second factor off."""

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not (settings.HELI_STAFF_MFA and grants_in_force(authenticator.user_id, timezone.now()))
