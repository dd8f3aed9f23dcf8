"""Jobs that failed for the last time, for the people who run this house."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy as _

from heli.core.errors import Invalid
from heli.core.paging import Page
from heli.core.working import FAILED, SUBJECT

# What each task does, in words.
WORK = {
    "core.event_months": _("Making room for the coming months' events"),
    "core.forget_keys": _("Forgetting keys of writes that were done"),
    "core.sweep_files": _("Removing what interrupted uploads left"),
    "hooks.clean": _("Forgetting messages to other systems that arrived long ago"),
    "hooks.relay": _("Telling other systems what happened"),
    "insight.candidates": _("Looking for problems that keep coming back"),
    "insight.hot": _("Grouping what several people told of"),
    "insight.refresh": _("Counting the figures anew"),
    "insight.write_round": _("Words to all requests of a standing problem"),
    "ledger.doubts": _("Looking at hours that nobody saw, and at rules that are wrong too often"),
    "ledger.stars": _("Giving stars that were put out long enough"),
    "ledger.sequence": _("Places in the log for hours of service, and its signature"),
    "loop.digests": _("The weekly digest for supervisors"),
    "loop.forget_drafts": _("Forgetting imports that nobody finished"),
    "loop.import_batch": _("Taking in a batch of work orders"),
    "loop.ladder": _("Reminders before and after deadlines"),
    "loop.lapse": _("Closing what nobody judged"),
    "loop.learn": _("A reader learns what requests are about"),
    "loop.learn_replies": _("Learning which reply belongs to which message"),
    "loop.learn_places": _("Learning names of places from requests"),
    "loop.read": _("Reading what a request is about"),
    "loop.revisit_messages": _("The link to judge, sent once more before anybody is called"),
    "loop.sample": _("Drawing samples of what the rule sent on"),
    "loop.start_reader": _("The first reader learns from the examples of the software"),
    "loop.tell": _("Text messages to the residents of a request"),
    "ops.logs": _("Putting old logs away"),
    "oversight.forget": _("Destroying tips whose time of keeping is over"),
    "people.sweep": _("Forgetting sign-ups that were never finished"),
    "places.lapse_bookings": _("what was asked for at a site and nobody answered ends"),
    "places.tell_booking": _("news of something asked for at a site"),
    "volunteering.forget_rosters": _("Forgetting tables of people that nobody took"),
    "places.forget_drafts": _("Forgetting tables of places that nobody finished"),
    "places.import_sites": _("Taking in a table of places"),
    "snaps.forget": _("Forgetting fingerprints of photos that are older than the rule keeps them"),
    "snaps.thank": _("Thanks for snaps that were verified"),
    "suggestions.follow": _("Suggestions follow what was decided of their requests"),
    "volunteering.tell": _("news of a place in a shift for a volunteer"),
    "volunteering.tell_people": _("news for a volunteer of who would serve beside them"),
    "volunteering.remind": _("reminders before shifts"),
    "volunteering.weekly": _("what fits a volunteer, once a week, for those who asked"),
    "volunteering.turns": _("free places of shifts to the next in line, draws"),
    "volunteering.make_shifts": _("Shifts of series are made ahead"),
    "wishes.daily": _("Wishes and promises whose day is over"),
    "wishes.follow": _("Wishes follow what was judged or taken back"),
    "wishes.tell_giver": _("A text message to who took on a wish"),
    "wishes.tell_givers": _("Text messages to all who took on a wish"),
    "wishes.tell_resident": _("A text message to who made a wish"),
}
SQL = """SELECT j.id, j.task_name, j.queue_name, j.attempts, e.at, coalesce(e.data->>'reason', '')
    FROM procrastinate_jobs j LEFT JOIN LATERAL (SELECT at, data FROM core_event e
        WHERE e.subject_type = %s AND e.subject_id = j.id AND e.step = %s ORDER BY e.id DESC LIMIT 1) e ON true
    WHERE j.status = 'failed' AND j.id < %s ORDER BY j.id DESC LIMIT %s"""


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


def failed_jobs(*, after: str | None = None, size: int = 50) -> Page[FailedJob]:
    """One page, the newest first; `after`: the number of the last job of the page before. One statement.

    Raises Invalid (L-400) when `after` is no number of a job.
    """
    if after and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Invalid(_("The link to the next page was cut short. Start from the first page again."))
    with connection.cursor() as cur:
        cur.execute(SQL, [SUBJECT, FAILED, int(after) if after else 2**63 - 1, size + 1])
        rows = [FailedJob(*row) for row in cur.fetchall()]
    return Page(rows[:size], str(rows[size - 1].id) if len(rows) > size else "")
