"""What a person does about the machine's own work: a job that failed is tried again."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import WrongState
from heli.core.steps import step
from heli.core.working import SUBJECT

AGAIN = """UPDATE procrastinate_jobs j SET status = 'todo', attempts = 0, scheduled_at = now()
    WHERE id = %s AND status = 'failed' AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs o
        WHERE o.queueing_lock = j.queueing_lock AND o.status = 'todo')
    RETURNING task_name"""


def try_again(*, job_id: int, by: Actor, at: dt.datetime) -> None:
    """Put a failed job back into its queue; its retries begin anew.

    Raises WrongState (L-101) when it is not failed (any more), or the next of its kind waits already.
    """
    with step("job.retry", by=by, at=at) as s:
        s.require(Cap.MANAGE_GRANTS, path=settings.HELI_HOME_AREA)
        with connection.cursor() as cur:
            cur.execute(AGAIN, [job_id])
            row = cur.fetchone()
        if row is None:
            raise WrongState
        s.about(SUBJECT, job_id, settings.HELI_HOME_AREA)
        s.record(task=row[0])
