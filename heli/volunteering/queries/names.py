"""Names as they were registered: what a certificate of hours is made out to."""

from __future__ import annotations

from heli.ledger.certificates import Kept
from heli.volunteering.models import Volunteer


def registered_name(user_id: int) -> Kept | None:
    """A volunteer's registered name, and whether it was checked (a pause or leaving takes nothing from that, a doubt does);
    None for an account that never registered. One statement."""
    found = Volunteer.objects.select_related("record").filter(user=user_id).first()
    if found is None or found.record.erased_at:
        return None
    return Kept(found.record, checked=found.verified_at is not None)
