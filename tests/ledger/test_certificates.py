"""Certificates: what they stand on, who makes and revokes them, and what anybody reads on the page, now and for a day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from heli.core.errors import Forbidden, HeliError, NotFound, PaperMissing, WrongState
from heli.core.models import Access
from heli.core.tries import TooManyTries
from heli.engines import certificate as paper
from heli.engines import serial
from heli.ledger import audit, certificate_steps, certificates, errors, log, steps
from heli.ledger.certificate_models import Certificate, CertificateLine
from heli.ledger.models import Entry, LogKey, Waiting
from heli.ledger.steps import Line
from heli.volunteering.models import Volunteer
from heli.volunteering.steps import people as volunteers
from tests.ledger.made import DAY, MORNING, NOW, Made, made
from tests.world import COUNTY

pytestmark = pytest.mark.django_db
FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 30)
LATER = NOW + DAY


@pytest.fixture
def m(world: Any, settings: Any) -> Made:
    settings.HELI_STAFF_MFA = False
    return made(world)


def served(m: Made, days: int = 3, who: str = "赵志愿") -> list[Any]:
    services = [m.one(who, MORNING - n * DAY, enrolled_at=MORNING - 9 * DAY) for n in range(days)]
    for service in services:
        m.approved(service)
    return services


def issue(m: Made, who: str = "赵志愿", by: str = "", at: dt.datetime = NOW, **more: Any) -> Certificate:
    given = {"first_day": FIRST, "last_day": LAST, "language": "zh"} | more
    return certificate_steps.issue(user_id=m.world.user(who).pk, by=m.who(by or who), at=at, **given)


def sign(at: dt.datetime = LATER) -> None:
    while log.sequence():
        pass
    log.checkpoint(at)


def browser(m: Made, who: str = "") -> Client:
    client = Client()
    if who:
        client.force_login(m.world.user(who), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def seen(c: Certificate, client: Client | None = None, **asked: Any) -> Any:
    return (client or Client()).get(f"/v/{serial.in_address(c.code)}/", asked)


def test_a_certificate_stands_on_what_is_approved_then(m: Made) -> None:
    services = served(m, 4)
    m.one(starts=MORNING + DAY)  # planned only
    m.do(steps.reverse, [services[3].pk], reason="没有来")
    made = issue(m)
    assert (made.minutes, made.name_mask, made.area_path, len(made.code)) == (360, "赵**", COUNTY, 30)
    lines = list(made.lines.order_by("n").values_list("entry__service", flat=True))
    assert lines == [services[2].pk, services[1].pk, services[0].pk]  # by day
    assert issue(m, first_day=dt.date(2026, 11, 9), last_day=dt.date(2026, 11, 9)).minutes == 120
    assert {(w.source, w.source_id) for w in Waiting.objects.filter(source="certificate")} >= {("certificate", made.pk)}


def test_the_database_keeps_it_as_issued(m: Made) -> None:
    served(m, 1)
    other = m.approved(m.one("周银龄")).approved[0]
    made = issue(m)
    forbidden: list[Any] = [
        lambda: Certificate.objects.filter(pk=made.pk).update(minutes=999),
        lambda: Certificate.objects.filter(pk=made.pk).update(name_mask="王**"),
        lambda: Certificate.objects.filter(pk=made.pk).delete(),
        lambda: CertificateLine.objects.filter(certificate=made).update(n=9),
        lambda: CertificateLine.objects.filter(certificate=made).delete(),
        lambda: CertificateLine.objects.create(certificate=made, n=2, entry=other),  # another person's
        lambda: Certificate.objects.filter(pk=made.pk).update(revoked_at=LATER),  # without a reason
    ]
    for do in forbidden:
        with pytest.raises(Exception, match=r"(?i)cannot|certificate|violates|protected"), transaction.atomic():
            do()
    certificate_steps.revoke(
        certificate_id=made.pk, reason="冒名", by=m.who("李社工") if made.org_id else m.who("吕部长"), at=LATER
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Certificate.objects.filter(pk=made.pk).update(revoked_at=None, revoke_reason="")


@pytest.mark.parametrize(
    ("by", "unit", "error"),
    [
        ("赵志愿", "", None),
        ("赵志愿", "心桥社工", None),
        ("李社工", "心桥社工", None),  # the recorder, at their request
        ("李社工", "", Forbidden),  # not of what others recorded
        ("钱站长", "心桥社工", Forbidden),
        ("吕部长", "", Forbidden),
        ("周银龄", "", Forbidden),
        ("赵志愿", "银龄队", errors.NothingToCertify),
    ],
)
def test_who_may_have_one_made(m: Made, by: str, unit: str, error: type[HeliError] | None) -> None:
    served(m, 1)
    org = m.world.org(unit).pk if unit else None
    if error is None:
        assert issue(m, by=by, org_id=org).issued_by == m.world.user(by).pk
    else:
        with pytest.raises(error):
            issue(m, by=by, org_id=org)


def test_the_name_was_checked_before(m: Made) -> None:
    served(m, 1), served(m, 1, who="薛师傅")
    zhao = Volunteer.objects.get(user=m.world.user("赵志愿"))
    call = {"volunteer_id": zhao.pk, "by": m.who("韩网格"), "at": NOW}
    volunteers.pause(reason="三次没来", **call)
    issue(m)  # a pause takes nothing from the check
    volunteers.resume(**call)
    for who in ("赵志愿", "薛师傅"):  # to be checked once more; never registered
        with pytest.raises(errors.NameUnchecked):
            issue(m, who)


@pytest.mark.parametrize(
    ("by", "of_unit", "error"),
    [
        ("吕部长", False, None),
        ("李社工", True, None),
        ("李社工", False, NotFound),
        ("赵志愿", True, Forbidden),
        ("外县人", True, NotFound),
    ],
)
def test_who_may_revoke(m: Made, by: str, of_unit: bool, error: type[HeliError] | None) -> None:
    served(m, 1)
    one = issue(m, org_id=m.world.org("心桥社工").pk if of_unit else None)
    call = {"certificate_id": one.pk, "by": m.who(by), "at": LATER}
    if error is not None:
        with pytest.raises(error):
            certificate_steps.revoke(reason="冒名", **call)
        return
    with pytest.raises(PaperMissing):
        certificate_steps.revoke(reason=" ", **call)
    certificate_steps.revoke(reason="冒名", **call)
    with pytest.raises(WrongState):
        certificate_steps.revoke(reason="再来", **call)
    sign()
    assert audit.check() == []  # both are leaves, and what they were


def revoked(m: Made, one: Certificate, _services: list[Any]) -> None:
    certificate_steps.revoke(certificate_id=one.pk, reason="冒名", by=m.who("吕部长"), at=LATER)


def corrected(m: Made, _one: Certificate, services: list[Any]) -> None:
    m.do(steps.correct, [Line(service_id=services[0].pk, minutes=30, grade="leader")], reason="提前走了", at=LATER)


def taken_back(m: Made, _one: Certificate, services: list[Any]) -> None:
    m.do(steps.reverse, [x.pk for x in services], reason="没有来", at=LATER)


@pytest.mark.parametrize(
    ("happened", "now", "minutes"),
    [(None, "valid", 360), (revoked, "revoked", 360), (corrected, "corrected", 270), (taken_back, "corrected", 0)],
)
def test_how_it_stands_now_and_on_a_day(m: Made, happened: Any, now: str, minutes: int) -> None:
    services = served(m)
    one = issue(m)
    if happened:
        happened(m, one, services)
    sign()
    found = certificates.find(one.code.lower())
    assert found is not None
    at = LATER + DAY
    day = timezone.localdate(NOW)
    table = {None: "valid", day - DAY: "before", day: "valid", day + DAY: now}
    for on, state in table.items():
        s = certificates.standing(found, at, on)
        assert (s.now.state, s.now.minutes, s.then.state) == (now, minutes, state), on
        assert (s.log.ok, s.log.entries, s.log.placed) == (True, 3, 3)
    assert s.units == ("芝罘区心桥社会工作服务中心",)
    assert certificates.stands(found) is (now == "valid")


def test_an_entry_that_is_not_what_was_written_does_not_prove_itself(m: Made) -> None:
    served(m)
    one = issue(m)
    sign()
    found = certificates.find(one.code)
    assert found is not None
    entries = certificates._entries(found, LATER)
    assert certificates._in_log(found, entries).ok
    entries[1].minutes += 1  # as somebody who owns the database could have it read
    shown = certificates._in_log(found, entries)
    assert (shown.ok, shown.placed, shown.entries) == (False, 2, 3)
    found.minutes += 1
    assert not certificates._in_log(found, certificates._entries(found, LATER)).proven


# The page --------------------------------------------------------------------------------------------------------------
def test_the_page_answers_without_names_and_in_few_statements(m: Made) -> None:
    served(m)
    one = issue(m)
    sign()
    for statements in (7, 2):  # what was read once is looked over, not computed anew
        with CaptureQueriesContext(connection) as sql:
            answer = seen(one)
        assert len(sql) == statements, [q["sql"][:90] for q in sql]
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"], answer["X-Robots-Tag"]) == (200, "no-store", "noindex")
    assert 'data-state="valid"' in page and 'data-log="ok"' in page and "赵**" in page and "6 小时" in page
    assert "赵志愿" not in page and "13900000003" not in page
    revoked(m, one, [])
    assert 'id="now" data-state="revoked"' in seen(one).content.decode()  # at once
    assert "冒名" not in seen(one).content.decode()  # the reason is the holder's
    assert 'data-state="before"' in seen(one, on="2026-01-01").content.decode()
    assert seen(one, on="31-31").status_code == 200


def test_an_unknown_number_gives_nothing_away(m: Made) -> None:
    cache.clear()
    never, client = serial.new(), Client()
    answer = client.get(f"/v/{serial.in_address(never)}/")
    assert answer.status_code == 404 and "查无此证" in answer.content.decode() and "/tips/" in answer.content.decode()
    typed = client.post("/v/", {"number": f" {serial.grouped(never).lower()} "})
    assert typed.status_code == 302 and typed["Location"] == f"/v/{serial.in_address(never)}/"
    wrong = never[:-1] + ("0" if never[-1] != "0" else "1")
    with CaptureQueriesContext(connection) as sql:
        assert client.post("/v/", {"number": wrong}).status_code == 400  # a slip of the pen, told without asking
    assert len(sql) == 0
    for _n in range(29):
        client.get(f"/v/{serial.in_address(serial.new())}/")
    assert client.get(f"/v/{serial.in_address(serial.new())}/").status_code == TooManyTries.status


def test_the_holder_opens_the_name_once(m: Made) -> None:
    cache.clear()
    served(m, 1)
    one, visitor = issue(m), Client()
    url = f"/v/{serial.in_address(one.code)}/"
    with pytest.raises(NotFound):
        certificate_steps.make_name_code(certificate_id=one.pk, by=m.who("吕部长"), at=NOW)
    code = certificate_steps.make_name_code(certificate_id=one.pk, by=m.who("赵志愿"), at=NOW)
    assert "赵志愿" not in visitor.post(url, {"name_code": "00000000"}).content.decode()
    assert "赵志愿" in visitor.post(url, {"name_code": f"{code[:4]} {code[4:].lower()}"}).content.decode()
    again = visitor.post(url, {"name_code": code})
    assert again.status_code == 400 and "赵志愿" not in again.content.decode()


def test_own_page_makes_lists_and_hands_out_the_paper(m: Made) -> None:
    services, holder = served(m), browser(m, "赵志愿")
    form = {"first_day": "2026-11-01", "last_day": "2026-11-30", "org": "", "language": "en"}
    assert holder.post("/hours/certificates/", form | {"last_day": "2026-10-01"}).status_code == 400
    assert holder.post("/hours/certificates/", form).status_code == 302
    one = Certificate.objects.get()
    listed = holder.get("/hours/certificates/").content.decode()
    assert serial.grouped(one.code) in listed and "6 小时" in listed
    got = holder.post(f"/hours/certificates/{one.pk}/pdf/")  # nothing was sequenced or signed yet
    assert (got.status_code, got["Content-Type"], got["Cache-Control"]) == (200, "application/pdf", "no-store")
    keys = [log.verifier(k) for k in LogKey.objects.all()]
    assert paper.check(got.content, keys).code == paper.HOLDS
    checked = Client().post("/v/file/", {"file": _file(got.content)})
    assert checked.status_code == 200 and serial.in_address(one.code) in checked.content.decode()
    spoiled = Client().post("/v/file/", {"file": _file(got.content.replace(b"PDF", b"PDG", 1))})
    assert serial.in_address(one.code) not in spoiled.content.decode()
    corrected(m, one, services)
    assert holder.post(f"/hours/certificates/{one.pk}/pdf/").status_code == errors.NoLongerStands.status
    for who in ("周银龄", "外县人", "李社工"):  # all units' hours: no recorder prints it
        assert browser(m, who).post(f"/hours/certificates/{one.pk}/pdf/").status_code == 404, who


def _file(content: bytes) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("证明.pdf", content, "application/pdf")


def test_another_name_is_not_printed_on_it(m: Made) -> None:
    from heli.core import vault
    from heli.volunteering.queries.names import registered_name

    served(m, 1)
    one = issue(m)
    kept = registered_name(m.world.user("赵志愿").pk)
    assert kept is not None
    record = kept.record
    vault.fill(record, name="钱别人")
    record.save()
    answer = browser(m, "赵志愿").post(f"/hours/certificates/{one.pk}/pdf/")
    assert answer.status_code == errors.NameChanged.status


def test_the_recorder_makes_prints_and_revokes_and_leaves_a_trace(m: Made) -> None:
    cache.clear()
    served(m)
    recorder, unit = browser(m, "李社工"), m.world.org("心桥社工").pk
    form = {"phone": "13900000003", "first_day": "2026-11-01", "last_day": "2026-11-30", "org": unit, "language": "zh"}
    nobody = recorder.post("/hours/certificates/desk/make/", form | {"phone": "13900000099"})
    without = recorder.post("/hours/certificates/desk/make/", form | {"phone": "13900000001"})
    assert nobody.status_code == without.status_code == 400  # whether an account is there is not said
    assert recorder.post("/hours/certificates/desk/make/", form).status_code == 302
    one = Certificate.objects.get()
    assert serial.grouped(one.code) in recorder.get("/hours/certificates/desk/?state=valid").content.decode()
    assert serial.grouped(one.code) not in recorder.get("/hours/certificates/desk/?state=revoked").content.decode()
    assert recorder.post(f"/hours/certificates/{one.pk}/pdf/").status_code == 200
    trace = Access.objects.latest("id")
    assert (trace.fields, trace.subject_id, trace.org_id) == (["name"], one.pk, unit)
    assert recorder.post("/hours/certificates/desk/export/", {"purpose": "核对"}).status_code == 200
    assert recorder.post(f"/hours/certificates/desk/{one.pk}/revoke/", {"reason": ""}).status_code == 400
    assert recorder.post(f"/hours/certificates/desk/{one.pk}/revoke/", {"reason": "冒名"}).status_code == 302
    assert browser(m, "外县人").get("/hours/certificates/desk/").status_code == 403
    assert Entry.objects.filter(kind="approved").count() == 3  # a certificate changes no hours
