"""Coming and leaving: by which means, by whom, when; sent twice it counts once; where somebody stood is not kept."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heli.core.actor import PUBLIC
from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.ledger.models import Service
from heli.volunteering import codes
from heli.volunteering.errors import CodeOver, NotNow, StillOpen, WrongPin
from heli.volunteering.models import Enrolment, Scan
from heli.volunteering.steps import attend
from heli.volunteering.steps.attend import Seen
from tests.volunteering.places import DAY, HOUR, crowd, join, myself, shift, states, volunteer

pytestmark = pytest.mark.django_db
HERE, ROUND, AWAY = (37.5301, 121.3801), (37.5330, 121.3801), (37.56, 121.38)
MINUTE = HOUR / 60


def seen(e: Enrolment, at: Any, means: str = "leader", **more: Any) -> Seen:
    return Seen(e.pk, at, means, more.pop("nonce", None) or uuid.uuid4(), **more)


def test_each_means_opens_to_those_it_is_for(world: Any) -> None:
    slot = shift(world)
    zhao, zhou = volunteer(world, "赵志愿"), volunteer(world, "周银龄")
    mine, hers = join(slot, zhao), join(slot, zhou)
    at, leader, other = slot.shift.starts, world.actor("钱站长"), world.actor("外县人")
    now, before = codes.code(slot.shift, at), codes.code(slot.shift, at - 90 * MINUTE)
    assert codes.code(slot.shift, at - MINUTE) != now and len(now) == 16
    see, sid = attend.see, slot.shift_id
    for by, what, more, refused in (
        (myself(zhao), seen(mine, at, "qr"), {"code": before}, CodeOver),
        (myself(zhao), seen(mine, at, "qr"), {"code": ""}, CodeOver),
        (myself(zhao), seen(hers, at, "qr"), {"code": now}, Forbidden),
        (PUBLIC, seen(mine, at, "qr"), {"code": now}, Forbidden),
        (PUBLIC, seen(mine, at, "kiosk"), {"pin": "000000x"}, WrongPin),
        (PUBLIC, seen(mine, at, "kiosk"), {}, WrongPin),
        (myself(zhao), seen(mine, at, "leader"), {}, Forbidden),
        (other, seen(mine, at, "leader"), {}, Forbidden),
        (leader, seen(mine, at, "paper"), {}, PaperMissing),
        (leader, seen(mine, at, "office"), {}, PaperMissing),
        (leader, seen(mine, at - 31 * MINUTE), {}, NotNow),
        (leader, Seen(10**9, at, "leader", uuid.uuid4()), {}, NotFound),
    ):
        with pytest.raises(refused):
            see(shift_id=sid, seen=[what], by=by, at=at, **more)
    assert not Scan.objects.exists()
    assert see(shift_id=sid, seen=[seen(mine, at, "qr")], by=myself(zhao), at=at, code=now)
    pin = codes.pin_of(slot.shift)
    assert len(pin) == 6 and see(shift_id=sid, seen=[seen(hers, at, "kiosk")], by=PUBLIC, at=at, pin=pin)
    assert states(slot) == ["attended", "attended"]


def test_what_a_leader_kept_without_a_network_counts_once_and_in_few_statements(world: Any) -> None:
    slot = shift(world, most=30)
    rows = [join(slot, v) for v in crowd(world, 30)]
    leader, start = world.actor("钱站长"), slot.shift.starts
    kept = [seen(e, start + MINUTE, offline=True, device="tablet", point=HERE) for e in rows]
    kept += [seen(e, slot.shift.ends, out=True, offline=True, device="tablet") for e in rows]
    with CaptureQueriesContext(connection) as said:
        new = attend.see(shift_id=slot.shift_id, seen=kept, by=leader, at=slot.shift.ends + HOUR)
    assert len(new) == 60 and len([q for q in said if "SAVEPOINT" not in q["sql"]]) <= 8
    assert attend.see(shift_id=slot.shift_id, seen=kept, by=leader, at=slot.shift.ends + HOUR) == []
    scan = Scan.objects.filter(enrolment=rows[0]).order_by("at").first()
    assert scan and (scan.inside, scan.band, scan.offline) == (True, "near", True)
    assert len({bytes(s.device) for s in Scan.objects.all() if s.device}) == 1
    assert attend.periods(Scan.objects.filter(enrolment=rows[0])) == [(start + MINUTE, slot.shift.ends)]


@pytest.mark.parametrize(("point", "inside", "band"), [(HERE, True, "near"), (ROUND, False, "around"), (AWAY, False, "far"), (None, None, "")])  # fmt: skip
def test_a_place_is_compared_and_dropped(world: Any, point: Any, inside: Any, band: str) -> None:
    slot = shift(world)
    zhao = volunteer(world, "赵志愿")
    e, at = join(slot, zhao), slot.shift.starts
    code = codes.code(slot.shift, at)
    [scan] = attend.see(
        shift_id=slot.shift_id, seen=[seen(e, at, "qr", point=point)], by=myself(zhao), at=at, code=code
    )
    scan.refresh_from_db()
    assert (scan.inside, scan.band) == (inside, band)
    with connection.cursor() as cur:
        cur.execute("SELECT to_jsonb(s)::text FROM volunteering_scan s")
        assert "37.5" not in cur.fetchone()[0]


def test_a_shift_is_closed_when_everybody_is_accounted_for(world: Any) -> None:
    slot = shift(world, most=2)
    zhao, zhou, wang = (volunteer(world, n) for n in ("赵志愿", "周银龄", "王桂兰"))
    came, missed, _waits = join(slot, zhao), join(slot, zhou), join(slot, wang)
    leader, start, end = world.actor("钱站长"), slot.shift.starts, slot.shift.ends
    with pytest.raises(WrongState):
        attend.close(shift_id=slot.shift_id, by=leader, at=start - MINUTE)
    attend.see(shift_id=slot.shift_id, seen=[seen(came, start, device="tablet")], by=leader, at=start)
    with pytest.raises(StillOpen):
        attend.close(shift_id=slot.shift_id, by=leader, at=end)
    with pytest.raises(PaperMissing):
        attend.miss(enrolment_id=missed.pk, by=leader, at=end, reason=" ")
    attend.miss(enrolment_id=missed.pk, by=leader, at=end, reason="没来，也没打招呼")
    with pytest.raises(StillOpen):
        attend.close(shift_id=slot.shift_id, by=leader, at=end)
    attend.see(shift_id=slot.shift_id, seen=[seen(came, end, out=True)], by=leader, at=end)
    with pytest.raises(NotFound):
        attend.close(shift_id=slot.shift_id, by=world.actor("外县人"), at=end)
    attend.close(shift_id=slot.shift_id, by=leader, at=end)
    assert states(slot) == ["attended", "absent", "unmet"]
    service = Service.objects.get(source_type=attend.SOURCE, source_id=came.pk)
    assert (service.state, service.planned, service.checked, service.credited, service.grade) == (
        "approved", 120, 120, 120, "leader",
    )  # fmt: skip
    assert Service.objects.count() == 1, "who did not come has no hours"
    with pytest.raises(NotFound):
        attend.answer(enrolment_id=missed.pk, by=myself(zhao), at=end, words="我去了")
    said = attend.answer(enrolment_id=missed.pk, by=myself(zhou), at=end + DAY, words="那天去医院了，托邻居说过")
    assert said.answer.startswith("那天")
    with pytest.raises(WrongState):
        attend.see(shift_id=slot.shift_id, seen=[seen(missed, end)], by=leader, at=end)
