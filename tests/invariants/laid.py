"""Things of two counties for everybody to ask for, laid out by the real steps."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from heli.api.steps import mint_token
from heli.core.actor import PUBLIC, SYSTEM, Actor, GrantView
from heli.core.caps import Cap
from heli.engines.opening import Period
from heli.engines.text.landmarks import Landmark as Learned
from heli.hooks.models import Delivery
from heli.hooks.steps import add_endpoint
from heli.insight.models import Candidate, Hot, HotRequest, Problem, Round
from heli.insight.problem_steps import name as name_problem
from heli.loop import steps
from heli.loop.models import Category, Clock, Dispatch, DutyRow, Extension, Handling, Request, Review, Voice
from heli.loop.oversight_models import OrderPart, Recheck, Revisit
from heli.loop.reading_models import AutoStop, Reader, Reading, Sample
from heli.loop.steps.batch import open_batch
from heli.loop.steps.digests import compose, monday
from heli.loop.steps.oversee import climb_one
from heli.notices import steps as notices
from heli.orgs.models import Grant, Member
from heli.oversight.links import token_of as tip_link
from heli.oversight.steps import receive as receive_tip
from heli.places import booking_steps as bookings
from heli.places import resource_steps, site_steps
from heli.places.landmark_steps import learn_landmarks
from heli.places.landmarks import Landmark
from heli.places.models import Area, Booking
from heli.places.site_import_steps import lay_table
from heli.places.site_tables import SiteTable
from heli.rulebook.models import Rule
from heli.snaps import steps as snaps
from heli.suggestions import steps as suggestions
from heli.suggestions.models import Measure
from heli.suggestions.steps.answer import Plan
from heli.wishes import steps as wishes
from tests.loop.told import PAVEMENT

HOUR = dt.timedelta(hours=1)


def photo(color: str = "#a40") -> io.BytesIO:
    """A small picture as somebody would send it."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "PNG")
    out.seek(0)
    out.name = "photo.png"
    return out


@dataclass
class Laid:
    """What was laid out in one county. `by_kind` names a fitting thing for each kind a route may speak of."""

    mark: str  # stands in every title and text
    requests: dict[str, Request] = field(default_factory=dict)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    read: dict[str, Any] = field(default_factory=dict)  # of what the reader is about
    values: dict[str, Any] = field(default_factory=dict)  # of arguments that are not of the loop

    def pick(self, kind: str, state: str) -> Any:
        """A thing of this kind, of the request in this state where there is one."""
        of = self.things[kind]
        return of.get(state) or next(iter(of.values()))


def lay(world: Any, *, mark: str, community: str, unit: str, helper: str, now: dt.datetime) -> Laid:
    """Requests of one county at every station, with what hangs on them, made by the real steps."""
    laid = Laid(mark)
    lead, assist = world.org(unit).pk, world.org(helper).pk
    say = {"by": SYSTEM}

    def tell(name: str) -> Any:
        heard = steps.hear(
            by=PUBLIC, at=now - HOUR * 5, text=f"{mark}：{name}，人行道塌下去一片", area_path=community, category=PAVEMENT,
            name="章大姐", phone="13700000009", photos=[photo()],
        )  # fmt: skip
        laid.requests[name] = heard.request
        laid.tokens.append(heard.token)
        laid.things.setdefault("request", {})[name] = heard.request.pk
        laid.things.setdefault("voice", {})[name] = heard.voice.pk
        laid.things.setdefault("file", {})[name] = heard.request.photos[0]
        return heard

    def offered(name: str) -> Any:
        heard = tell(name)
        made = steps.offer(request_id=heard.request.pk, unit_id=lead, at=now - HOUR * 4, **say)
        laid.things.setdefault("dispatch", {})[name] = made.pk
        return heard

    def accepted(name: str) -> Any:
        heard = offered(name)
        steps.accept(dispatch_id=laid.things["dispatch"][name], at=now - HOUR * 3, **say)
        return heard

    def answered(name: str) -> Any:
        heard = accepted(name)
        made = steps.write_reply(
            request_id=heard.request.pk, at=now - HOUR * 2, text=f"{mark}：已经铺好", photos=[photo("#085")], **say
        )
        laid.things.setdefault("handling", {})[name] = made.pk
        return heard

    def judged(heard: Any, solved: str) -> None:
        steps.judge(
            voice_id=heard.voice.pk, by=Actor(None, voice_id=heard.voice.pk), at=now - HOUR, contacted=True, solved=solved,
            satisfaction=4 if solved == "yes" else 2, words=f"{mark}：评价",
        )  # fmt: skip

    tell("heard")
    offered("offered")
    heard = offered("returning")
    steps.ask_return(
        dispatch_id=laid.things["dispatch"]["returning"], at=now - HOUR * 3, reason_code="not_ours", reason=f"{mark}：不归我们",
        legal_basis="三定规定", **say,
    )  # fmt: skip
    heard = accepted("handling")
    pk = heard.request.pk
    steps.ask_help(request_id=pk, unit_id=assist, at=now - HOUR * 3, reason=f"{mark}：要人手", **say)
    laid.things["dispatch"]["assist"] = Dispatch.objects.get(request=pk, role="assist").pk
    steps.note(request_id=pk, at=now - HOUR * 2, text=f"{mark}：内部", **say)
    steps.ask_resident(request_id=pk, at=now - HOUR * 2, text=f"{mark}：请问哪一段", **say)
    steps.write_reply(request_id=pk, at=now - HOUR * 2, text=f"{mark}：草稿", send=False, **say)
    laid.things.setdefault("handling", {})["handling"] = Handling.objects.get(request=pk).pk
    clock = Clock.objects.get(request=pk, kind="reply")
    laid.things["clock"] = {"handling": clock.pk}
    steps.ask_extension(
        clock_id=clock.pk, at=now - HOUR * 2, kind="more", days=2, reason=f"{mark}：等料", basis="施工合同", **say
    )
    laid.things["extension"] = {"handling": Extension.objects.get(request=pk).pk}
    answered("replied")
    done = answered("closed")
    judged(done, "yes")
    made = steps.propose_exclusion(
        request_id=done.request.pk, at=now - HOUR, reason="court", evidence=f"{mark}：民初 1 号", **say
    )
    laid.things["exclusion"] = {"closed": made.pk}
    again = answered("appealed")
    for _lap in range(2):
        judged(again, "no")
        steps.write_reply(request_id=again.request.pk, at=now - HOUR, text=f"{mark}：又铺了一次", **say)
    judged(again, "no")
    oversee(laid, say, lead, assist, now)
    read(laid, community, now)
    for request in laid.requests.values():
        request.refresh_from_db()
    assert {n: r.state for n, r in laid.requests.items()} == {
        "heard": "heard", "offered": "dispatched", "returning": "dispatched", "handling": "handling", "replied": "replied",
        "closed": "closed", "appealed": "appealed",
    }  # fmt: skip
    return laid


def oversee(laid: Laid, say: dict[str, Any], lead: int, assist: int, now: dt.datetime) -> None:
    """An order about a request in hand, a digest, a call to make, a second listen, and a clock that was urged."""
    pk = laid.requests["handling"].pk
    order = steps.issue_order(
        at=now - HOUR, title=f"{laid.mark}：督办", demand=f"{laid.mark}：办完", units={lead: f"{laid.mark}：主办", assist: ""},
        request_ids=[pk], **say,
    )  # fmt: skip
    part = OrderPart.objects.get(order=order, unit=lead)
    steps.report_order(part_id=part.pk, at=now - HOUR, text=f"{laid.mark}：回报", papers=[photo()], **say)
    part.refresh_from_db()
    review = Review.objects.filter(request=laid.requests["closed"], reached=True).latest("id")
    check = Recheck.objects.create(
        review=review, request_id=review.request_id, area_path=order.area_path, unit_id=lead, drawn_at=now
    )
    made = compose(week=monday(now.date()), area_path=order.county, unit_id=None, at=now)
    clock = Clock.objects.filter(request=pk, kind="reply")
    climb_one(clock.get(), 2, None, now)
    call = Revisit.objects.get(request=laid.requests["replied"])
    laid.things |= {
        "order": {"handling": order.pk}, "part": {"handling": part.pk}, "paper": {"handling": part.papers[0]},
        "recheck": {"closed": check.pk}, "digest": {"handling": made.pk if made else 0}, "call": {"replied": call.pk},
    }  # fmt: skip


def read(laid: Laid, community: str, now: dt.datetime) -> None:
    """What a reader of the county made of two requests: one it asks about, one it sent on that was drawn as a sample; a
    matter that was stopped. Its content is no model, and never in use."""
    matter, county = Category.objects.get(code=PAVEMENT), community[:6]
    made = Reader.objects.create(area_path=county, version=1, state="ready", made_at=now, content=b"x")
    for name, sure in (("heard", False), ("offered", True)):
        Reading.objects.create(
            request=laid.requests[name], area_path=community, reader=made, read_at=now, category=matter, probability=0.5,
            sure=sure, choices=[[PAVEMENT, 0.5]], words=["人行道"], auto=sure,
        )  # fmt: skip
    pk = laid.requests["offered"].pk
    Sample.objects.create(reading_id=pk, area_path=community, category=matter, drawn_at=now)
    stop = AutoStop.objects.create(area_path=county, category=matter, why="unseen", stopped_at=now)
    laid.things |= {"sample": {"offered": pk}}
    laid.read = {"reader_id": made.pk, "stop_id": stop.pk}


def ours_of_other_rooms(world: Any) -> dict[str, Any]:
    """What the arguments of the other rooms stand for in 芝罘区."""
    org = world.org("城管局").pk
    return {
        "rule_id": Rule.objects.order_by("id").values_list("pk", flat=True)[0],
        "row_id": DutyRow.objects.order_by("id").values_list("pk", flat=True)[0],
        "path": "370602003", "area_path": "370602003", "org_id": org, "user_id": world.yu_officer.pk, "username": "sun.zuoxi",
        "member_id": Member.objects.filter(org=org).values_list("pk", flat=True)[0],
        "grant_id": Grant.objects.filter(user=world.yu_officer).values_list("pk", flat=True)[0],
    }  # fmt: skip


def token_of(grant_id: int, now: dt.datetime) -> dict[str, Any]:
    """A token of a grant, for the pages that show it."""
    caps = Grant.objects.select_related("role").get(pk=grant_id).role.caps
    made = mint_token(grant_id=grant_id, name="机器", caps=caps, expires_at=now + HOUR * 24, by=SYSTEM, at=now)
    return {"token_id": made.token.pk}


def tipped(laid: Laid, community: str, now: dt.datetime) -> dict[str, Any]:
    """A tip of a county with a photo, for those who handle tips there."""
    tip = receive_tip(
        by=PUBLIC,
        at=now - HOUR,
        area_path=community,
        name=f"{laid.mark}基金会",
        text=f"{laid.mark}：只收现金",
        photos=[photo()],
    )
    return {"tip_id": tip.pk, "tip_photo": tip.photos[0], "told": tip_link(tip)}


def wished(
    world: Any, laid: Laid, *, community: str, unit: str, worker: Any, giver: Any, now: dt.datetime
) -> dict[str, Any]:
    """A wish of a county on the wall (where everybody sees it, so without the mark) with one promise."""
    caps, org = frozenset({Cap.HEAR, Cap.HANDLE_REQUESTS, Cap.POST_WISHES}), world.org(unit).pk
    by = Actor(worker.pk, grants=(GrantView(0, caps, org, unit, (community[:6],)),))
    wish = wishes.post(
        by=by, at=now - HOUR, unit_id=org, area_path=community, text=f"{laid.mark}：想要毛毯", name="章大姐", phone="13700000009",
        visited_on=(now - HOUR * 30).date(), seen=f"{laid.mark}：只有薄被", title="三条厚毛毯", words="盼着三条厚毛毯过冬", gift="goods", needed=3,
        measure="条", consent=True,
    )  # fmt: skip
    made = wishes.pledge(
        wish_id=wish.pk, by=Actor(giver.pk), at=now, amount=1, promised_on=(now + HOUR * 30).date(), phone="13700000008", name=laid.mark
    )  # fmt: skip
    return {"wish_id": wish.pk, "pledge_id": made.pk}


def suggested(world: Any, laid: Laid, *, community: str, unit: str, now: dt.datetime) -> dict[str, Any]:
    """A suggestion of a county that nobody has made public, answered with a measure, added to; and the draft of a call."""
    org = world.org(unit).pk
    made = suggestions.suggest(
        by=PUBLIC, at=now - HOUR * 5, text=f"{laid.mark}：建议装座椅", area_path=community, phone="13700000009",
        credit_name=f"{laid.mark}名",
    )  # fmt: skip
    pk, say = made.suggestion.pk, {"by": SYSTEM}
    offer = steps.offer(request_id=pk, unit_id=org, at=now - HOUR * 4, **say)
    steps.accept(dispatch_id=offer.pk, at=now - HOUR * 3, **say)
    plans = [Plan(f"{laid.mark}：装三处", org, (now + HOUR * 200).date())]
    suggestions.answer(
        request_id=pk, verdict="adopted", reasons=f"{laid.mark}：可行", plans=plans, at=now - HOUR * 2, **say
    )
    measure = Measure.objects.get(suggestion=pk)
    word = suggestions.report(measure_id=measure.pk, text=f"{laid.mark}：开工", at=now - HOUR, photos=[photo()], **say)
    voice = Voice.objects.get(request=pk)
    added = suggestions.add(request_id=pk, text=f"{laid.mark}：补充", by=Actor(None, voice_id=voice.pk), at=now - HOUR)
    call = suggestions.put_call(
        title=f"{laid.mark}征集", asked="问", why="用", area_path=community[:6], unit_id=org, first_day=now.date(),
        last_day=now.date(), at=now, **say,
    )  # fmt: skip
    return {
        "suggestion": made.suggestion.request, "suggestion_token": made.token, "suggestion_photo": word.photos[0],
        "call_id": call.pk, "measure_id": measure.pk, "addendum_id": added.pk,
    }  # fmt: skip


def told_places(laid: Laid, *, community: str, org_id: int, lat: float, lon: float, now: dt.datetime) -> dict[str, Any]:
    """A station of a county, which everybody sees (so without the mark), and the draft of a notice, which nobody else does."""
    site = site_steps.add_site(
        area_path=community,
        name="驿站",
        address="路 1 号",
        lat=lat,
        lon=lon,
        week=((Period(480, 1080),),) * 7,
        by=SYSTEM,
        at=now,
    )
    draft = notices.write_notice(
        title=f"{laid.mark}通知",
        meaning=f"{laid.mark}：能喝热水",
        groups=["riders"],
        area_path=community[:6],
        by=SYSTEM,
        at=now,
    )
    table = lay_table(name=f"{laid.mark}.csv", raw=f"名称,地址\n{laid.mark}站,路 2 号\n".encode(), by=SYSTEM, at=now)
    SiteTable.objects.filter(pk=table.pk).update(area_path=community[:6])
    told = Learned(f"{laid.mark}花园", "estate", community, {community: 3})
    learn_landmarks(county=community[:6], found=[told], at=now)
    name = Landmark.objects.get(area_path=community[:6])
    room = resource_steps.add_resource(site_id=site.pk, kind="room", name="会议室", asks=True, by=SYSTEM, at=now)
    begin = now + HOUR * 30
    held = bookings.book(
        resource_id=room.pk, begin=begin, end=begin + HOUR, purpose=f"{laid.mark}开会", by=SYSTEM, at=now
    )
    Booking.objects.filter(pk=held.pk).update(state="asked")
    partner = resource_steps.add_partner(
        site_id=site.pk, org_id=org_id, brings="早餐", since=now.date(), by=SYSTEM, at=now
    )
    return {
        "site_id": site.pk, "notice_id": draft.pk, "table_id": table.pk, "landmark_id": name.pk, "resource_id": room.pk,
        "booking_id": held.pk, "partner_id": partner.pk,
    }  # fmt: skip


def hooked(laid: Laid, *, area_path: str, grant_id: int, now: dt.datetime) -> dict[str, Any]:
    """An endpoint of a county with one message that failed for good. Its address is a number: no name is asked for it."""
    endpoint, _secret = add_endpoint(
        name=f"{laid.mark}系统", url="https://9.9.9.9/heli", grant_id=grant_id, area_path=area_path, by=SYSTEM, at=now
    )
    request = laid.requests["heard"]
    failed = Delivery.objects.create(
        endpoint=endpoint, event_id=1, step="request.hear", subject_type="loop.request", subject_id=request.pk,
        code=request.code, state="dead", due_at=now, made_at=now, ended_at=now, attempts=13, reason="refused", status=500,
    )  # fmt: skip
    return {"endpoint_id": endpoint.pk, "delivery_id": failed.pk}


def batched(laid: Laid, *, area_path: str, now: dt.datetime) -> dict[str, Any]:
    """A table of another system that was laid down and not taken yet."""
    raw = f"编号,诉求内容,社区\n1,{laid.mark}：灯坏了,没有这里\n".encode()
    made = open_batch(
        by=SYSTEM, at=now, source=f"{laid.mark}热线", name=f"{laid.mark}.csv", raw=raw, default_area=area_path
    )
    return {"batch_id": made.pk}


def standing(laid: Laid, *, community: str, org_id: int, now: dt.datetime) -> dict[str, Any]:
    """A standing problem with words written to its requests, and a candidate. What is public of it bears no mark."""
    category = Category.objects.get(code="020101")
    made = name_problem(
        by=SYSTEM, at=now, title="停水", area_path=community, unit_id=org_id, category="020101",
        review_on=now.date() + dt.timedelta(days=30),
    )  # fmt: skip
    Problem.objects.filter(pk=made.pk).update(report=f"{laid.mark}：做完了", state="review")
    round_ = Round.objects.create(
        problem=made, how="note", text=f"{laid.mark}：写过的话", at=now, requests=[laid.requests["handling"].pk]
    )
    candidate = Candidate.objects.create(
        area_path=community, area=Area.objects.get(path=community), category=category, why="surge", people=6, requests=6,
        expected=0.0, odds=0.0001, periods=[0, 6], since=now - HOUR * 24, until=now, found_at=now,
    )  # fmt: skip
    hot = Hot.objects.create(
        area_path=community, area=Area.objects.get(path=community), category=category, title=f"{laid.mark}：停水",
        first_at=now - HOUR, last_at=now, people=3, requests=3, heat=2.0, counted_at=now,
    )  # fmt: skip
    HotRequest.objects.create(request=laid.requests["handling"], hot=hot)
    return {"problem_id": made.pk, "round_id": round_.pk, "candidate_id": candidate.pk, "hot_id": hot.pk}


def snapped(world: Any, laid: Laid, *, community: str, unit: str, by: Any, now: dt.datetime) -> dict[str, Any]:
    """A snap with a photo, by somebody of the unit that handled it: its thanks wait for a person."""
    made = snaps.take(
        by=Actor(by.pk),
        at=now - HOUR * 30,
        hazard="lamp",
        words=f"{laid.mark}：灯杆歪了",
        area_path=community,
        photo=photo(),
    )
    pk, say = made.heard.request.pk, {"by": SYSTEM}
    offer = steps.offer(request_id=pk, unit_id=world.org(unit).pk, at=now - HOUR * 29, **say)
    steps.accept(dispatch_id=offer.pk, at=now - HOUR * 28, **say)
    steps.write_reply(request_id=pk, at=now - HOUR * 27, text=f"{laid.mark}：扶正了", **say)
    steps.lapse(request_id=pk, at=now - HOUR)
    held = snaps.thank(request_id=pk, at=now)
    assert held.state == "held"
    return {"snap_id": pk, "snap_photo": made.heard.request.photos[0]}
