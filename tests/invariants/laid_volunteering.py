"""Volunteers, activities, hours and what follows from them, laid out in one county."""

from __future__ import annotations

import datetime as dt
from typing import Any

from heli.core.actor import SYSTEM, Actor, GrantView
from heli.core.caps import Cap
from heli.core.steps import step
from heli.ledger import bank_steps, certificate_steps, dispute_steps, doubt_steps, standing_steps
from heli.ledger import steps as hours
from heli.ledger.doubt_models import Flag, FlagAnswer
from heli.people.steps import change_name
from heli.rulebook.steps import NewRule, set_rule
from heli.volunteering.models import Outgoing, Pairing, Remark, Volunteer
from heli.volunteering.steps import activities, proofs, shifts, teams
from heli.volunteering.steps import exchange as national
from heli.volunteering.steps import people as volunteers
from heli.volunteering.steps import roster as rosters
from heli.volunteering.steps.activities import Plan as Planned
from heli.volunteering.steps.enrol import enrol
from heli.volunteering.steps.roles import Wanted
from tests.invariants.laid import HOUR, Laid, photo
from tests.volunteering.rows import number


def served(laid: Laid, *, org_id: int, area_path: str, who: Any, now: dt.datetime) -> dict[str, Any]:
    """A service of somebody's that is over and not recorded yet; a tile of the log."""
    opening = hours.Opening(
        source_id=org_id, user_id=who.pk, org_id=org_id, area_path=area_path, title=f"{laid.mark}：清扫", content=laid.mark,
        place=laid.mark, field="other", leader_id=None, starts=now - HOUR * 3, ends=now - HOUR, enrolled_at=now - HOUR * 9,
    )  # fmt: skip
    with step("tests.serve", by=SYSTEM, at=now) as s:
        (made,) = hours.open_services(s, "tests.enrolment", [opening])
        s.about("ledger.service", made.pk, area_path)
    return {"service_id": made.pk, "level": 0, "rest": "000"}


def volunteered(laid: Laid, *, community: str, team_id: int, now: dt.datetime) -> dict[str, Any]:
    """A volunteer with a paper and a guardian, who asks to join a team. The team's page is public: it bears no mark."""
    made = volunteers.register_for(
        by=SYSTEM, at=now, area_path=community, name=f"{laid.mark}花", id_number=number(now.date().replace(day=1, year=2011), team_id),
        phone=f"137{team_id:08d}", consent=f"{laid.mark}：当面说的", seen_card=True,
    )  # fmt: skip
    day = now.date()
    shown = proofs.show(
        volunteer_id=made.pk, kind="insurance", valid_from=day, valid_to=day + HOUR * 24 * 9, how=f"{laid.mark}：人保",
        papers=[photo()], by=SYSTEM, at=now,
    )  # fmt: skip
    proofs.name_guardian(volunteer_id=made.pk, name=f"{laid.mark}叶", phone="13700000077", by=SYSTEM, at=now)
    asked = teams.ask(team_id=team_id, volunteer_id=made.pk, words=f"{laid.mark}：想来", by=SYSTEM, at=now)
    return {"volunteer_id": made.pk, "proof_id": shown.pk, "team_id": team_id, "joining_id": asked.pk}


def active(
    world: Any, laid: Laid, *, community: str, unit: str, people: tuple[Any, Any], now: dt.datetime
) -> dict[str, Any]:
    """A posted activity of a county with a series, which everybody finds; the mark stands in what only its reviewers and
    organisers read. `people`: who leads it, who looked at it."""
    org, (leader, other) = world.org(unit).pk, people
    lead = Actor(leader.pk, grants=(GrantView(0, frozenset({Cap.LEAD_TEAM}), org, unit, (community,)),))
    look = Actor(other.pk, grants=(GrantView(0, frozenset({Cap.REVIEW_ACTIVITIES}), None, "", (community[:6],)),))
    plan = Planned(
        title="周六读报",
        field="elders",
        area_path=community,
        place="路 1 号",
        content="读报",
        plan=f"{laid.mark}：方案",
        risks="路滑",
    )
    made = activities.draft(org_id=org, plan=plan, by=lead, at=now - HOUR * 3, roles=[Wanted("读报", 4)])
    first = (now + HOUR * 48).replace(minute=0)
    of = shifts.add_series(
        activity_id=made.pk, rule="FREQ=DAILY", first=first, minutes=60, until=(now + HOUR * 120).date(), by=lead,
        at=now - HOUR * 3,
    )  # fmt: skip
    activities.submit(activity_id=made.pk, by=lead, at=now - HOUR * 2)
    activities.post(activity_id=made.pk, by=look, at=now - HOUR)
    shift = made.shifts.order_by("starts")[0]
    grown = volunteers.register_for(
        by=SYSTEM, at=now - HOUR, area_path=community, name=f"{laid.mark}根", id_number=number(dt.date(1990, 5, 1), org),
        phone=f"138{org:08d}", consent=f"{laid.mark}：当面说的", seen_card=True,
    )  # fmt: skip
    slot = shift.slots.get()
    (place,) = enrol(
        slot_id=slot.pk,
        people=[grown.pk],
        by=SYSTEM,
        at=now - HOUR / 2,
        how="proxy",
        consent=f"{laid.mark}：本人说要来",
    )
    remark = Remark.objects.create(
        enrolment=place, activity=made, area_path=community, felt="poor", words=f"{laid.mark}：梯子不稳", state="open", said_at=now
    )  # fmt: skip
    pairing = Pairing.objects.create(
        shift=shift, org_id=org, area_path=community, elder=grown, elder_yes=True, state="wanted", made_at=now
    )
    laid.values |= {"remark_id": remark.pk, "pairing_id": pairing.pk}
    laid.values |= {"enrolment_id": place.pk, "own_act": "accept", "leader_act": "admit", "moment": "a" * 16}
    return {
        "activity_id": made.pk, "series_id": of.pk, "shift_id": shift.pk, "slot_id": slot.pk,
        "role_id": made.roles.get().pk, "photo_no": 0,
    }  # fmt: skip


def certified(laid: Laid, *, org_id: int, community: str, user: Any, now: dt.datetime) -> dict[str, Any]:
    """A certificate of one service of a county. Anybody who has its number sees it, so neither mark nor name stand on it."""
    change_name(user_id=user.pk, name=f"{laid.mark}名", by=SYSTEM, at=now)
    if not Volunteer.objects.filter(user=user).exists():
        told = {"name": f"{laid.mark}名", "id_number": number(dt.date(1991, 2, 3), user.pk)}
        made = volunteers.register(by=Actor(user.pk), at=now, area_path=community, **told)
        volunteers.verify(volunteer_id=made.pk, name=told["name"], last=told["id_number"][-6:], by=SYSTEM, at=now)
    with step("hours.laid", by=SYSTEM, at=now) as s:
        opening = hours.Opening(
            source_id=org_id, user_id=user.pk, org_id=org_id, area_path=community, title=f"{laid.mark}：陪伴", content=laid.mark,
            place=laid.mark, field="elder", leader_id=None, starts=now - HOUR * 30, ends=now - HOUR * 28, enrolled_at=now - HOUR * 90,
        )  # fmt: skip
        (service,) = hours.open_services(s, "tests.laid", [opening])
        hours.approve(s, [hours.Line(service_id=service.pk, grade="leader")])
        s.about("tests.laid", service.pk, community)
    day = (now - HOUR * 30).date()
    issued = certificate_steps.issue(
        user_id=user.pk, first_day=day - HOUR * 48, last_day=now.date(), language="zh", org_id=org_id, by=SYSTEM, at=now
    )
    return {"certificate_id": issued.pk, "serial_number": issued.code}


def doubted(laid: Laid, *, org_id: int, community: str, who: Any, now: dt.datetime) -> dict[str, Any]:
    """Hours of a county that a rule doubts, with the answer of whoever served them, and a dispute about others."""
    made = []
    for n, length in enumerate((11, 1)):
        starts = now - HOUR * (60 - 20 * n)
        with step("test.hours", by=SYSTEM, at=now) as s:
            opening = hours.Opening(
                source_id=who.pk * 10 + n, user_id=who.pk, org_id=org_id, area_path=community, title=f"{laid.mark}陪伴",
                content="陪伴", place=f"{laid.mark}社区", field="elder", leader_id=None, starts=starts, ends=starts + HOUR * length,
                enrolled_at=starts - HOUR * 30,
            )  # fmt: skip
            service = hours.open_services(s, "tests.served", [opening])[0]
            hours.approve(s, [hours.Line(service_id=service.pk, grade="leader", minutes=length * 60)])
            s.about("tests.served", service.pk, community)
        made.append(service.pk)
    doubt_steps.answer(service_id=made[0], text=f"{laid.mark}：值班", by=Actor(who.pk), at=now, paper=photo())
    dispute = dispute_steps.report(service_id=made[1], text=f"{laid.mark}：少了", minutes=90, by=Actor(who.pk), at=now)
    flag = Flag.objects.get(service=made[0])
    return {
        "held_id": made[0], "flag_id": flag.pk, "dispute_id": dispute.pk,
        "hours_paper": FlagAnswer.objects.get(flag=flag).paper,
    }  # fmt: skip


def starred(laid: Laid, *, org_id: int, community: str, who: Any, other: Any, now: dt.datetime) -> dict[str, Any]:
    """Stars of somebody that are put out and spoken against, hours they want to spend, and a perk that they took. What is given
    and who is put out everybody reads: neither bears the mark."""
    county = community[:6]
    for key, value in (
        ("ledger.stars", {"hours": [1, 2, 3, 4, 5], "without": []}),
        ("ledger.timebank.rate", {"all": 100}),
    ):
        set_rule(
            rule=NewRule(key, county, value, "办法", (now - HOUR * 999).date(), {}, reason="试行"), by=SYSTEM, at=now
        )
    look = Actor(other.pk, grants=(GrantView(0, frozenset({Cap.REVIEW_HOURS}), None, "", (county,)),))
    award = standing_steps.ask(area_path=county, stars=1, shown=False, by=Actor(who.pk), at=now)
    standing_steps.put_out(award_id=award.pk, by=look, at=now)
    standing_steps.object_to(award_id=award.pk, text=f"{laid.mark}：没有来", by=Actor(None), at=now)
    spending = bank_steps.ask_to_spend(
        area_path=county, minutes=60, words=f"{laid.mark}：陪诊", whom=f"{laid.mark}母", by=Actor(who.pk), at=now
    )
    given = bank_steps.Given(title="理发一次", words="到店出示", stored=1, first_day=now.date())
    perk = bank_steps.publish_perk(org_id=org_id, area_path=county, given=given, by=SYSTEM, at=now)
    taken = bank_steps.take(perk_id=perk.pk, by=Actor(who.pk), at=now)
    return {"award_id": award.pk, "spending_id": spending.pk, "perk_id": perk.pk, "taken_id": taken.pk}


def exchanged(laid: Laid, *, county: str, now: dt.datetime) -> dict[str, Any]:
    """A table of people for the shift, a batch for the national system, and a row of it that was refused there."""
    of = laid.values
    table = rosters.lay_roster(
        shift_id=of["shift_id"],
        name=f"{laid.mark}.csv",
        raw=f"志愿者编号,岗位\n{laid.mark},读报\n".encode(),
        by=SYSTEM,
        at=now,
    )
    national.save_mapping(
        county=county, kind="volunteer", columns=[("number", f"{laid.mark}列")], values={}, reason=laid.mark, seen=0, by=SYSTEM,
        at=now,
    )  # fmt: skip
    national.share(volunteer_id=of["volunteer_id"], by=SYSTEM, at=now, consent=f"{laid.mark}：监护人同意")
    parcel = national.pack(county=county, kind="volunteer", by=SYSTEM, at=now)
    row = Outgoing.objects.get(parcel=parcel)
    answer = f"平台编号,结果,原因\n{row},失败,{laid.mark}重名\n".encode()
    assert national.receive(raw=answer, name="r.csv", by=SYSTEM, at=now).refused == 1
    return {
        "roster_id": table.pk,
        "roster_act": "take",
        "parcel_id": parcel.pk,
        "parcel_act": "send",
        "outgoing_id": row.pk,
    }
