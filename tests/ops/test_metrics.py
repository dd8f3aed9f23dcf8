"""What Prometheus reads: right numbers, a bounded list of labels, nothing of any person; and the pages made from it."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from heli.core import metrics, vault
from heli.core.logs import formatter
from heli.loop.models import Clock
from heli.ops import collect, ready, watch
from tests.database import ROOT
from tests.loop.told import tell

TOKEN = "a-token-of-the-tests"
GRAFANA = ROOT / "docs" / "grafana"


@pytest.fixture
def counted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HELI_METRICS_TOKEN = TOKEN
    settings.HELI_STAFF_MFA = False
    monkeypatch.setattr(ready, "_last", (-100.0, []))
    for counter in (
        metrics.REQUESTS,
        metrics.LATENCY,
        metrics.STATEMENTS,
        metrics.SQL_SECONDS,
        metrics.STEPS,
        metrics.LOGINS,
    ):
        counter.clear()


def read(client: Client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """{name of a sample: {its labels: its value}}."""
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.content
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        found.setdefault(family.name, {})
    return found


@pytest.mark.django_db
def test_nobody_reads_them_without_the_token(client: Client, settings: Any) -> None:
    for token, said in (
        ("", ""),
        ("", "Bearer "),
        (TOKEN, ""),
        (TOKEN, "Bearer x"),
        (TOKEN, TOKEN),
        (TOKEN, "Bearer 王"),
    ):
        settings.HELI_METRICS_TOKEN = token
        answer = client.get("/metrics", headers={"authorization": said} if said else {})
        assert answer.status_code == 404 and b"heli_" not in answer.content, (token, said)


@pytest.mark.django_db
def test_requests_are_counted_by_name_never_by_address(client: Client, counted: None) -> None:
    for path in ("/", "/", "/t/abcDEF123secret/", "/no/such/13912345678/", "/no/such/other/", "/static/nothing.css"):
        client.get(path)
    client.generic("BREW", "/")
    found = read(client)["heli_requests_total"]
    said = {(dict(k)["route"], dict(k)["method"], dict(k)["status"]): v for k, v in found.items()}
    assert said[("web:home", "GET", "200")] == 2
    assert said[("unmatched", "GET", "404")] == 2
    assert said[("static", "GET", "404")] == 1
    assert said[("web:home", "OTHER", "405")] == 1
    assert any(route.startswith("loop:") for route, _m, _s in said)
    assert not re.search("139|secret", str(found))


@pytest.mark.django_db
def test_statements_and_time_of_a_request(client: Client, counted: None) -> None:
    client.get("/")
    found = read(client)
    home = (("route", "web:home"),)
    assert found["heli_sql_statements_total"][home] >= 1
    assert 0 < found["heli_sql_seconds_total"][home] <= found["heli_request_seconds_sum"][home]
    assert found["heli_request_seconds_count"][home] == 1


@pytest.mark.django_db
def test_with_metrics_off_nothing_is_wrapped(client: Client, counted: None, settings: Any) -> None:
    settings.HELI_METRICS_TOKEN = ""
    client.get("/")
    settings.HELI_METRICS_TOKEN = TOKEN
    found = read(client)
    assert "heli_requests_total" not in found and "heli_sql_statements_total" not in found


def test_other_systems_and_how_far_behind_they_are(world: Any, counted: None, client: Client) -> None:
    from heli.hooks.models import Delivery
    from heli.hooks.queries import health
    from tests.hooks.receiver import listen

    endpoint, _secret = listen(world, "https://9.9.9.9/heli")
    for n, state in enumerate(("waiting", "waiting", "dead")):
        ended = timezone.now() if state == "dead" else None
        Delivery.objects.create(
            endpoint=endpoint, event_id=n + 1, step="request.hear", subject_type="loop.request", subject_id=1,
            code="ZF-1", state=state, due_at=timezone.now(), ended_at=ended,
        )  # fmt: skip
    found = read(client)
    now = health()
    assert found["heli_hooks_backlog"][()] == now.backlog == 2 and found["heli_hooks_dead"][()] == now.dead == 1
    assert found["heli_hooks_oldest_seconds"][()] > 0
    assert found["heli_hooks_failing"][()] == 0 == found["heli_hooks_held"][()]


def test_steps_count_once_they_are_written(world: Any, counted: None, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tell(world)
    with django_capture_on_commit_callbacks():  # rolled back: nothing of it is run
        tell(world)
    found = read(Client())["heli_steps_total"]
    assert set(found.values()) == {1.0} and (("step", "request.hear"),) in found


def test_log_ins_that_failed(world: Any, counted: None, client: Client) -> None:
    client.post("/account/login/", {"login": "yu.keyuan", "password": "wrong-13912345678"})
    assert read(client)["heli_logins_total"][(("outcome", "failed"),)] >= 1


def test_queues_clocks_and_backlogs(world: Any, counted: None, client: Client) -> None:
    tell(world).answered()
    Clock.objects.filter(outcome="running").update(started_at="2020-01-01T00:00Z", due_at="2020-01-02T00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '1 hour'")
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'tell' AND status = 'todo'")
        waiting = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM core_outbox")
        events = cursor.fetchone()[0]
    found = read(client)
    tells = (("queue", "tell"),)
    assert found["heli_jobs_waiting"][tells] == waiting > 0
    assert found["heli_jobs_oldest_seconds"][tells] >= 3600
    assert found["heli_jobs_failed"][tells] == 0
    assert found["heli_outbox_waiting"][()] == events > 0
    overdue = {dict(k)["kind"]: v for k, v in found["heli_clocks_overdue"].items()}
    assert sum(overdue.values()) == Clock.objects.filter(outcome="running", due_at__lt=timezone.now()).count() > 0
    assert set(found["heli_collect_failed"].values()) == {0.0}
    assert found["heli_ready"][(("check", "database"),)] == 1


@pytest.mark.django_db
def test_a_source_that_fails_takes_no_other_with_it(
    client: Client, counted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_thing")
        return iter(())

    broken.__name__ = "clocks"
    monkeypatch.setattr(collect, "SOURCES", (broken, collect.outbox))
    found = read(client)
    assert found["heli_collect_failed"] == {(("source", "clocks"),): 1.0, (("source", "outbox"),): 0.0}
    assert "heli_outbox_waiting" in found


CANARIES = ("王桂兰", "13912345678", "370602195403071122", "毓璜顶东路", "yu.keyuan", "于科员", "370602")


def test_nothing_of_any_person_or_place_small_enough_to_be_one(world: Any, counted: None, client: Client) -> None:
    vault.seal(name="王桂兰", phone="13912345678", id_number="370602195403071122", address="毓璜顶东路 8 号")
    tell(world).answered()
    client.force_login(world.yu_officer)
    for path in ("/loop/inbox/", "/loop/requests/?q=13912345678", "/t/13912345678/", "/areas/370602003006/", "/orgs/"):
        client.get(path)
    client.post("/account/login/", {"login": "13912345678", "password": "王桂兰"})
    text = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).content.decode()
    assert [c for c in CANARIES if c in text] == []


def exported(client: Client) -> set[str]:
    """Names a query may use."""
    return set(read(client))


def in_dashboard() -> list[str]:
    board = json.loads((GRAFANA / "heli.json").read_text())
    return [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]


def in_alerts() -> list[str]:
    groups = yaml.safe_load((GRAFANA / "alerts.yaml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("expressions", [in_dashboard, in_alerts])
def test_every_metric_that_is_asked_for_is_there(expressions: Any, client: Client, counted: None, world: Any) -> None:
    for one in (metrics.REQUESTS.labels("a", "GET", "200"), metrics.JOBS.labels("a", "ok")):
        one.inc()
    metrics.LATENCY.labels("a").observe(1)
    metrics.JOB_SECONDS.labels("a").observe(1)
    for counter in (metrics.STATEMENTS, metrics.SQL_SECONDS, metrics.STEPS, metrics.LOGINS):
        counter.labels("a").inc()
    there = exported(client) | {"heli_replica_lag_seconds"}  # where there is a replica
    asked = {name for text in expressions() for name in re.findall(r"\bheli_\w+", text)}
    assert len(asked) > 5 and asked - there == set()


def test_labels_of_queries_exist() -> None:
    """A label that no metric has selects nothing, silently."""
    known = {"route", "method", "status", "step", "outcome", "task", "queue", "kind", "check", "source", "le", "job"}
    for text in [*in_dashboard(), *in_alerts()]:
        used = {w for group in re.findall(r"by \(([^)]*)\)", text) for w in re.split(r"[,\s]+", group) if w}
        used |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]", text))
        assert used - known == set(), text


# Access and security lines --------------------------------------------------------------------------------------------
@pytest.fixture
def lines() -> Any:
    """Both logs as they are written: (name, line)."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(True))
    kept = {log: (log.level, log.propagate) for log in (watch.access, watch.security)}
    for log in kept:
        log.addHandler(handler)
        log.setLevel("INFO")
        log.propagate = False
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    for log, (level, propagate) in kept.items():
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def test_who_and_from_where_stand_in_the_security_log_only(
    world: Any, client: Client, lines: Any, settings: Any
) -> None:
    settings.HELI_STAFF_MFA = False
    client.force_login(world.yu_officer)
    client.get("/loop/inbox/", REMOTE_ADDR="203.0.113.9")
    client.post("/language/", {"language": "en"}, REMOTE_ADDR="203.0.113.9")
    client.get("/loop/desk/", REMOTE_ADDR="203.0.113.9")
    said = lines()
    access = [line for line in said if line["logger"] == "heli.access"]
    security = [line for line in said if line["logger"] == "heli.security" and line["event"] == "request"]
    assert [(a["route"], a["status"]) for a in access][:2] == [("loop:inbox", 200), ("web:language", 302)]
    assert access[0]["who"] == "staff" and access[0]["ms"] > 0
    assert all(not {"ip", "user"} & set(a) for a in access)
    assert [(s["route"], s["status"]) for s in security] == [("web:language", 302), ("loop:desk", 403)]
    assert {(s["ip"], s["user"]) for s in security} == {("203.0.113.9", f"u{world.yu_officer.pk}")}
    assert {a["request_id"] for a in access} >= {s["request_id"] for s in security}
    assert not re.search("yu.keyuan|于科员", json.dumps(said, ensure_ascii=False))


def test_log_ins_are_told_to_security(world: Any, client: Client, lines: Any) -> None:
    client.post("/account/login/", {"login": "yu.keyuan", "password": "王桂兰-wrong"}, REMOTE_ADDR="203.0.113.9")
    client.force_login(world.wang_resident)
    client.logout()
    said = [(line["event"], line["user"], line["ip"]) for line in lines() if line["event"] != "request"]
    number = f"u{world.wang_resident.pk}"
    assert ("login failed", "", "203.0.113.9") in said
    assert [s[:2] for s in said if s[1]] == [("login", number), ("logout", number)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxy", "given", "kept"),
    [
        (1, "0123456789abcdef0123456789abcdef", True),
        (0, "0123456789abcdef0123456789abcdef", False),
        (1, "short", False),
        (1, "<script>alert(1)</script>", False),
        (1, "a" * 65, False),
    ],
)
def test_the_id_of_a_request(client: Client, lines: Any, settings: Any, proxy: int, given: str, kept: bool) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxy
    answer = client.get("/no/such/page/", headers={"x-request-id": given})
    number = answer["X-Request-ID"]
    assert (number == given) is kept and re.fullmatch("[0-9a-f]{16}|[0-9a-f]{32}", number)
    assert f"L-404 · {number}" in answer.content.decode()
    assert {line["request_id"] for line in lines()} == {number}


@pytest.mark.django_db
def test_the_page_for_what_nobody_foresaw_tells_the_id_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from heli.web import home

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(home, "public", broken)
    answer = Client(raise_request_exception=False).get("/")
    assert answer.status_code == 500
    assert f"L-500 · {answer['X-Request-ID']}" in answer.content.decode()
