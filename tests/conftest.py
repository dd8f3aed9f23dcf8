"""What every test stands on.

An ordinary test asks for `db` (or has `pytest.mark.django_db`): it runs in a transaction that is rolled back, as the
application's role heli_app, on a copy of the template database (tests/database.py) in which the world already is.

A test that commits, races or serves pages asks for `fire_db` instead: a database of its own, dropped afterwards.
`site` is a running server on it, `world` the cast in either. pytest-django's `transactional_db` and `live_server` truncate tables, which the
application's role may not do, so they are refused.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test.testcases import LiveServerThread
from django.test.utils import modify_settings
from django.utils import timezone, translation

from tests import database

database.settle()  # before anything reads the settings; importing Django above does not
django.setup()


@pytest.fixture(scope="session")
def template_database() -> str:
    """Name of the template: every table, and the world."""
    return database.template()


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, django_db_blocker: Any) -> Iterator[None]:
    """pytest-django's hook: this process's own copy of the template, used as heli_app."""
    name = database.clone(template_database)
    with django_db_blocker.unblock():
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = name  # the threads' connections share this dictionary
    yield
    with django_db_blocker.unblock():
        connections.close_all()
    database.drop(name)


@pytest.fixture(autouse=True)
def _no_language_is_left() -> Iterator[None]:
    """What one test asked in English is not how the next one is answered."""
    yield
    translation.deactivate()


@pytest.fixture
def transactional_db() -> None:
    """Refused: it ends by truncating tables."""
    pytest.fail("use fire_db: a database of the test's own, instead of transactional_db")


@pytest.fixture
def fire_db(
    request: pytest.FixtureRequest, django_db_setup: None, template_database: str, django_db_blocker: Any
) -> Iterator[str]:
    """A fresh database for one test that commits, races, or serves pages; returns its name."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        pytest.fail("a test has either db or fire_db")
    name = database.clone(template_database)
    where = connections["default"].settings_dict
    shared = where["NAME"]
    with django_db_blocker.unblock():
        connections["default"].close()
        where["NAME"] = name
        try:
            yield name
        finally:
            connections.close_all()
            where["NAME"] = shared
            database.drop(name)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Any:
    """The cast and the county (tests/world.py), in the database of the test: `db`, or `fire_db` where it asks for it."""
    request.getfixturevalue("fire_db" if "fire_db" in request.fixturenames else "db")
    if database.world_error:
        pytest.fail(f"tests.world.build() failed\n{database.world_error}", pytrace=False)
    from tests.world import World

    return World.load()


@pytest.fixture(scope="module")
def counties(django_db_setup: None, template_database: str, django_db_blocker: Any) -> Iterator[Any]:
    """(world, things of 芝罘区, things of 莱山区), laid out once for a module in a database of its own; what
    everyone.Asker asks of them is rolled back."""
    if database.world_error:
        pytest.fail(f"tests.world.build() failed\n{database.world_error}", pytrace=False)
    from tests.invariants.counties import ours, theirs
    from tests.world import World

    name, where = database.clone(template_database), connections["default"].settings_dict
    shared = where["NAME"]
    with django_db_blocker.unblock():
        connections["default"].close()
        where["NAME"] = name
        try:
            world, now = World.load(), timezone.now()
            yield world, ours(world, now), theirs(world, now)
        finally:
            connections.close_all()
            where["NAME"] = shared
            database.drop(name)


@pytest.fixture
def site(fire_db: str) -> Iterator[str]:
    """A running server on `fire_db`; returns its address, like http://localhost:40001."""
    with modify_settings(ALLOWED_HOSTS={"append": "localhost"}):
        thread = LiveServerThread("localhost", StaticFilesHandler)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        if thread.error:
            raise thread.error
        address, kept = f"http://localhost:{thread.port}", settings.HELI_PUBLIC_URL
        settings.HELI_PUBLIC_URL = address
        yield address
        settings.HELI_PUBLIC_URL = kept
        thread.terminate()


# Browser tests --------------------------------------------------------------------------------------------------------
def chromium() -> str | None:
    """Path of Chromium (HELI_CHROMIUM, or on the PATH), None where it is absent."""
    names = (os.environ.get("HELI_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector need not walk through all of it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.relative_to(database.ROOT).parts:
            item.add_marker("browser")
        if item.get_closest_marker("browser"):
            item.fixturenames.insert(0, "chromium_path")  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """All tests skipped for want of Chromium share one line of the summary."""
    report = yield
    if report.skipped and item.get_closest_marker("browser") and isinstance(report.longrepr, tuple):
        report.longrepr = (str(database.ROOT / "tests" / "browser"), None, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of Chromium. Without it browser tests are skipped, but in CI they fail."""
    if path := chromium():
        from playwright.sync_api import expect

        expect.set_options(timeout=30_000)  # the five seconds it has of itself are few on a busy machine
        return path
    if os.environ.get("CI"):
        pytest.fail("Chromium is not installed, and CI runs the browser tests")
    pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
