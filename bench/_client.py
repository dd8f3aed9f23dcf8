"""A light HTTP/1.1 client: raw sockets under asyncio, kept alive, nothing parsed that is not needed.

It shares the machine with the server it measures, so it has to be cheap: about 0.15 ms of CPU a request. Closed loop
(`saturate`): so many clients, each waiting for its answer. Open loop (`arrive`): requests start at their appointed time
whether or not earlier ones are answered, and a wait for a free connection counts, so that a slow answer hides nothing.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
SECONDS = 60  # an answer that takes longer counts as an error


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    location: str = ""
    cookies: dict[str, str] = field(default_factory=dict)


class Closed(Exception):
    """The server closed the connection before it answered."""


class Link:
    """One connection, opened when needed and again when it was closed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, raw: bytes) -> Answer:
        """Send a whole request, read its whole answer."""
        fresh = self.reader is None
        try:
            return await self._ask(raw)
        except (Closed, ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if fresh:
                raise
            return await self._ask(raw)  # a kept-alive connection that the server had ended meanwhile

    async def _ask(self, raw: bytes) -> Answer:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        self.writer.write(raw)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        answer = Answer(int(lines[0].split(" ", 2)[1]), b"")
        length, chunked, close = 0, False, False
        for line in lines[1:]:
            name, _colon, value = line.partition(": ")
            match name.lower():
                case "content-length":
                    length = int(value)
                case "transfer-encoding":
                    chunked = "chunked" in value
                case "location":
                    answer.location = value
                case "connection":
                    close = value.lower() == "close"
                case "set-cookie":
                    key, _equals, rest = value.partition("=")
                    answer.cookies[key] = rest.partition(";")[0]
        if chunked:
            parts = []
            while size := int(await self.reader.readline(), 16):
                parts.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            answer.body = b"".join(parts)
        elif length:
            answer.body = await self.reader.readexactly(length)
        if close:
            self.close()
        return answer

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


@dataclass(slots=True)
class Person:
    """Somebody's browser: cookies, the token of forms, an address of their own."""

    session: str = ""
    csrf: str = "b" * 32
    address: str = "10.0.0.1"
    token: str = ""  # of the API

    def get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\n{self._head()}\r\n".encode()

    def post(self, path: str, form: dict[str, str]) -> bytes:
        body = urlencode(form | {"csrfmiddlewaretoken": self.csrf})
        head = f"{self._head()}Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n"
        return f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode()

    def send_json(self, path: str, body: bytes, key: str) -> bytes:
        head = (
            f"{self._head()}Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n"
        )
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def _head(self) -> str:
        cookies = f"__Host-csrf={self.csrf}" + (f"; __Host-session={self.session}" if self.session else "")
        known = f"Authorization: Bearer {self.token}\r\n" if self.token else f"Cookie: {cookies}\r\n"
        return (
            f"Host: localhost\r\n{known}X-Forwarded-For: {self.address}\r\nX-Forwarded-Proto: https\r\n"
            "Referer: https://localhost/\r\nAccept: text/html\r\n"
        )


@dataclass(slots=True)
class Took:
    """What a run measured. Times in seconds; one that failed is an error and in no percentile."""

    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    client_cpu: float = 0.0

    def at(self, share: float) -> float:
        """A percentile in milliseconds; 0 without an answer."""
        kept = sorted(self.times)
        return round(kept[min(len(kept) - 1, int(len(kept) * share))] * 1000, 1) if kept else 0.0

    @property
    def rate(self) -> float:
        return round(len(self.times) / self.seconds, 1) if self.seconds else 0.0


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


Asking = Callable[[Link], Awaitable[str]]  # does one thing; returns what was wrong, or ""


async def guarded(ask: Asking, link: Link) -> str:
    try:
        async with asyncio.timeout(SECONDS):
            return await ask(link)
    except (OSError, Closed, asyncio.IncompleteReadError, ValueError, IndexError) as error:
        link.close()
        return type(error).__name__


async def _saturate(port: int, ask: Asking, clients: int, seconds: float, most: int) -> Took:
    took, spent = Took(), cpu()
    start = time.perf_counter()
    end = start + seconds

    async def client() -> None:
        link = Link(port)
        while (began := time.perf_counter()) < end and len(took.times) + len(took.errors) < most:
            wrong = await guarded(ask, link)
            if wrong:
                took.errors.append(wrong)
            else:
                took.times.append(time.perf_counter() - began)
        link.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    took.seconds, took.client_cpu = time.perf_counter() - start, cpu() - spent
    return took


def saturate(port: int, ask: Asking, *, clients: int, seconds: float, most: int = 10**9) -> Took:
    """`clients` that ask again as soon as they are answered, for so many seconds or `most` requests."""
    return asyncio.run(_saturate(port, ask, clients, seconds, most))


@dataclass(slots=True)
class Stream:
    """One kind of request of an open loop: how many a second, what it does, what it took."""

    name: str
    rate: float
    ask: Asking
    took: Took = field(default_factory=Took)


async def _arrive(port: int, streams: list[Stream], seconds: float, links: int) -> None:
    free: asyncio.Queue[Link] = asyncio.Queue()
    for _ in range(links):
        free.put_nowait(Link(port))
    start = time.perf_counter()
    running: set[asyncio.Task[None]] = set()

    async def one(stream: Stream, due: float) -> None:
        link = await free.get()
        try:
            wrong = await guarded(stream.ask, link)
            if wrong:
                stream.took.errors.append(wrong)
            else:
                stream.took.times.append(time.perf_counter() - due)
        finally:
            free.put_nowait(link)

    async def feed(stream: Stream) -> None:
        spent = time.perf_counter() - start
        n = 0
        while (due := start + n / stream.rate) < start + seconds:
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(one(stream, due))
            running.add(task)
            task.add_done_callback(running.discard)
            n += 1
        stream.took.seconds = time.perf_counter() - start - spent

    await asyncio.gather(*(feed(s) for s in streams))
    while running:
        await asyncio.wait(running)


def arrive(port: int, streams: list[Stream], *, seconds: float, links: int = 64) -> float:
    """An open loop: each stream's requests start at even steps, whatever the answers do. Returns the client's CPU seconds."""
    spent = cpu()
    asyncio.run(_arrive(port, streams, seconds, links))
    return cpu() - spent
