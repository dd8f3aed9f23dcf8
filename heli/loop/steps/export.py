"""A list of requests is taken away as a file: what for, which list, how many rows, kept before the file is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from heli.core.actor import Actor
from heli.loop.steps.reveal import export_list


def record_export(
    *, by: Actor, at: dt.datetime, area_path: str, purpose: str, filters: Mapping[str, str], rows: int
) -> None:
    """Somebody who may export in an area takes the requests that fit `filters` away; one Event about the area.

    Raises:
        Forbidden: no EXPORT there (L-403). PaperMissing: no purpose (L-103).
    """
    export_list(name="requests", by=by, at=at, purpose=purpose, rows=rows, filters=filters, org_id=None, path=area_path)
