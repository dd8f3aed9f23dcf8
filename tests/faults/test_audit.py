"""`heli audit` finds nothing in a house where people worked, and each kind of damage by its name."""

from __future__ import annotations

import io
from typing import Any

from django.utils import timezone

from heli.core import files
from heli.core.models import StoredFile
from heli.loop.audit import CHECKS, audit
from tests import database
from tests.invariants.laid import lay
from tests.loop.told import tell
from tests.world import COMMUNITY

# What is done by hand, and the checks that must see it (others may see it too).
DAMAGE = {
    "request_without_event": "DELETE FROM core_event WHERE subject_id = {pk}",
    "event_without_request": "UPDATE core_event SET subject_id = 999999 WHERE id = (SELECT max(id) FROM core_event WHERE subject_type = 'loop.request')",
    "state_unlike_events": "UPDATE loop_request SET state = 'closed' WHERE id = {pk}",
    "clock_that_should_not_run": "UPDATE loop_clock SET kind = 'reply' WHERE request_id = {pk}",
    "clock_missing": "DELETE FROM loop_clock WHERE request_id = {pk}",
    "clock_backwards": "UPDATE loop_clock SET outcome = 'met', stopped_at = started_at - interval '1 day' WHERE request_id = {pk}",
    "due_unlike_clocks": "UPDATE loop_request SET due_at = due_at + interval '1 day' WHERE id = {pk}",
    "rung_twice": "INSERT INTO core_event (at, recorded_at, step, subject_type, subject_id, object_type, object_id, area_path, before, after, rules, data, public) "
    "SELECT now(), now(), 'clock.remind', 'loop.request', {pk}, 'loop.clock', 1, '', '', '', '[]', '{{}}', false FROM generate_series(1, 2)",
    "lead_unlike_request": "UPDATE loop_request SET state = 'dispatched', unit_id = (SELECT min(id) FROM orgs_organisation) WHERE id = {pk}",
    "reply_without_handling": "UPDATE loop_request SET state = 'replied', replied_at = now() WHERE id = {pk}",
    "request_without_voice": "DELETE FROM loop_voice WHERE request_id = {pk}",
    "photo_without_row": "UPDATE loop_request SET photos = ARRAY[gen_random_uuid()] WHERE id = {pk}",
    "outbox_without_event": "INSERT INTO core_outbox VALUES (999999999)",
    "event_from_tomorrow": "UPDATE core_event SET recorded_at = now() + interval '1 day' WHERE subject_id = {pk}",
    "job_of_nobody": "WITH j AS (INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) VALUES ('tell', 'x', '{{}}', 'doing') RETURNING id) SELECT 1 FROM j",
    "job_waiting_long": "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, scheduled_at) VALUES ('tell', 'x', '{{}}', 'todo', now() - interval '1 hour')",
    "job_failed": "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) VALUES ('tell', 'x', '{{}}', 'failed')",
}  # fmt: skip


def wrong() -> dict[str, int]:
    return {f.name: f.count for f in audit(hashes=1000) if f.count}


def test_a_house_where_people_worked_is_in_order(fire_db: str, world: Any) -> None:
    """Requests at every station of the loop, made by the steps."""
    lay(world, mark="某事", community=COMMUNITY, unit="城管局", helper="住建局", now=timezone.now())
    assert wrong() == {}


def test_each_damage_is_found_by_its_name(fire_db: str, world: Any) -> None:
    """One request for each kind of damage, done by the owner behind the application's back."""
    assert set(DAMAGE) == {c.name for c in CHECKS}, "every check has its damage"
    told = {name: tell(world, at=timezone.now()) for name in DAMAGE}
    assert wrong() == {}
    for name, sql in DAMAGE.items():
        with database.second_connection(owner=True) as db:
            db.execute(sql.format(pk=told[name].request_id))
            db.commit()
        assert name in wrong(), name


def test_files_that_are_gone_or_changed_are_found(fire_db: str, world: Any) -> None:
    from tests.loop.visitors import picture

    for color in ("#111", "#222"):
        tell(world, at=timezone.now(), photos=[io.BytesIO(picture(color).read())])
    first, second = StoredFile.objects.filter(subject_type="loop.request").order_by("stored_at")[:2]
    files.where(first.pk).unlink()
    path = files.where(second.pk)
    path.write_bytes(bytes(reversed(path.read_bytes())))
    assert wrong() == {"file_missing": 1, "file_changed": 1}
