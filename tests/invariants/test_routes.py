"""Every route, with every method, asked by every member of the cast, by the public, and by somebody of the next county."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest

from heli.core.caps import Scope
from heli.loop.models import Request, Voice
from tests.invariants.everyone import (
    CHOICES,
    FILLED,
    NOBODY,
    OF_EACH_KIND,
    THE_SAME,
    Asked,
    Asker,
    Way,
    addresses,
    body,
    content,
    may_enter,
    missing,
    ways,
)
from tests.invariants.laid import Laid

WAYS = ways()
Counties = tuple[Any, Laid, Laid]  # the world, 芝罘区, 莱山区
# Arguments that name nothing of anybody's: rules and their calendar are read by all, words choose a form.
NOT_OF_A_PLACE = {"rule_id", "year", "who", "what", "act", "verb", "username"}
# A shift that is posted everybody may read; that the people one enrols are one's own is asked of the people.
OF_ALL = {"volunteering:enrol_for"}


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    """What sleeps without a second factor: the last test here."""
    settings.HELI_STAFF_MFA = False


def told(wrong: list[str]) -> None:
    """Fails with everything that was found wrong, a line each."""
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


# Pages of the secret link of a request; the link of a calendar is another (tests/places/test_booking_pages.py).
OF_VOICES = [w for w in WAYS if w.route.scope is Scope.LINK and w.route.name != "feed"]


def test_a_route_has_a_name_and_an_address_of_its_own() -> None:
    # pages name a route with its arguments by position: two of one name and number could not be told apart
    names = Counter(f"{w} {len(w.arguments)}" for w in WAYS)
    patterns = Counter(w.pattern for w in WAYS)
    assert [n for n, count in names.items() if count > 1] == []
    assert [p for p, count in patterns.items() if count > 1] == []


def test_every_argument_is_known(counties: Counties) -> None:
    """When this fails a route has an argument that everyone.py does not know: say there what it stands for."""
    unknown = [f"{way}: {way.pattern}" for way in WAYS if not addresses(way, counties[1])]
    told(unknown)


def test_nothing_private_is_an_argument() -> None:
    """An address is kept in histories and logs: it never holds a number, a name, or what somebody searched a person by."""
    private = {"phone", "name", "id_number", "address", "mobile"}
    assert [str(w) for w in WAYS if private & set(w.arguments)] == []


def sent(method: str) -> list[dict[str, Any]]:
    """What is sent along: nothing, and everything a form might ask."""
    return [{}, FILLED] if method == "POST" else [{}]


def sees(asker: Asker, asked: Asked, laid: Laid) -> bool:
    """Whether the thing behind an address is the asker's to see: by the one way to see."""
    kind, pk = asked.about or ("", 0)
    if kind == "request":
        request = pk
    elif kind == "voice":
        request = Voice.objects.values_list("request_id", flat=True).get(pk=pk)
    else:
        state = next(s for s, found in laid.things[kind].items() if found == pk)
        request = laid.things["request"]["handling" if state == "assist" else state]
    return Request.objects.visible_to(asker.actor).filter(pk=request).exists()


def lost_as(asker: Asker, method: str, url: str, data: dict[str, Any]) -> tuple[int, str]:
    """Status and words for something that does not exist; asked once."""
    key = (method, url, bool(data))
    if key not in asker.lost:
        found = asker.ask(method, url, data)
        asker.lost[key] = (found.status_code, body(found, url))
    return asker.lost[key]


def faults(
    asker: Asker, way: Way, method: str, asked: Asked, data: dict[str, Any], laid: Laid, foreign: str
) -> Iterator[str]:
    """What is wrong with the answer to one request."""
    found = asker.ask(method, asked.url, data)
    status = found.status_code
    if status >= 500:
        yield f"{status}"
    elif method not in way.route.methods:
        if status != 405:
            yield f"{status} instead of 405"
    elif not may_enter(asker, way):
        if status not in {302, 403, 404}:
            yield f"{status} without what it needs"
    elif way.route.scope is Scope.LINK:
        return  # whoever holds the link
    elif asked.about and not sees(asker, asked, laid):
        lost_status, lost = lost_as(asker, method, missing(way, asked), data)
        if status != lost_status or status not in {400, 404}:  # 400: a form that is not even looked at
            yield f"{status}, and {lost_status} when missing"
        elif body(found, asked.url) != lost:
            yield "reads differently from what is missing"
    if way.route.scope is not Scope.LINK and foreign.encode() in content(found):
        yield f"{status} shows what belongs to the next county"


def test_who_is_left_out_may_the_same(world: Any) -> None:
    for name, other in THE_SAME.items():
        assert world.actor(name).caps == world.actor(other).caps == frozenset()


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_every_route_and_method(counties: Counties, name: str) -> None:
    """Never an error of ours; nobody enters without what the route declares; what is not theirs is missing."""
    world, here, there = counties
    asker = Asker(world, name)
    foreign = here.mark if name == "外县人" else there.mark
    wrong: list[str] = []
    for way in WAYS:
        inside = may_enter(asker, way)
        for laid in (here, there) if way.arguments and inside else (here,):
            asked = addresses(way, laid)
            if not inside:
                asked = asked[:1]  # stopped before anything is looked at
            elif laid is there and "code" in way.arguments:
                asked = asked[:2]
            for one, method in product(asked, ("GET", "POST")):
                for data in sent(method) if inside and method in way.route.methods else [FILLED]:
                    found = faults(asker, way, method, one, data, laid, foreign)
                    wrong += [f"{method} {one.url}{' filled' if data else ''} ({way}): {said}" for said in found]
    told(wrong)


def test_other_methods_are_refused(counties: Counties) -> None:
    """HEAD, which carries no token against forgery, goes where GET goes and nowhere else; nothing else is taken."""
    for name in (NOBODY, "孙坐席"):
        asker = Asker(counties[0], name)
        for way in WAYS:
            url = next((a.url for a in addresses(way, counties[1])), "/")
            found = {m: asker.ask(m, url).status_code for m in ("PUT", "PATCH", "DELETE", "OPTIONS")}
            assert set(found.values()) == {405}, f"{way}: {found}"
            head = asker.ask("HEAD", url).status_code
            assert head == (asker.ask("GET", url).status_code if "GET" in way.route.methods else 405), way


@pytest.mark.parametrize("name", [n for n in OF_EACH_KIND if n not in {NOBODY, "外县人"}])
def test_what_other_rooms_hold_of_the_next_county_is_missing(
    counties: tuple[Laid, Laid], world: Any, name: str
) -> None:
    """Areas, organisations, members, grants and people of 莱山区, asked by those who manage them in 芝罘区."""
    world, _here, there = counties
    asker = Asker(world, name)
    wrong = []
    for way in WAYS:
        if (
            not set(way.arguments) - NOT_OF_A_PLACE
            or way.room == "loop"
            or str(way) in OF_ALL
            or not way.route.needs
            or not may_enter(asker, way)
        ):
            continue
        for asked in addresses(way, there):
            for method in way.route.methods:
                for data in sent(method):
                    other = missing(way, asked)
                    found, lost = asker.ask(method, asked.url, data), asker.ask(method, other, data)
                    same = found.status_code == lost.status_code and body(found, asked.url) == body(lost, other)
                    if not same or found.status_code not in {400, 404}:
                        wrong.append(f"{method} {asked.url}: {found.status_code}, and {lost.status_code} when missing")
    told(wrong)


def test_a_link_opens_its_own_request_only(counties: Counties) -> None:
    """A wrong token, one that was cut short, and another voice's file get the same answer as nothing."""
    world, here, there = counties
    asker = Asker(world, NOBODY)
    whole, other = here.tokens[0], there.tokens[0]
    for way in OF_VOICES:
        method = way.route.methods[0]
        good = {"token": whole, "file_id": here.pick("file", "heard"), **CHOICES.get(str(way), [{}])[0]}
        assert asker.ask(method, way.url(good)).status_code < 500
        nothing = way.url(good | {"token": "A" * 30})
        ended = asker.ask(method, nothing)
        assert ended.status_code == 410 and "L-113" in body(ended), way
        for token in (whole[:-4], whole[:-2] + "AA", other[:10] + whole[10:], "x", "王", "%00"):
            url = way.url(good | {"token": token})
            found = asker.ask(method, url)
            assert found.status_code == 410 and body(found, url) == body(ended, nothing), f"{way}: {token}"
        if "file_id" in way.arguments:
            for file in (
                here.pick("file", "replied"),
                there.pick("file", "heard"),
                "00000000-0000-4000-8000-000000000000",
            ):
                assert asker.ask(method, way.url(good | {"file_id": file})).status_code == 404


def test_private_pages_are_kept_by_nobody(counties: Counties) -> None:
    world, here, _there = counties
    asker = Asker(world, NOBODY)
    for way in WAYS:
        if way in OF_VOICES and "GET" in way.route.methods:
            found = asker.ask("GET", addresses(way, here)[0].url)
            assert "no-store" in found["Cache-Control"] or "private" in found["Cache-Control"], way
            assert found["Referrer-Policy"] in {"same-origin", "no-referrer"} and found["X-Robots-Tag"] == "noindex", (
                way
            )


def test_a_redirect_stays_on_this_site(counties: Counties) -> None:
    asker = Asker(counties[0], "孙坐席")
    for way in WAYS:
        for method in way.route.methods:
            for asked in addresses(way, counties[1])[:1]:
                found = asker.ask(method, f"{asked.url}?next=https://evil.example/", FILLED if method == "POST" else {})
                assert urlsplit(found.get("Location", "")).netloc in {"", "testserver"}, way


def test_a_post_without_its_token_against_forgery_changes_nothing(counties: Counties) -> None:
    asker = Asker(counties[0], "孙坐席")
    asker.client.handler.enforce_csrf_checks = True
    for way in WAYS:
        if "POST" in way.route.methods:
            for asked in addresses(way, counties[1])[:1]:
                assert asker.ask("POST", asked.url, FILLED).status_code == 403, way


def test_without_the_second_factor_grants_sleep(counties: Counties, settings: Any) -> None:
    """Somebody of ours who has a password alone is sent to set up the second factor, whatever they ask."""
    settings.HELI_STAFF_MFA = True
    for name in ("孙坐席", "于科员", "吕部长", "姜管理", "郝回访"):
        asker = Asker(counties[0], name)
        for way in WAYS:
            if way.route.needs and may_enter(asker, way):
                for method in way.route.methods:
                    for asked in addresses(way, counties[1])[:2]:
                        found = asker.ask(method, asked.url, FILLED if method == "POST" else {})
                        assert found.status_code == 302 and "/account/2fa/" in found["Location"], (
                            f"{name}: {method} {asked.url}"
                        )
