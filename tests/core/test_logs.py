"""Nothing personal reaches a log line."""

from __future__ import annotations

import io
import logging

import pytest

from heli.core.logs import formatter, scrub


@pytest.mark.parametrize(
    "text",
    [
        "打给 13912345678",
        "tel:+8613912345678x",
        "370602195403071122",
        "身份证37060219540307112X号",
        "GET /t/abcDEF123_-xyz456 200",
        "13912345678,13987654321",
    ],
)
def test_numbers_and_links_are_cut_out(text: str) -> None:
    said = scrub(text)
    for secret in ("13912345678", "13987654321", "370602195403071122", "37060219540307112X", "abcDEF123_-xyz456"):
        assert secret not in said


@pytest.mark.parametrize(
    "text", ["370602003006", "L-404", "2026-03-02T10:00:00", "12345", "0535-6210000 件", "ZF-2K7M9Q"]
)
def test_other_numbers_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_of_any_logger_is_scrubbed(as_json: bool) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(as_json))
    log = logging.getLogger("test.logs")
    log.addHandler(handler)
    log.propagate = False
    try:
        log.error("cannot reach %s at /t/%s", "13912345678", "secretsecret99")
        try:
            raise ValueError("370602195403071122")
        except ValueError:
            log.exception("failed for %(who)s", {"who": "13912345678"})
    finally:
        log.removeHandler(handler)
    said = out.getvalue()
    assert "cannot reach" in said and "ValueError" in said
    for secret in ("13912345678", "secretsecret99", "370602195403071122"):
        assert secret not in said
