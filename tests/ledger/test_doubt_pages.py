"""Pages of doubts and disputes: who sees what, in how many statements, and that each act goes through."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from heli.ledger import dispute_steps
from heli.ledger.doubt_models import Dispute, Flag
from heli.ledger.models import Service
from tests.ledger.made import DAY, HOUR, MORNING, NOW, Made, made

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def m(world: Any, settings: Any) -> Made:
    settings.HELI_STAFF_MFA = False
    return made(world)


def at(m: Made, who: str = "") -> Client:
    client = Client()
    if who:
        client.force_login(m.world.user(who), backend=BACKEND)
    return client


def held(m: Made) -> Service:
    service = m.one(hours=11, starts=MORNING - 3 * HOUR)
    m.attended(service)
    m.approved(service, at=NOW + DAY)
    return Service.objects.get(pk=service.pk)


def test_who_sees_a_doubt(m: Made) -> None:
    where = reverse("ledger:doubt", args=[held(m).pk])
    seen = {who: at(m, who).get(where).status_code for who in ("赵志愿", "李社工", "吕部长", "周银龄", "外县人")}
    assert seen == {"赵志愿": 200, "李社工": 200, "吕部长": 200, "周银龄": 404, "外县人": 404}


def test_the_person_answers_and_a_second_one_decides(m: Made) -> None:
    service = held(m)
    where = reverse("ledger:doubt", args=[service.pk])
    person, reviewer = at(m, "赵志愿"), at(m, "吕部长")
    assert where in person.get(reverse("ledger:my_doubts")).content.decode()
    assert person.post(where, {"text": ""}).status_code == 400
    assert person.post(where, {"text": "那天防汛值班"}).status_code == 303
    desk = reviewer.get(reverse("ledger:doubts")).content.decode()
    assert "那天防汛值班" in desk and f'value="{service.pk}"' in desk
    assert f'value="{service.pk}"' not in at(m, "李社工").get(reverse("ledger:doubts")).content.decode()
    send = {"who": [service.pk], "outcome": "settle", "reason": "有值班表"}
    assert at(m, "李社工").post(reverse("ledger:doubts_decide"), send).status_code == 403
    assert reviewer.post(reverse("ledger:doubts_decide"), send).status_code == 303
    assert Flag.objects.get().state == "dismissed" and Service.objects.get(pk=service.pk).credited == 660


def test_a_dispute_from_the_first_word_to_the_second_answer(m: Made) -> None:
    service = m.one()
    m.attended(service, 60)
    m.approved(service, 60)
    person, unit, second = at(m, "赵志愿"), at(m, "李社工"), at(m, "吕部长")
    wrong = reverse("ledger:wrong")
    assert person.get(f"{wrong}?service={service.pk}").status_code == 200
    assert at(m, "周银龄").get(f"{wrong}?service={service.pk}").status_code == 404
    assert person.post(wrong, {"service": service.pk, "text": "少记了", "minutes": 120}).status_code == 303
    d = Dispute.objects.get()

    def act(who: Client, name: str, **more: Any) -> int:
        return who.post(reverse("ledger:dispute_act", args=[d.pk, name]), more).status_code

    assert reverse("ledger:dispute", args=[d.pk]) in unit.get(reverse("ledger:disputes")).content.decode()
    assert act(unit, "decline", answer="签退是十点") == 303
    assert act(person, "object", answer="是别人代签的") == 303
    assert act(unit, "grant", answer="好", minutes=120) == 403
    assert act(second, "grant", answer="照片能看到", minutes=120) == 303
    assert Service.objects.get(pk=service.pk).credited == 120
    assert "照片能看到" in person.get(reverse("ledger:dispute", args=[d.pk])).content.decode()


def test_pages_cost_the_same_for_one_as_for_five(m: Made) -> None:
    cost: dict[str, list[int]] = {}
    reviewer = at(m, "吕部长")
    for who in ("赵志愿", "周银龄", "王桂兰", "薛师傅", "孙坐席"):
        service = m.one(who, hours=11, starts=MORNING - 3 * HOUR)
        m.attended(service)
        m.approved(service, at=NOW + DAY)
        dispute_steps.report(text="不对", minutes=9, service_id=service.pk, by=m.who(who), at=NOW + DAY)
        for name in ("doubts", "disputes"):
            with CaptureQueriesContext(connection) as seen:
                assert reviewer.get(reverse(f"ledger:{name}")).status_code == 200
            cost.setdefault(name, []).append(len(seen))
    assert {name: n[1] == n[-1] for name, n in cost.items()} == {"doubts": True, "disputes": True}


def test_everybody_reads_the_rules_and_no_names(m: Made) -> None:
    held(m)
    page = at(m).get(reverse("ledger:doubt_rules"))
    words = page.content.decode()
    assert page.status_code == 200 and "H12" in words and "1 条没有定" in words
    assert "赵志愿" not in words
