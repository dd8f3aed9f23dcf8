"""Structured logs. Nothing personal: secret links are cut out of every line before it is written."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

import structlog
from structlog.typing import EventDict, WrappedLogger

LINK = re.compile(r"(/t/|/me/calendar/)[A-Za-z0-9_-]{8,}")
# What a line may carry beside its words (logging's `extra`). Anything else a library attaches, a whole request among it, stays out.
EXTRA = ("route", "method", "status", "ms", "sql", "sql_ms", "who", "user", "ip", "task", "outcome")
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
        structlog.stdlib.ExtraAdder(allow=EXTRA),
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


class Daily(logging.Handler):
    """Lines of a day in a file of that day: FOLDER/NAME-2026-11-23.jsonl, mode 0640.

    Nothing is ever renamed, and each line is one append, so any number of processes write the same file without loss.
    Old days are compressed and, past their time, removed by `heli ops logs --sweep` and every night by a worker.
    """

    def __init__(self, folder: str, name: str) -> None:
        super().__init__()
        self.folder, self.name_ = Path(folder), name
        self.day, self.file = "", -1
        self.folder.mkdir(parents=True, exist_ok=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            day = time.strftime("%Y-%m-%d", time.localtime(record.created))
            if day != self.day:
                self.close_file()
                path = self.folder / f"{self.name_}-{day}.jsonl"
                self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
                self.day = day
            os.write(self.file, f"{self.format(record)}\n".encode())
        except Exception:  # a full disk stops no request
            self.handleError(record)

    def close_file(self) -> None:
        if self.file >= 0:
            os.close(self.file)
        self.day, self.file = "", -1

    def close(self) -> None:
        self.close_file()
        super().close()
