"""Pages of stars, perks and the time bank: what they say, who sees what, in how many statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from heli.ledger import bank_steps, standing_queries, steps
from heli.ledger import standing_steps as stars
from heli.ledger.standing_models import Award, Objection, Perk, Spending, Taken
from tests.ledger.made import DAY, HOUR, Made, made
from tests.ledger.stars import FIRST, PERSON, ruled, second, stars_of_few_hours
from tests.world import COUNTY

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def m(world: Any, settings: Any) -> Made:
    settings.HELI_STAFF_MFA = False
    stars_of_few_hours()
    ruled("ledger.timebank.rate", {"all": 100})
    return made(world)


def at(m: Made, who: str = "") -> Client:
    client = Client()
    if who:
        client.force_login(m.world.user(who), backend=BACKEND)
    return client


def served(m: Made, who: str = PERSON, hours: int = 2) -> Any:
    """Today: pages look at the clock."""
    now = timezone.now()
    service = m.one(who, starts=now - 9 * HOUR, hours=hours, enrolled_at=now - DAY)
    m.approved(service, at=now)
    return service


def url(name: str, *args: Any, **query: Any) -> str:
    return reverse(f"ledger:{name}", args=args, query=query)


def text(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(url(name, *args, **query))
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_why_am_i_two_stars(m: Made) -> None:
    person, lv, public = at(m, PERSON), at(m, FIRST), at(m)
    assert "还没有时长" in text(person, "standing")
    service = served(m)
    page = text(person, "standing")
    assert (
        "离 3 星还差 2 小时" in page
        and "芝罘区志愿服务星级办法" in page
        and "陪老人说话" in page
        and "申请 2 星" in page
    )
    assert person.post(url("star_ask"), {"area": COUNTY, "stars": 3}).status_code == 409
    assert person.post(url("star_ask"), {"area": "370613", "stars": 1}).status_code == 404
    assert person.post(url("star_ask"), {"area": COUNTY, "stars": 2, "shown": "1"}).status_code == 303
    award = Award.objects.get()
    assert "赵**" not in text(public, "stars")  # not put out yet
    assert at(m, "李社工").get(url("award", award.pk)).status_code == 403
    assert "够不上" not in text(lv, "award", award.pk) and "赵志愿" in text(lv, "standing_desk")
    assert lv.post(url("award_act", award.pk, "put_out")).status_code == 303
    page = text(public, "stars")
    assert "赵**" in page and "赵志愿" not in page and "120" not in page and "芝罘区" in page
    assert public.post(url("star_object", award.pk), {"text": ""}).status_code == 400
    assert public.post(url("star_object", award.pk), {"text": "他那天没有来"}).status_code == 303
    assert "他那天没有来" in text(person, "standing") and "他那天没有来" not in text(public, "stars")
    assert person.post(url("own_award", award.pk, "answer"), {"text": "我在后门"}).status_code == 303
    assert at(m, "周银龄").post(url("own_award", award.pk, "withdraw")).status_code == 404
    assert lv.post(url("award_act", award.pk, "dismiss"), {"reason": "在"}).status_code == 403
    assert "由别人决定" in text(lv, "award", award.pk)
    second(m)
    other = at(m, "梁秘书")
    assert "我在后门" in text(other, "award", award.pk, tab="against")
    assert other.post(url("award_act", award.pk, "dismiss"), {"reason": ""}).status_code == 400
    assert other.post(url("award_act", award.pk, "dismiss"), {"reason": "照片在"}).status_code == 303
    stars.give(award_id=award.pk, at=Award.objects.get().due_at)
    page = text(person, "standing")
    assert "授予，按第 1 版规则" in page and "★★☆☆☆" in page
    m.do(steps.reverse, [service.pk], reason="记错了", at=timezone.now())
    assert "赵志愿" in text(lv, "standing_desk", tab="below") and "够不上" in text(lv, "award", award.pk)
    assert lv.post(url("award_act", award.pk, "take_back"), {"reason": "不够了"}).status_code == 303
    assert "不够了" in text(person, "standing")


def test_the_time_bank_line_by_line(m: Made) -> None:
    served(m)
    person, lv = at(m, PERSON), at(m, FIRST)
    assert "存入" in text(person, "bank") and "芝罘区志愿服务星级办法" in text(person, "bank")
    sent = {"area": COUNTY, "hours": "1", "words": "陪我去医院", "whom": "赵母"}
    assert person.post(url("bank"), sent | {"hours": "3"}).status_code == 409
    assert person.post(url("bank"), sent).status_code == 303
    one = Spending.objects.get()
    desk = text(lv, "standing_desk", tab="spending")
    assert "陪我去医院" in desk and "赵母" not in desk
    assert at(m, "李社工").post(url("spending_act", one.pk, "agree")).status_code == 403
    assert lv.post(url("spending_act", one.pk, "whom"), {"reason": ""}).status_code == 400
    assert "赵母" in lv.post(url("spending_act", one.pk, "whom"), {"reason": "安排陪诊"}).content.decode()
    assert lv.post(url("spending_act", one.pk, "agree")).status_code == 303
    page = text(person, "bank")
    assert "已同意" in page and "用掉" in page
    assert lv.post(url("spending_act", one.pk, "give_back"), {"reason": "没有人能去"}).status_code == 303
    assert "没有人能去" in text(person, "bank")


def test_a_perk_from_the_shop_to_the_till(m: Made) -> None:
    served(m)
    person, shop = at(m, PERSON), at(m, "马经理")
    sent = {
        "org": m.world.org("鲁新超市").pk, "title": "理发一次", "words": "到店出示", "stars": "0", "stored": "1", "yearly": "1",
        "first_day": timezone.localdate().isoformat(),
    }  # fmt: skip
    assert shop.post(url("perks_desk"), sent | {"stored": ""}).status_code == 400
    assert shop.post(url("perks_desk"), sent | {"org": m.world.org("心桥社工").pk}).status_code == 400
    assert shop.post(url("perks_desk"), sent).status_code == 303
    one = Perk.objects.get()
    assert "理发一次" in text(at(m), "perks") and "领取" in text(person, "perks")
    taken = person.post(url("perk_take", one.pk))
    assert taken.status_code == 303 and person.post(url("perk_take", one.pk)).status_code == 409
    got = Taken.objects.get()
    assert f"{got.code[:4]} {got.code[4:]}" in text(person, "perk_code", got.pk)
    assert at(m, "周银龄").get(url("perk_code", got.pk)).status_code == 404
    assert at(m, "李社工").post(url("redeem"), {"code": got.code}).status_code == 409
    assert "已经核销" in shop.post(url("redeem"), {"code": got.code.lower()}).content.decode()
    assert shop.post(url("redeem"), {"code": got.code}).status_code == 409
    assert "已使用" in text(person, "perk_code", got.pk)
    assert shop.post(url("perk_end", one.pk), {"reason": "送完了"}).status_code == 303


def test_few_may_object_in_a_row(m: Made) -> None:
    served(m)
    award = stars.ask(area_path=COUNTY, stars=1, shown=True, by=m.who(PERSON), at=timezone.now())
    stars.put_out(award_id=award.pk, by=m.who(FIRST), at=timezone.now())
    cache.clear()
    answers = [at(m).post(url("star_object", award.pk), {"text": f"不对{n}"}).status_code for n in range(12)]
    assert answers[0] == 303 and answers[-1] == 429 and Objection.objects.count() == 10


def test_pages_cost_the_same_for_one_as_for_five(m: Made) -> None:
    lv, public, person = at(m, FIRST), at(m), at(m, PERSON)
    cost: dict[str, list[int]] = {}
    now = timezone.now()
    for who in (PERSON, "周银龄", "王桂兰", "薛师傅", "孙坐席"):
        served(m, who)
        award = stars.ask(area_path=COUNTY, stars=1, shown=True, by=m.who(who), at=now)
        stars.put_out(award_id=award.pk, by=m.who(FIRST), at=now)
        bank_steps.ask_to_spend(area_path=COUNTY, minutes=60, words="陪诊", by=m.who(who), at=now)
        pages = (
            (lv, "standing_desk", {"tab": "out"}), (lv, "standing_desk", {"tab": "spending"}), (public, "stars", {}),
            (person, "standing", {}), (person, "bank", {}), (lv, "perks_desk", {}),
        )  # fmt: skip
        for client, name, query in pages:
            with CaptureQueriesContext(connection) as seen:
                assert client.get(url(name, **query)).status_code == 200
            cost.setdefault(f"{name}{query}", []).append(len(seen))
    assert {name: n[1] == n[-1] for name, n in cost.items()} == dict.fromkeys(cost, True)
    own, by = m.who(PERSON), m.who(FIRST)
    for ask in (
        lambda: standing_queries.mine(own, "", now), lambda: standing_queries.mine(own, "", now, banking=True),
        lambda: standing_queries.awards(by, "out"), lambda: standing_queries.minus(by, now),
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as seen:
            ask()
        assert len(seen) <= 7, [q["sql"][:90] for q in seen.captured_queries]


def test_lists_are_exported_for_a_purpose_without_names(m: Made) -> None:
    served(m)
    stars.ask(area_path=COUNTY, stars=1, shown=False, by=m.who(PERSON), at=timezone.now())
    lv = at(m, FIRST)
    assert lv.post(url("standing_export", tab="asked"), {"purpose": ""}).status_code == 400
    for tab in ("asked", "below", "spending"):
        assert lv.post(url("standing_export", tab=tab), {"purpose": "复核"})["Content-Type"].endswith("sheet")
    assert lv.post(url("perks_export"), {"purpose": "复核"}).status_code == 200
