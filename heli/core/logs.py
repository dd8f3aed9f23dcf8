"""Structured logs. Nothing personal: secret links are cut out of every line before it is written."""

from __future__ import annotations

import logging
import re

import structlog
from structlog.typing import EventDict, WrappedLogger

LINK = re.compile(r"(/t/)[A-Za-z0-9_-]{8,}")
NUMBER = re.compile(r"(?<!\d)(?:86)?1[3-9]\d{9}(?!\d)|(?<!\d)\d{6}(?:19|20)\d{2}\d{4}\d{3}[\dXx](?!\d)")


def scrub(text: str) -> str:
    """A line without secret links, mobile numbers or resident numbers."""
    return NUMBER.sub("<personal>", LINK.sub(r"\1<link>", text))


def scrubbed(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    return {k: scrub(v) if isinstance(v, str) else v for k, v in line.items()}


def formatter(as_json: bool) -> logging.Formatter:
    """Formatter for the standard handlers: JSON in production, plain lines in development."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=False)
    if as_json:
        last = structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, scrubbed, last],
    )
