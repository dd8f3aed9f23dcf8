"""Names as they were registered: what a certificate of hours is made out to."""

from __future__ import annotations

from heli.core.models import VaultRecord
from heli.volunteering.models import Volunteer


def registered_name(user_id: int) -> VaultRecord | None:
    """Where a volunteer's registered name lies; None for an account that never registered. One statement."""
    found = Volunteer.objects.select_related("record").filter(user=user_id).first()
    return None if found is None or found.record.erased_at else found.record
