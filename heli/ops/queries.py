"""Jobs that failed for the last time, for the people who run this house."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy as _

from heli.core.working import FAILED, SUBJECT

SHOWN = 100
# What a task does, in words; one that is not here is called by its name.
WORK = {
    "loop.tell": _("Text messages to the residents of a request"),
    "loop.ladder": _("Reminders before and after deadlines"),
    "loop.lapse": _("Closing what nobody judged"),
    "people.sweep": _("Forgetting sign-ups that were never finished"),
    "core.sweep_files": _("Removing what interrupted uploads left"),
}
SQL = """SELECT j.id, j.task_name, j.queue_name, j.attempts, e.at, coalesce(e.data->>'reason', '')
    FROM procrastinate_jobs j LEFT JOIN LATERAL (SELECT at, data FROM core_event e
        WHERE e.subject_type = %s AND e.subject_id = j.id AND e.step = %s ORDER BY e.id DESC LIMIT 1) e ON true
    WHERE j.status = 'failed' ORDER BY j.id DESC LIMIT %s"""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """One job nobody tries any more; `reason` holds nothing personal (heli.core.working.reason_of)."""

    id: int
    task: str
    queue: str
    attempts: int
    at: dt.datetime | None
    reason: str

    @property
    def work(self) -> str:
        return str(WORK.get(self.task, self.task))


def failed_jobs() -> list[FailedJob]:
    """The newest hundred. One statement."""
    with connection.cursor() as cur:
        cur.execute(SQL, [SUBJECT, FAILED, SHOWN])
        return [FailedJob(*row) for row in cur.fetchall()]
