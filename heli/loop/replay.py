"""Replay of real messages with their real replies: each is told, dispatched and answered at its own times, through the
steps, and the clocks are judged by the rule rows. Shows that the rules, the calendar and the clocks say what a recount says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from heli.core.actor import SYSTEM
from heli.core.errors import HeliError
from heli.core.tables import RowError
from heli.loop import steps
from heli.loop.importing import read_time
from heli.loop.models import Channel, Clock, Request
from heli.rulebook import queries as rulebook
from heli.rulebook.errors import RuleMissing

SOURCE = "replay"
NATURAL_DAYS = (5, 15, 30)
RULE_SETS = {
    "": "country",
    "37": "Shandong",
    "310106019": "Daning",
    "310118001": "Xiayang",
    "3203": "Xuzhou",
    "11": "Beijing",
}


@dataclass(slots=True)
class RuleSet:
    """How many replies one rule set calls in time."""

    name: str
    words: str
    on_time: int = 0
    of: int = 0
    provisional: int = 0

    @property
    def share(self) -> float:
        return self.on_time / self.of if self.of else 0.0


@dataclass(slots=True)
class Replayed:
    """What a replay did, and how the replies stand under each rule set."""

    rows: int = 0
    answered: int = 0
    known: int = 0
    met: int = 0  # reply clocks that the loop itself called in time
    late: int = 0
    errors: list[RowError] = field(default_factory=list)
    rule_sets: list[RuleSet] = field(default_factory=list)


def replay(
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Mapping[str, str],
    area_path: str,
    unit_id: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> Replayed:
    """Drive messages with replies through the loop. `columns` names the table's columns for key, title, text, at, reply,
    replied_at. A row that was replayed before is passed over; each row is its own set of transactions."""
    done = Replayed()
    spans: list[tuple[dt.datetime, dt.datetime]] = []
    known = set(Request.objects.filter(source=SOURCE, replied_at__isnull=False).values_list("source_key", flat=True))
    for line, row in enumerate(rows, start=2):
        done.rows += 1
        value = {f: row.get(c, "") for f, c in columns.items()}
        try:
            told, replied = read_time(value["at"], line), read_time(value["replied_at"], line)
        except ValueError:
            done.errors.append(RowError(line, "at", "L-400", value["at"][:30]))
            continue
        spans.append((told, replied))
        if value["key"] in known:
            done.known += 1
            continue
        try:
            answer(value, told, replied, area_path=area_path, unit_id=unit_id)
            done.answered += 1
        except HeliError as error:
            done.errors.append(RowError(line, error.field or "", error.code, error.words))
        if done.rows % 20 == 0:
            progress(done.rows)
    clocks = Clock.objects.filter(request__source=SOURCE, kind="reply")
    done.met, done.late = clocks.filter(outcome="met").count(), clocks.filter(outcome="late").count()
    done.rule_sets = judged(spans, area_path)
    return done


def answer(value: Mapping[str, str], told: dt.datetime, replied: dt.datetime, *, area_path: str, unit_id: int) -> None:
    """One message on its way: told, sent on and taken on at once, answered when it really was."""
    heard = steps.hear(
        by=SYSTEM, at=told, text=value["text"], title=value["title"], area_path=area_path,
        channel=Channel.IMPORT, source=SOURCE, source_key=value["key"],
    )  # fmt: skip
    made = steps.offer(request_id=heard.request.pk, unit_id=unit_id, by=SYSTEM, at=told)
    steps.accept(dispatch_id=made.pk, by=SYSTEM, at=told)
    handling = steps.write_reply(request_id=heard.request.pk, by=SYSTEM, at=replied, text=value["reply"])
    if handling.state == "in_review":
        steps.approve_reply(handling_id=handling.pk, by=SYSTEM, at=replied)


def judged(spans: list[tuple[dt.datetime, dt.datetime]], area_path: str) -> list[RuleSet]:
    """The spans under each rule set: natural days as a yardstick, then the shipped rules of each place, each message by the
    row in force on its day. A place without a row for that day is left out of its denominator."""
    made = []
    for days in NATURAL_DAYS:
        on_time = sum(z - a <= dt.timedelta(days=days) for a, z in spans)
        made.append(RuleSet(f"{days} days", f"{days} × 24 h", on_time, len(spans)))
    for path, name in (*RULE_SETS.items(), (area_path, "here")):
        one = RuleSet(name, "")
        for a, z in spans:
            try:
                rule = rulebook.in_force(
                    ("clock.reply",),
                    path=path,
                    on=timezone.localtime(a).date(),
                    facts={"urgency": "normal", "kind": "help"},
                )
            except RuleMissing:
                continue
            r = rule["clock.reply"]
            one.words = r.words
            due = rulebook.calendar(path, a, days=60).due(a, int(r.value["amount"]), r.value["unit"])
            one.of += 1
            one.on_time += z <= due.at
            one.provisional += due.provisional
        made.append(one)
    return made
