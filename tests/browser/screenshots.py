"""Pictures for docs/screenshots from a running demo: python -m tests.browser.screenshots --base http://127.0.0.1:8000

Each page as one of the cast sees it, at 390 or 1280 px; reduced to 128 colours, so that a picture stays small.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parents[2] / "docs" / "screenshots"
# name, width, whose eyes, address; what stands in braces is filled in from what is there
SHOTS = (
    ("home-390", 390, "", "/"),
    ("submit-390", 390, "", "/submit/"),
    ("track-390", 390, "", "{track}"),
    ("rules-390", 390, "", "/rules/"),
    ("public-390", 390, "", "/board/public/370602/"),
    ("desk-1280", 1280, "sun.zuoxi", "/loop/desk/"),
    ("desk-390", 390, "sun.zuoxi", "/loop/desk/"),
    ("returns-1280", 1280, "sun.zuoxi", "/loop/returns/"),
    ("requests-1280", 1280, "sun.zuoxi", "/loop/requests/?state=open"),
    ("counter-1280", 1280, "sun.zuoxi", "/counter/"),
    ("inbox-1280", 1280, "yu.keyuan", "/loop/inbox/"),
    ("inbox-390", 390, "yu.keyuan", "/loop/inbox/"),
    ("request-1280", 1280, "yu.keyuan", "{code}"),
    ("request-390", 390, "yu.keyuan", "{code}"),
    ("revisits-1280", 1280, "hao.huifang", "/loop/revisits/"),
    ("board-1280", 1280, "lv.buzhang", "/board/370602/"),
    ("board-390", 390, "lv.buzhang", "/board/370602/"),
    ("duty-1280", 1280, "jiang.guanli", "/loop/duty/"),
    ("grants-1280", 1280, "jiang.guanli", "/orgs/grants/"),
    ("me-390", 390, "wang.guilan", "/me/"),
    ("fits-390", 390, "zhao.zhiyuan", "/volunteering/fits/"),
    ("activity-390", 390, "", "/volunteering/a/1/"),
    ("hours-390", 390, "zhao.zhiyuan", "/hours/"),
    ("certificate-390", 390, "zhao.zhiyuan", "{paper}"),
)
LINKS = {"{code}": ("/loop/inbox/", r"^/loop/r/"), "{paper}": ("/hours/certificates/", r"^/v/\w")}


def enter(page: Page, base: str, who: str) -> None:
    page.goto(f"{base}/demo/as/{who}/")
    page.click("main form button")


def first_link(page: Page, base: str, where: str, pattern: str) -> str:
    """The first link of a page that fits, as a path."""
    page.goto(base + where)
    hrefs = page.eval_on_selector_all("a[href]", "links => links.map(a => a.getAttribute('href'))")
    return next((h for h in hrefs if re.search(pattern, h)), "/")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--track", default="/", help="path of a secret link that waits for a judgement")
    parser.add_argument("--only", default="", help="names that begin so")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    asked = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, width, who, where in (x for x in SHOTS if x[0].startswith(tuple(asked.only.split(",")))):
            context = browser.new_context(
                viewport={"width": width, "height": 844 if width < 600 else 860}, locale="zh-CN"
            )
            page = context.new_page()
            if who:
                enter(page, asked.base, who)
            if where in LINKS:
                where = first_link(page, asked.base, *LINKS[where])  # noqa: PLW2901
            page.goto(asked.base + (asked.track if where == "{track}" else where))
            page.wait_for_timeout(600)
            raw = page.screenshot(full_page=width < 600)
            picture = Image.open(io.BytesIO(raw)).convert("RGB")
            picture.crop((0, 0, picture.width, min(picture.height, 2400))).quantize(128).save(
                OUT / f"{name}.png", optimize=True
            )
            wide = page.evaluate("document.documentElement.scrollWidth")
            print(name, (OUT / f"{name}.png").stat().st_size // 1024, "kB", "" if wide <= width else f"SCROLLS {wide}")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
