"""How a test with a browser asks the database, and whether a page is as wide as its window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from playwright.sync_api import Page


def aside(ask: Callable[[], Any]) -> Any:
    """Ask the database in a thread of its own: the browser's holds an event loop."""

    def run() -> Any:
        try:
            return ask()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
