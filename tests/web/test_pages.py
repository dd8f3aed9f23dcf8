"""Pages that belong to no room, as the public and as staff meet them."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.messages import constants
from django.test import Client

from heli.core.cards import NextAct
from heli.people.models import User
from heli.web import home

pytestmark = pytest.mark.usefixtures("one_step")
PAGES = ["/", "/accessibility/", "/privacy/", "/account/login/"]


@pytest.fixture
def one_step(settings: Any) -> None:
    """Staff come in by the session alone; their second factor has tests of its own."""
    settings.HELI_STAFF_MFA = False


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_chinese_first_and_english_on_request(client: Client, path: str) -> None:
    first = client.get(path, headers={"accept-language": "en"})
    assert first.status_code == 200
    assert '<html lang="zh-Hans"' in first.content.decode()
    assert first.headers["Content-Language"] == "zh-hans"
    answer = client.post("/language/", {"language": "en", "next": path})
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert '<html lang="en"' in client.get(path).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_each_page_has_one_heading_a_skip_link_and_a_main(client: Client, path: str) -> None:
    html = client.get(path).content.decode()
    assert html.count("<h1") == 1
    assert html.index('class="h-skip" href="#main"') < html.index("<header")
    assert html.count('id="main"') == 1


@pytest.mark.django_db
def test_look_is_on_the_page_from_the_server(client: Client) -> None:
    assert "data-heli-print" not in client.get("/").content.decode()
    client.post("/look-set/", {"print": "large", "contrast": "high", "theme": "dark", "next": "/"})
    html = client.get("/").content.decode()
    assert '<html lang="zh-Hans" data-bs-theme="dark" data-heli-contrast="high" data-heli-print="large">' in html
    client.post("/look-set/", {"print": "normal"})  # the button of the top bar names one thing; the others stay
    html = client.get("/").content.decode()
    assert 'data-bs-theme="dark" data-heli-contrast="high">' in html


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
@pytest.mark.parametrize("path", ["/language/", "/look-set/"])
def test_nobody_is_sent_to_another_site(client: Client, path: str, where: str) -> None:
    assert client.post(path, {"language": "en", "next": where}).headers["Location"] == "/"


def test_a_choice_is_kept_with_the_account(client: Client, world: Any) -> None:
    person = world.wang_resident
    client.force_login(person)
    client.post("/look-set/", {"print": "large", "next": "/"})
    client.post("/language/", {"language": "en"})
    person = User.objects.get(pk=person.pk)
    assert (person.look, person.language) == ("large", "en")
    other = Client()  # another device: the first page tells it, the second shows it
    other.force_login(person)
    other.get("/")
    assert '<html lang="en" data-bs-theme="light" data-heli-print="large">' in other.get("/").content.decode()


@pytest.mark.django_db
def test_unknown_words_change_nothing(client: Client) -> None:
    client.post("/language/", {"language": "xx"})
    client.cookies["heli_look"] = '"><script>'
    assert '<html lang="zh-Hans" data-bs-theme="light">' in client.get("/").content.decode()


@pytest.mark.django_db
def test_missing_page_says_what_to_do(client: Client) -> None:
    answer = client.get("/no/such/page/")
    html = answer.content.decode()
    assert answer.status_code == 404
    assert "L-404" in html
    assert "这里没有您能打开的内容" in html
    assert 'href="/"' in html


@pytest.mark.django_db
def test_a_form_from_another_session_says_what_to_do() -> None:
    answer = Client(enforce_csrf_checks=True).post("/language/", {"language": "en"})
    assert answer.status_code == 403
    assert "L-801" in answer.content.decode()


def test_an_error_for_htmx_is_a_fragment(client: Client, world: Any) -> None:
    client.force_login(world.wang_resident)
    html = client.get("/orgs/", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in html
    assert 'role="alert"' in html
    assert "L-403" in html


@pytest.mark.django_db
def test_the_gallery_is_for_builders_only(client: Client, settings: Any) -> None:
    assert client.get("/look/").status_code == 404
    settings.DEBUG = True
    html = client.get("/look/?mode=dark-contrast").content.decode()
    assert 'data-bs-theme="dark" data-heli-contrast="high"' in html
    assert html.count('<ol class="h-loop') == 3


def test_staff_see_what_to_do_next_and_the_public_does_not(client: Client, world: Any, monkeypatch: Any) -> None:
    acts = [NextAct("待派", "先到期的在前", 27, "/desk/", "soon"), NextAct("退回待审", "", 4, "/returns/", "back")]
    monkeypatch.setattr(home, "NEXT_ACTS", (lambda _actor, _now: acts,))
    assert "待派" not in client.get("/").content.decode()
    client.force_login(world.sun_dispatcher)
    html = client.get("/").content.decode()
    assert "孙坐席，接下来办这些" in html
    assert html.index('class="card h-next"') < html.index('class="h-acts"')
    assert html.count("btn-primary") == 2  # the act, and the button inside the dialog that is closed


def test_the_most_urgent_act_with_something_in_it_comes_first() -> None:
    def act(title: str, count: int, state: str) -> home.Act:
        return SimpleNamespace(title=title, words="", count=count, url="/", state=state)

    first, rest = home.arranged([act("a", 3, ""), act("b", 0, "late"), act("c", 1, "soon"), act("d", 2, "back")])
    assert first is not None
    assert (first.title, [a.title for a in rest]) == ("c", ["d", "a", "b"])
    assert home.arranged([act("b", 0, "late")])[0] is None
    assert home.arranged([]) == (None, [])


def test_the_top_bar_offers_only_what_the_person_may_do(client: Client, world: Any) -> None:
    client.force_login(world.jiang_admin)
    admin = client.get("/").content.decode()
    client.force_login(world.wang_resident)
    resident = client.get("/").content.decode()
    assert "/orgs/grants/" in admin
    assert "/orgs/grants/" not in resident
    assert "/me/access/" in resident


@pytest.mark.parametrize(
    ("level", "state"),
    [(constants.SUCCESS, "done"), (constants.WARNING, "soon"), (constants.ERROR, "late")],
)
def test_messages_say_their_state_by_more_than_colour(level: int, state: str) -> None:
    from django.template.loader import render_to_string

    html = render_to_string("web/parts/messages.html", {"messages": [SimpleNamespace(level=level, __str__=str)]})
    assert f'data-s="{state}"' in html
    assert ('role="alert"' in html) is (level == constants.ERROR)
    assert "<svg" in html
