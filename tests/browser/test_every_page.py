"""Every page in Chromium, narrow and wide: nothing refused by the content security policy, no error in the console, nothing
wider than the window, one heading of the first order, everything named that can be reached."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect

from tests.browser.asking import aside
from tests.invariants.counties import ours
from tests.invariants.everyone import NOBODY, addresses, may_enter, ways

pytestmark = pytest.mark.xdist_group("browser-pages")
# Who opens most: each page is looked at by the first of them who may. Asked once at each width.
READERS = (NOBODY, "王桂兰", "孙坐席", "于科员", "吕部长", "郝回访", "姜管理", "韩网格", "许股长")
STATIONS = ("heard", "handling", "replied", "appealed")  # requests whose own pages are opened
NOT_A_PAGE = {
    "healthz",
    "docs",  # swagger-ui's own page: tests/api/test_docs.py looks at it
    "openapi",
    "readyz",
    "metrics",
    "shapes",
    "qr",
    "track_file",
    "order_file",
    "photo",
    "file",
    "export",
    "counter_open",
}  # files, signs of life, ways on

LOOK = """() => {
  const seen = (e) => e.offsetParent !== null && getComputedStyle(e).visibility !== 'hidden' && !e.closest('[aria-hidden=true]');
  const said = (e) => e.outerHTML.replace(/\\s+/g, ' ').slice(0, 110);
  const name = (e) => (e.getAttribute('aria-label') || e.textContent || e.title || '').trim()
    || (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent || '').join('').trim()
    || [...e.querySelectorAll('img[alt], svg[aria-label]')].map((i) => i.alt || i.getAttribute('aria-label')).join('').trim();
  const labelled = (e) => e.labels?.length || name(e) && e.tagName !== 'SELECT' && e.tagName !== 'TEXTAREA' || e.getAttribute('aria-label');
  const all = (q) => [...document.querySelectorAll(q)];
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth + 1;
  const ids = all('[id]').map((e) => e.id);
  const wrong = [];
  const whole = document.documentElement.lang !== '';  // a piece of a page stands on one that was looked at itself
  if (wide) wrong.push('scrolls sideways: ' + all('body *').filter((e) => seen(e)
    && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 2).map(said).join(' | '));
  if (whole && document.documentElement.lang !== 'zh-Hans') wrong.push('language ' + document.documentElement.lang);
  if (whole && (!all('h1').length || all('h1').filter(seen).length > 1)) wrong.push(all('h1').filter(seen).length + ' h1');
  if (whole && (all('main').length !== 1 || all('main')[0].id !== 'main')) wrong.push('no main to skip to');
  if (whole && !all('header').length) wrong.push('no header');
  for (const e of all('nav')) if (all('nav').length > 1 && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby'))
    wrong.push('one of several navs without a name: ' + said(e));
  for (const e of all('a[href], button, summary')) if (seen(e) && !name(e)) wrong.push('without a name: ' + said(e));
  for (const e of all('input:not([type=hidden]):not([type=submit]), select, textarea')) if (!labelled(e)) wrong.push('without a label: ' + said(e));
  for (const e of all('img')) if (!e.hasAttribute('alt')) wrong.push('without words: ' + said(e));
  for (const e of all('[aria-describedby], [aria-labelledby], [aria-controls]')) for (const a of ['aria-describedby', 'aria-labelledby'])
    for (const id of (e.getAttribute(a) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) wrong.push(a + ' of nothing: ' + said(e));
  for (const id of new Set(ids.filter((x, i) => ids.indexOf(x) !== i))) wrong.push('twice: id ' + id);
  for (const e of all('table')) if (seen(e) && !e.querySelector('th')) wrong.push('a table without headings: ' + said(e));
  for (const e of all('fieldset')) if (!e.querySelector('legend') && !e.getAttribute('aria-labelledby')) wrong.push('choices without a question: ' + said(e));
  return wrong;
}"""

REFUSED = """document.addEventListener('securitypolicyviolation', (e) =>
  window.policyRefused(e.effectiveDirective + ' ' + e.blockedURI + ' ' + (e.sourceFile || '') + ' ' + (e.sample || '')));"""


class Reader:
    """Somebody at a browser; `said` is what the console and the policy had to say since it was last read."""

    def __init__(self, browser: Browser, site: str, session: str) -> None:
        self.context: BrowserContext = browser.new_context(base_url=site, locale="zh-CN", reduced_motion="reduce")
        if session:
            self.context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda e: self.said.append(str(e)))
        # The policy says itself what it refused, also where the console is silent.
        self.context.expose_binding("policyRefused", lambda _source, what: self.said.append(f"refused: {what}"))
        self.context.add_init_script(REFUSED)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.location["url"].endswith("/favicon.ico"):
            self.said.append(message.text)

    def look(self, url: str, widths: tuple[int, ...]) -> dict[int, list[str]]:
        """{width: what is wrong with a page there}; a page that is not there is passed over."""
        self.said.clear()
        self.page.set_viewport_size({"width": widths[0], "height": 860})
        try:
            answer = self.page.goto(url)
        except Error as error:
            if "Download is starting" in error.message:
                return {}  # a file, and no page
            raise
        assert answer is not None
        if answer.status >= 400:
            return {} if answer.status in {403, 404} else {0: [f"answers {answer.status}"]}
        if "text/html" not in answer.headers.get("content-type", ""):
            return {}
        expect(self.page.locator(".htmx-request")).to_have_count(0)  # what a page loads after itself is part of it
        found = {}
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 860})
            found[width] = self.page.evaluate(LOOK)
        found[0] = list(self.said)
        return found


def plan(world: Any) -> dict[str, list[str]]:
    """Who opens which addresses: each page by the first who may."""
    laid = ours(world, timezone.now())
    laid.requests = {name: laid.requests[name] for name in STATIONS}
    actors = {name: None if name == NOBODY else world.actor(name) for name in READERS}
    found: dict[str, list[str]] = {name: [] for name in READERS}

    class Somebody:
        def __init__(self, name: str) -> None:
            from heli.core.actor import PUBLIC

            self.actor = actors[name] or PUBLIC

    for way in ways():
        if (
            "GET" not in way.route.methods
            or way.route.name in NOT_A_PAGE
            or way.route.name.endswith(("_export", "_rows", "_counts"))
        ):
            continue
        name = next((n for n in READERS if may_enter(Somebody(n), way)), None)  # type: ignore[arg-type]
        if name is not None and way.route.scope != "demo":
            found[name] += [asked.url for asked in addresses(way, laid)]
    return found


def cookie(world: Any, name: str) -> str:
    client = Client()
    client.force_login(world.user(name), "allauth.account.auth_backends.AuthenticationBackend")
    return client.cookies["sessionid"].value


def test_every_page(site: str, world: Any, settings: Any, browser: Browser) -> None:
    settings.HELI_STAFF_MFA = False
    found: dict[str, list[str]] = {}
    for name, urls in aside(lambda: plan(world)).items():
        reader = Reader(browser, site, "" if name == NOBODY else aside(lambda n=name: cookie(world, n)))
        for url in dict.fromkeys(urls):
            for width, wrong in reader.look(url, (1280, 390) if name != NOBODY else (1280, 390, 320)).items():
                for one in wrong:
                    found.setdefault(f"{url} {one}", []).append(f"{name} {width or ''}")
        reader.context.close()
    if found:
        pytest.fail("\n".join(f"{what}  [{', '.join(who)}]" for what, who in found.items()), pytrace=False)


def test_the_policy_is_felt(site: str, world: Any, browser: Browser) -> None:
    """What the test above listens for is heard: a script, a handler and a style in the page are refused, and said."""
    reader = Reader(browser, site, "")
    reader.page.goto("/")
    reader.page.evaluate("""() => { const add = (html) => { const d = document.createElement('div'); d.innerHTML = html; document.body.append(d); };
      add('<p style="color:red">x</p>'); add('<img src="/none.png" onerror="window.hit = 1">');
      const s = document.createElement('script'); s.append('window.hit = 1'); document.body.append(s); }""")
    reader.page.wait_for_timeout(300)
    refused = " ".join(reader.said)
    assert {"style-src-attr", "script-src-attr"} <= set(refused.split()) and "TrustedScript" in refused, reader.said
    assert reader.page.evaluate("window.hit") is None
    reader.context.close()


def test_focus_is_seen(site: str, world: Any, settings: Any, browser: Browser) -> None:
    """Walking with Tab: each stop shows a ring and lies on the screen."""
    settings.HELI_STAFF_MFA = False
    urls = {
        NOBODY: ["/", "/submit/", "/find/"],
        "于科员": ["/", "/loop/inbox/"],
        "孙坐席": ["/loop/desk/"],
        "吕部长": ["/board/370602/"],
    }
    aside(lambda: ours(world, timezone.now()))
    wrong = []
    for name, pages in urls.items():
        reader = Reader(browser, site, "" if name == NOBODY else aside(lambda n=name: cookie(world, n)))
        reader.page.set_viewport_size({"width": 1280, "height": 860})
        for url in pages:
            reader.page.goto(url)
            for _stop in range(25):
                reader.page.keyboard.press("Tab")
                stop = reader.page.evaluate(FOCUS)
                if stop is None:
                    break
                if not stop["ring"] or not stop["there"]:
                    wrong.append(f"{name} {url}: {stop}")
        reader.context.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


FOCUS = """() => { const e = document.activeElement; if (!e || e === document.body) return null;
  const of = e.matches('input[type=radio], input[type=checkbox], input[type=file]') && e.closest('label, .h-choice') || e;
  const ringed = (x) => { const s = getComputedStyle(x); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== 'none'; };
  const box = of.getBoundingClientRect();
  return { ring: ringed(e) || ringed(of) || [...of.children].some(ringed), there: box.width > 0 && box.bottom > 0 && box.top < innerHeight + 1,
    what: e.outerHTML.replace(/\\s+/g, ' ').slice(0, 120) }; }"""
