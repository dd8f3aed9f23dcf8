"""The life of a token: made by who decides on the grant, shown once, no wider than its grant, over at once when ended."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.api.models import Token
from heli.api.steps import end_token, mark_used, mint_token
from heli.core.actor import SYSTEM
from heli.core.errors import HeliError
from heli.core.models import Event
from heli.orgs.steps import close_org, end_grant
from tests.api.asking import Machine, grant_of, machine, minted
from tests.invariants.everyone import content
from tests.loop.staff import log_in
from tests.loop.told import tell

DAY = dt.timedelta(days=1)


def mint(world: Any, by: str, of: str, **more: Any) -> Any:
    grant, now = grant_of(world, of), timezone.now()
    asked = {"name": "市平台", "caps": grant.role.caps, "expires_at": now + 10 * DAY} | more
    return mint_token(grant_id=grant.pk, by=world.actor(by), at=now, **asked)


def code_of(call: Any) -> str:
    with pytest.raises(HeliError) as caught:
        call()
    return caught.value.code


def test_made_by_an_administrator_kept_as_a_hash(db: None, world: Any) -> None:
    made = mint(world, "姜管理", "于科员")
    assert made.secret.startswith("heli_") and len(made.secret) == 48
    row = Token.objects.get()
    assert made.secret.encode() not in bytes(row.hash) and row.prefix == made.secret[:9]
    event = Event.objects.get(step="token.mint")
    assert (
        event.user_id == world.jiang_admin.pk
        and made.secret not in str(event.data)
        and event.rules[0][0] == "api.token"
    )
    assert Machine(made.secret).get("inbox").status_code == 200


@pytest.mark.parametrize(
    ("by", "of", "more", "code"),
    [
        ("于科员", "曲科员", {}, "L-404"),  # sees nobody's grants
        ("外县人", "于科员", {}, "L-404"),
        ("姜管理", "外县人", {}, "L-404"),  # the next county
        ("姜管理", "姜管理", {}, "L-602"),  # one's own
        ("姜管理", "于科员", {"name": " "}, "L-400"),
        ("姜管理", "于科员", {"caps": []}, "L-810"),
        ("姜管理", "于科员", {"caps": ["manage_grants"]}, "L-810"),  # more than the grant
        ("姜管理", "于科员", {"expires_at": timezone.now() - DAY}, "L-400"),
        ("姜管理", "于科员", {"expires_at": timezone.now() + 91 * DAY}, "L-809"),  # the rule says 90 days
    ],
)  # fmt: skip
def test_who_may_make_which(db: None, world: Any, by: str, of: str, more: dict[str, Any], code: str) -> None:
    assert code_of(lambda: mint(world, by, of, **more)) == code
    assert not Token.objects.exists()


def test_it_does_no_more_than_its_part_of_the_grant(db: None, world: Any) -> None:
    unit = machine(world, "许股长", caps=["handle_requests"])
    assert unit.get("inbox").status_code == 200
    refused = unit.post("replies/1/approve")
    assert refused.status_code == 403 and refused.json()["code"] == "L-403"
    assert unit.get("token").json()["capabilities"] == ["handle_requests"]


def test_one_grant_of_several(db: None, world: Any) -> None:
    """外县人 holds two; a token has the powers of one alone."""
    desk = machine(world, "外县人", role="dispatcher")
    assert desk.get("desk").status_code == 200 and desk.get("inbox").status_code == 403


def test_what_ends_it_is_felt_at_the_next_request(db: None, world: Any) -> None:
    now = timezone.now()
    for end in (
        lambda t: end_token(token_id=t.pk, reason="换系统", by=world.actor("姜管理"), at=timezone.now()),
        lambda t: Token.objects.filter(pk=t.pk).update(created_at=now - 2 * DAY, expires_at=now - DAY),
        lambda t: end_grant(grant_id=t.grant_id, reason="调岗", by=world.actor("姜管理"), at=timezone.now()),
    ):
        made = minted(world, "于科员")
        unit = Machine(made.secret)
        assert unit.get("inbox").status_code == 200
        end(made.token)
        refused = unit.get("inbox")
        assert refused.status_code == 401 and refused.json()["code"] == "L-803"
        assert refused["WWW-Authenticate"].startswith("Bearer")
        assert unit.get("areas", q="芝罘").status_code == 401, "a bad token is told even where none is needed"


def test_a_closed_unit_closes_its_tokens(db: None, world: Any) -> None:
    unit = machine(world, "外县人", role="unit_officer")
    assert unit.get("inbox").status_code == 200
    close_org(org_id=world.org("莱山城管局").pk, reason="合并", by=SYSTEM, at=timezone.now())
    assert unit.get("inbox").status_code == 401


@pytest.mark.parametrize("said", ["", "heli_", "Bearer", "heli_" + "A" * 43, "heli_王", "x" * 5000])
def test_what_is_no_token(db: None, said: str) -> None:
    answer = Client().get("/api/v1/desk", headers={"Authorization": f"Bearer {said}".encode().decode("latin-1")})
    assert answer.status_code == 401 and answer.json()["code"] == "L-803"


def test_a_session_is_not_looked_at(db: None, world: Any, settings: Any) -> None:
    """No cookie lets anybody in here, so nothing can be forged from another site."""
    settings.HELI_STAFF_MFA = False
    client = log_in(world, "孙坐席")
    assert client.get("/loop/desk/").status_code in {200, 302}
    assert client.get("/api/v1/desk").status_code == 401


def test_its_last_use_is_written_down_once_an_hour(db: None, world: Any) -> None:
    made = minted(world, "于科员")
    unit = Machine(made.secret)
    unit.get("inbox")
    first = Token.objects.get(pk=made.token.pk).last_used_at
    assert first is not None
    unit.get("inbox")
    assert Token.objects.get(pk=made.token.pk).last_used_at == first
    mark_used(made.token.pk, first + dt.timedelta(minutes=59))
    assert Token.objects.get(pk=made.token.pk).last_used_at == first
    mark_used(made.token.pk, first + dt.timedelta(minutes=61))
    assert Token.objects.get(pk=made.token.pk).last_used_at > first


def test_the_next_county_is_missing(db: None, world: Any) -> None:
    told = tell(world, at=timezone.now())
    made = told.dispatch()
    desk, unit = machine(world, "外县人", role="dispatcher"), machine(world, "外县人", role="unit_officer")
    lost = desk.get("requests/ZF-ZZZZ-ZZ")
    seen = desk.get(f"requests/{told.request.code}")
    assert seen.status_code == lost.status_code == 404 and seen.json() == lost.json()
    assert unit.post(f"dispatches/{made.pk}/accept").json() == unit.post("dispatches/999999/accept").json()
    assert desk.get("requests").json()["rows"] == []


def test_pages(db: None, world: Any, settings: Any) -> None:
    """Made from the grant's page, shown once, listed, ended."""
    settings.HELI_STAFF_MFA = False
    admin, grant = log_in(world, "姜管理"), grant_of(world, "于科员")
    assert "/tokens/new/" in admin.get(f"/orgs/grants/{grant.pk}/").content.decode()
    where = f"/tokens/new/{grant.pk}/"
    last = (timezone.localdate() + 30 * DAY).isoformat()
    asked = {"name": "市平台", "caps": ["handle_requests"], "last_day": last}
    assert admin.get(where).status_code == 200
    assert admin.post(where, asked | {"caps": []}).status_code == 400
    assert admin.post(where, asked | {"last_day": "2031-01-01"}).status_code == 400
    made = admin.post(where, asked)
    secret = made.context["made"].secret
    assert made["Cache-Control"] == "no-store" and secret in made.content.decode()
    shown = admin.get("/tokens/").content.decode()
    assert "市平台" in shown and secret not in shown
    assert Machine(secret).get("inbox").status_code == 200
    token = Token.objects.get()
    assert admin.get(f"/tokens/{token.pk}/").status_code == 200
    assert admin.post(f"/tokens/{token.pk}/", {"reason": ""}).status_code == 400
    assert admin.post(f"/tokens/{token.pk}/", {"reason": "不用了"}).status_code == 302
    assert Machine(secret).get("inbox").status_code == 401
    assert log_in(world, "外县人").get(f"/tokens/{token.pk}/").status_code in {403, 404}


def test_whoever_it_acts_as_sees_it_and_ends_it(db: None, world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    secret = mint(world, "姜管理", "于科员").secret
    officer, other = log_in(world, "于科员"), log_in(world, "曲科员")
    assert "市平台" in officer.get("/tokens/mine/").content.decode()
    assert "市平台" not in other.get("/tokens/mine/").content.decode()
    which = {"which": Token.objects.get().pk}
    assert other.post("/tokens/mine/", which).status_code == 404 and Machine(secret).get("inbox").status_code == 200
    assert officer.post("/tokens/mine/", which).status_code == 302
    assert Machine(secret).get("inbox").status_code == 401
    assert officer.post("/tokens/mine/", {"which": "x"}).status_code == 404
    assert Client().get("/tokens/mine/").status_code == 302


def test_the_list_as_a_file_holds_no_secret(db: None, world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    made = mint(world, "姜管理", "于科员")
    admin = log_in(world, "姜管理")
    assert "/tokens/export/" in admin.get("/tokens/").content.decode()
    assert admin.post("/tokens/export/", {"purpose": " "}).status_code == 400
    sent = admin.post("/tokens/export/", {"purpose": "年度核对"})
    rows = list(load_workbook(io.BytesIO(sent.content)).worksheets[0].values)
    assert len(rows) == 2 and rows[1][:2] == ("市平台", made.secret[:9])
    assert made.secret.encode() not in content(sent)
    assert Event.objects.get(step="list.export").data["purpose"] == "年度核对"
    assert log_in(world, "孙坐席").post("/tokens/export/", {"purpose": "看"}).status_code == 403
    assert log_in(world, "于科员").post("/tokens/export/", {"purpose": "看"}).status_code == 403
