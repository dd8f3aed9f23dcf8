"""Jobs: an effect happens once, a dead worker's jobs go on by themselves, one that always fails bothers nobody."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from heli.adapters import sms
from heli.core import working
from heli.core.models import Event
from heli.core.outages import drop_dead
from heli.loop import jobs
from heli.ops import queries
from tests import database
from tests.loop.staff import log_in, text_of
from tests.loop.told import tell


class Killed(BaseException):
    """Stands for kill -9 in the middle of a job."""


class Carrier:
    """A gateway that keeps what it was given, and dies or refuses on demand."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.dies_after = 10**9
        self.refuses = False

    def send(self, phone: str, template: str, values: Any, key: str = "") -> None:
        if self.refuses:
            raise sms.NotSent
        self.sent.append((phone, key))
        if len(self.sent) == self.dies_after:
            raise Killed


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(sms, "sender", lambda: made)
    return made


def run_all() -> None:
    """A worker of ours does everything that is due."""
    with app.replace_connector(app.connector.get_worker_connector()) as running:  # type: ignore[attr-defined]
        running.run_worker(
            wait=False, install_signal_handlers=False, listen_notify=False, delete_jobs="successful", task_middleware=[working.guarded]
        )  # fmt: skip


def make_due() -> None:
    """The pause before the next try is over."""
    with connection.cursor() as cur:
        cur.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")


def lose_worker(job_id: int, *, silent: int = 60) -> None:
    """The job's worker was killed while it ran."""
    with connection.cursor() as cur:
        cur.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s)) RETURNING id", [silent])  # fmt: skip
        worker = cur.fetchone()[0]
        cur.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s", [worker, job_id])


def take_again() -> int:
    with database.second_connection() as db:
        done = working.take_again(db)
        db.commit()
    return done


def two_voices(world: Any) -> Any:
    """A request two neighbours said, with the job that tells both."""
    from heli.loop import steps

    kept, twin = tell(world), tell(world, "12号楼那边天天摸黑", phone="13900009999")
    steps.merge(request_id=twin.request_id, into_id=kept.request_id, by=world.actor("孙坐席"), at=kept.later(0.2))
    ProcrastinateJob.objects.all()._raw_delete(ProcrastinateJob.objects.db)
    kept.dispatch()
    return kept


def test_killed_between_two_messages_it_goes_on_with_the_second(fire_db: str, world: Any, carrier: Carrier) -> None:
    """The first was sent and written down; killed right after the second left, that one comes again under its key."""
    kept = two_voices(world)
    job = ProcrastinateJob.objects.get(task_name="loop.tell")
    context = type("Context", (), {"job": job})
    carrier.dies_after = 2
    with pytest.raises(Killed):
        jobs.tell.func(context, kept.request_id, "dispatched")
    assert len(carrier.sent) == 2
    carrier.dies_after = 10**9
    assert jobs.tell.func(context, kept.request_id, "dispatched") == 1
    keys = [key for _phone, key in carrier.sent]
    assert keys[1] == keys[2] and len(set(keys)) == 2, "sent again under the same key, and only that one"
    assert jobs.tell.func(context, kept.request_id, "dispatched") == 0


def test_jobs_of_a_dead_worker_are_taken_again(fire_db: str, world: Any, carrier: Carrier) -> None:
    tell(world).dispatch()
    job = ProcrastinateJob.objects.get(task_name="loop.tell")
    lose_worker(job.pk, silent=5)
    assert take_again() == 0, "a worker that was heard of five seconds ago is not dead"
    lose_worker(job.pk)
    assert take_again() == 1 and take_again() == 0
    make_due()
    run_all()
    assert len(carrier.sent) == 1 and not ProcrastinateJob.objects.filter(task_name="loop.tell").exists()


def test_a_periodic_job_that_was_cut_off_does_not_block_the_next(fire_db: str, world: Any) -> None:
    """Both hold the same queueing lock; putting the first back beside the second would break its rule."""
    with connection.cursor() as cur:
        cur.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, queueing_lock) VALUES"
            " ('clocks', 'loop.ladder', '{\"timestamp\": 1}', 'doing', 'loop.ladder'),"
            " ('clocks', 'loop.ladder', '{\"timestamp\": 1}', 'doing', 'loop.ladder'),"
            " ('clocks', 'loop.ladder', '{\"timestamp\": 2}', 'todo', 'loop.ladder')"
        )
    assert take_again() == 0
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["aborted", "aborted", "todo"]


def test_a_job_that_kills_its_workers_is_parked(fire_db: str, world: Any) -> None:
    tell(world).dispatch()
    job = ProcrastinateJob.objects.get(task_name="loop.tell")
    for _time in range(working.KILLED_TRIES):
        lose_worker(job.pk)
        assert take_again() == 1
    lose_worker(job.pk)
    assert take_again() == 0
    found = queries.failed_jobs().rows
    assert [(f.id, f.attempts) for f in found] == [(job.pk, working.KILLED_TRIES + 1)] and "worker ended" in found[
        0
    ].reason


def test_one_that_always_fails_is_parked_and_seen_and_others_go_on(
    fire_db: str, world: Any, carrier: Carrier, settings: Any
) -> None:
    """Longer pauses each time, then failed; its reason says nothing about anybody; a person tries it again."""
    settings.HELI_STAFF_MFA = False
    bad = tell(world)
    bad.dispatch()
    ProcrastinateJob.objects.exclude(task_name="loop.tell").delete()  # else their seconds outlast the first pause
    carrier.refuses = True
    waits = []
    for _try in range(20):
        run_all()
        job = ProcrastinateJob.objects.get(task_name="loop.tell")
        if job.status == "failed":
            break
        waits.append((job.scheduled_at - timezone.now()).total_seconds())
        make_due()
    assert job.status == "failed" and len(waits) == jobs.BACKOFF.max_attempts
    assert all(later > 3 * earlier for earlier, later in itertools.pairwise(waits))
    carrier.refuses = False
    other = tell(world, phone="13900009999")
    other.dispatch()
    run_all()
    assert [phone for phone, _key in carrier.sent] == ["13900009999"], "others do not wait for it"

    page = log_in(world, "姜管理").get("/jobs/")
    assert page.status_code == 200 and "L-531" in text_of(page) and "13800000017" not in text_of(page)
    assert log_in(world, "孙坐席").get("/jobs/").status_code == 403
    admin = log_in(world, "姜管理")
    assert admin.post("/jobs/", {"job": str(job.pk)}).status_code == 303
    assert admin.post("/jobs/", {"job": str(job.pk)}).status_code == 409, "it is not failed any more"
    assert admin.post("/jobs/", {"job": "x"}).status_code == 400
    assert Event.objects.filter(step="job.retry", subject_id=job.pk, user_id=world.jiang_admin.pk).count() == 1
    run_all()
    assert sorted(phone for phone, _key in carrier.sent) == ["13800000017", "13900009999"]
    assert "L-531" not in text_of(admin.get("/jobs/"))


def test_a_job_starts_with_a_live_connection(fire_db: str, world: Any, carrier: Carrier) -> None:
    """The database was restarted since the worker's last job: its connection is dead, and it does not matter."""
    tell(world).dispatch()
    with database.second_connection(owner=True) as db:
        db.autocommit = True
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip

    with pytest.raises(OperationalError), connection.cursor() as cur:
        cur.execute("SELECT 1")
    connection.close()
    with connection.cursor() as cur:
        cur.execute("SELECT pg_backend_pid()")
        pid = cur.fetchone()[0]
    with database.second_connection(owner=True) as db:
        db.autocommit = True
        db.execute("SELECT pg_terminate_backend(%s)", [pid])
        db.execute("SELECT pg_sleep(0.3)")
    drop_dead()
    with connection.cursor() as cur:
        cur.execute("SELECT 1")
    run_all()
    assert len(carrier.sent) == 1


def test_reasons_hold_nothing_of_what_people_wrote() -> None:
    assert working.reason_of(psycopg.errors.UniqueViolation("Key (phone)=(13912345678)")) == "UniqueViolation"
    assert working.reason_of(sms.NotSent()).startswith("NotSent: L-531")
