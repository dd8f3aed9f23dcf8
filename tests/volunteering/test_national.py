"""What is told to the national system: only of who agreed, once, by the mapping of then; and what a receipt changes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.core.models import Access
from heli.engines import serial
from heli.ledger import certificate_steps
from heli.ledger import steps as ledger
from heli.ledger.national import receipts
from heli.people.steps import close_account
from heli.volunteering import exchange_errors as errors
from heli.volunteering.models import Mapping, Outgoing, Sharing, Volunteer
from heli.volunteering.steps import exchange
from tests.ledger.made import MORNING, NOW, Made, made
from tests.volunteering import places, rows
from tests.world import COUNTY, IDENTITY

pytestmark = pytest.mark.django_db
HOURS = (
    ("number", "志愿者编号"),
    ("name", "姓名"),
    ("id_number", "证件号码"),
    ("minutes", "时长"),
    ("field", "服务类别"),
    ("what", "类型"),
)


@pytest.fixture
def m(world: Any, settings: Any) -> Made:
    settings.HELI_STAFF_MFA = False
    return made(world)


def of(m: Made, who: str = "赵志愿") -> Volunteer:
    return Volunteer.objects.get(user=m.world.user(who))


def agree(m: Made, who: str = "赵志愿") -> Volunteer:
    return exchange.share(volunteer_id=of(m, who).pk, by=m.who(who), at=NOW)


def mapped(
    m: Made, columns: Any = HOURS, kind: str = "hours", seen: int = 0, by: str = "姜管理", **values: Any
) -> Mapping:
    return exchange.save_mapping(
        county=COUNTY,
        kind=kind,
        columns=columns,
        values=values,
        reason="2026 版批量导入模板",
        seen=seen,
        by=m.who(by),
        at=NOW,
    )


def pack(m: Made, kind: str = "hours", by: str = "吕部长") -> Any:
    return exchange.pack(county=COUNTY, kind=kind, by=m.who(by), at=NOW)


def sheet(m: Made, parcel: Any) -> list[tuple[Any, ...]]:
    raw = exchange.parcel_file(parcel_id=parcel.pk, purpose="上传", by=m.who("吕部长"), at=NOW)
    return list(load_workbook(io.BytesIO(raw)).worksheets[0].iter_rows(values_only=True))


def answer(m: Made, *lines: str, by: str = "吕部长") -> Any:
    raw = ("平台编号,处理结果,回执号,失败原因\n" + "\n".join(lines)).encode("gb18030")
    return exchange.receive(raw=raw, name="回执.csv", by=m.who(by), at=NOW)


def states(kind: str = "hours") -> list[str]:
    return list(Outgoing.objects.filter(kind=kind).order_by("id").values_list("state", flat=True))


def test_hours_wait_once_and_only_of_who_agreed(m: Made) -> None:
    zhao, silver = m.one(), m.one("周银龄")
    m.approved(zhao), m.approved(silver)
    assert states() == []  # nobody agreed
    agree(m)
    agree(m)  # pressed twice
    assert (states(), states("volunteer")) == (["waiting"], ["waiting"])  # what stood before goes along
    m.approved(m.one(starts=MORNING - places.DAY, enrolled_at=MORNING - 5 * places.DAY))
    m.approved(m.one("周银龄", MORNING - places.DAY, enrolled_at=MORNING - 5 * places.DAY))
    assert states() == ["waiting"] * 2 and set(Outgoing.objects.values_list("volunteer", flat=True)) == {of(m).pk}
    with (
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):  # the hours fall away, and so does what was to be told of them
        m.approved(m.one(starts=MORNING - 2 * places.DAY, enrolled_at=MORNING - 5 * places.DAY))
        raise RuntimeError
    assert states() == ["waiting"] * 2
    exchange.stop_sharing(volunteer_id=of(m).pk, by=m.who("赵志愿"), at=NOW)
    assert states() == ["dropped"] * 2 and not Sharing.objects.filter(ended_at=None).exists()
    agree(m)
    assert states() == ["waiting"] * 2


def test_a_batch_goes_by_the_mapping_of_then(m: Made) -> None:
    m.approved(m.one(field="elders"))
    agree(m)
    with pytest.raises(errors.NoMapping):
        pack(m)
    mapped(m, field={"elders": "助老"})
    with pytest.raises(errors.MappingChanged):
        mapped(m)
    first = pack(m)
    row = Outgoing.objects.get(kind="hours")
    told = (f"H{row.pk}", of(m).number, "赵志愿", IDENTITY["zhao_volunteer"], 120, "助老", "计入")
    assert sheet(m, first) == [("平台编号", *(c for _k, c in HOURS)), told]
    assert IDENTITY["zhao_volunteer"] not in row.payload and "赵志愿" not in row.payload  # sealed
    assert Access.objects.filter(record=of(m).record_id, user_id=m.world.user("吕部长").pk).count() == 1
    mapped(m, (("number", "编号"), ("minutes", "分钟")), seen=1)
    assert sheet(m, first)[1] == told  # what was packed stays as it was
    with pytest.raises(errors.NothingToPack):
        pack(m)
    exchange.unpack(parcel_id=first.pk, by=m.who("吕部长"), at=NOW)
    second = pack(m)
    assert sheet(m, second) == [("平台编号", "编号", "分钟"), (f"H{row.pk}", of(m).number, 120)]
    exchange.send(parcel_id=second.pk, by=m.who("吕部长"), at=NOW)
    with pytest.raises(WrongState):
        exchange.unpack(parcel_id=second.pk, by=m.who("吕部长"), at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Outgoing.objects.create(
            kind="hours",
            subject_id=row.subject_id,
            entry_id=row.entry_id,
            volunteer=of(m),
            area_path=COUNTY,
            made_at=NOW,
        )


def test_receipts_row_by_row(m: Made) -> None:
    for n in range(3):
        m.approved(m.one(starts=MORNING - n * places.DAY, enrolled_at=MORNING - 9 * places.DAY))
    agree(m), mapped(m)
    pack(m)
    a, b, c = Outgoing.objects.filter(kind="hours").order_by("id")
    with pytest.raises(errors.NoReceipt):
        exchange.receive(raw="编号,原因\n1,无\n".encode(), name="x.csv", by=m.who("吕部长"), at=NOW)
    lines = (
        f"{a},导入成功,QG-1,",
        f"{b},审核不通过,,身份证号不符",
        f"{c},成功,,",
        f"{c},处理中,,",
        "H999999,成功,QG-9,",
        "合计,,,",
    )
    done = answer(m, *lines)
    assert (done.accepted, done.refused, [e.line for e in done.errors]) == (1, 1, [4, 5, 7, 6])
    assert states() == ["accepted", "refused", "packed"]
    assert (answer(m, *lines).known, states()) == (2, ["accepted", "refused", "packed"])  # the same file again
    assert answer(m, f"{a},失败,,又说不行").accepted == 0 and states()[0] == "accepted"
    b.refresh_from_db()
    assert b.words == "身份证号不符"
    exchange.send_again(outgoing_id=b.pk, by=m.who("吕部长"), at=NOW)
    assert states() == ["accepted", "waiting", "packed"]
    with pytest.raises(WrongState):
        exchange.send_again(outgoing_id=a.pk, by=m.who("吕部长"), at=NOW)
    assert receipts([a.subject_id, b.subject_id]) == {a.subject_id: "QG-1"}


def test_until_it_is_taken_it_is_a_platform_record(m: Made) -> None:
    service = m.one()
    m.approved(service), agree(m), mapped(m), pack(m)
    paper = certificate_steps.issue(
        user_id=m.world.user("赵志愿").pk,
        first_day=MORNING.date(),
        last_day=NOW.date(),
        language="zh",
        by=m.who("赵志愿"),
        at=NOW,
    )
    client, anybody = Client(), Client()
    client.force_login(m.world.user("赵志愿"), backend="allauth.account.auth_backends.AuthenticationBackend")

    def said() -> tuple[str, str]:
        page = anybody.get(f"/v/{serial.in_address(paper.code)}/").content.decode()
        return client.get("/hours/").content.decode(), page.split('id="national"')[1].split("</section>")[0]

    for page in said():
        assert "平台记录" in page and "已汇入" not in page and "认证" not in page
    answer(m, f"{Outgoing.objects.get(kind='hours')},成功,QG-7,")
    for page in said():
        assert "已汇入全国系统" in page and "QG-7" in page and "认证" not in page
    m.do(ledger.reverse, [service.pk], reason="记错了")  # what was taken there no longer stands
    assert receipts([service.pk]) == {} and states() == ["accepted", "waiting"]
    back = sheet(m, pack(m))
    assert back[1][4:] == (120, "elder", "撤回")


def test_taken_back_before_anybody_was_told_nothing_is_told(m: Made) -> None:
    service = m.one()
    agree(m), mapped(m), m.approved(service)
    m.do(ledger.reverse, [service.pk], reason="记错了")
    with pytest.raises(errors.NothingToPack):
        pack(m)
    exchange_states = states()
    assert exchange_states == ["waiting", "waiting"]  # refused as a whole: nothing of it is kept
    m.approved(m.one(starts=MORNING - places.DAY, enrolled_at=MORNING - 5 * places.DAY))
    pack(m)
    assert states() == ["dropped", "dropped", "packed"]


def test_an_activity_that_ended_waits(world: Any) -> None:
    from heli.volunteering.steps import activities, attend

    slot = places.shift(world)
    lead, after = world.actor("钱站长"), slot.shift.starts + places.DAY
    attend.close(shift_id=slot.shift_id, by=lead, at=after)
    activities.end(activity_id=slot.shift.activity_id, by=lead, at=after, served=3, came_of_it="聊得好")
    exchange.save_mapping(
        county=COUNTY, kind="activity", columns=[("title", "活动名称"), ("people", "人数"), ("field", "类别")], values={}, reason="模板",
        seen=0, by=world.actor("姜管理"), at=after,
    )  # fmt: skip
    parcel = exchange.pack(county=COUNTY, kind="activity", by=world.actor("吕部长"), at=after)
    raw = exchange.parcel_file(parcel_id=parcel.pk, purpose="上传", by=world.actor("吕部长"), at=after)
    assert list(load_workbook(io.BytesIO(raw)).worksheets[0].iter_rows(values_only=True))[1][1:] == (
        "陪老人说说话",
        0,
        "为老服务",
    )


def test_who_may_and_who_agrees_for_whom(m: Made) -> None:
    child = rows.volunteer(m.world.user("薛师傅"), m.world.area("370602003006"), NOW.date().replace(year=2014))
    with pytest.raises(errors.GuardianFirst):
        agree(m, "薛师傅")
    with pytest.raises(PaperMissing):
        exchange.share(volunteer_id=child.pk, by=m.who("韩网格"), at=NOW)
    exchange.share(volunteer_id=child.pk, by=m.who("韩网格"), at=NOW, consent="监护人在柜台当面同意")
    with pytest.raises(NotFound):
        exchange.share(volunteer_id=child.pk, by=m.who("赵志愿"), at=NOW)
    mapped(m, (("number", "编号"),), "volunteer")
    for who in ("韩网格", "外县人", "钱站长"):  # of one community, of the next county, no keeper
        with pytest.raises(Forbidden):
            pack(m, "volunteer", by=who)
    with pytest.raises(Forbidden):
        mapped(m, (("number", "编号"),), "volunteer", 1, by="吕部长")
    parcel = pack(m, "volunteer")
    with pytest.raises(NotFound):
        exchange.parcel_file(parcel_id=parcel.pk, purpose="上传", by=m.who("外县人"), at=NOW)
    with pytest.raises(Forbidden):
        answer(m, f"{Outgoing.objects.get()},成功,QG-1,", by="外县人")


def test_a_closed_account_leaves_nothing_sealed(m: Made) -> None:
    m.approved(m.one()), agree(m), mapped(m), pack(m)
    close_account(user_id=m.world.user("赵志愿").pk, by=m.who("赵志愿"), at=timezone.now())
    assert states() == ["dropped"] and not Outgoing.objects.exclude(payload="").exists()


def test_the_pages(m: Made, django_assert_max_num_queries: Any) -> None:
    m.approved(m.one()), agree(m)
    keeper, admin = Client(), Client()
    for client, who in ((keeper, "吕部长"), (admin, "姜管理")):
        client.force_login(m.world.user(who), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "还没有对照表" in keeper.get("/volunteering/exchange/").content.decode()
    got = admin.post(
        "/volunteering/exchange/mapping/",
        {
            "county": COUNTY,
            "kind": "hours",
            "seen": "0",
            "c_number": "编号",
            "c_minutes": "分钟",
            "v_elders": "助老",
            "reason": "2026 模板",
        },
    )
    assert got.status_code == 302 and Mapping.objects.get().values == {"field": {"elders": "助老"}}
    assert "2026 模板" in keeper.get("/volunteering/exchange/mapping/?kind=hours").content.decode()
    assert keeper.post("/volunteering/exchange/pack/", {"county": COUNTY, "kind": "hours"}).status_code == 303
    row = Outgoing.objects.get(kind="hours")
    assert keeper.post(f"/volunteering/exchange/parcel/{row.parcel_id}/file/").status_code == 200
    assert keeper.post(f"/volunteering/exchange/parcel/{row.parcel_id}/send/").status_code == 303
    raw = io.BytesIO(f"平台编号,结果,原因\n{row},失败,重名\n".encode())
    raw.name = "r.csv"
    assert "退回 1" in keeper.post("/volunteering/exchange/receipts/", {"file": raw}).content.decode()
    with django_assert_max_num_queries(20):
        page = keeper.get("/volunteering/exchange/").content.decode()
    assert "重名" in page and f"/volunteering/exchange/row/{row.pk}/again/" in page
    assert connection.vendor == "postgresql"
