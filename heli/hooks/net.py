"""Calling an address that somebody typed, without being led into our own network.

The name is resolved once; if any of its addresses is not public, nothing is called. Then exactly the checked address is
connected to, so that a name which changes its answer in between (DNS rebinding) gains nothing, while the certificate is
verified against the name. No proxy, no redirect, no cookie. OWASP: Server-Side Request Forgery Prevention.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.conf import settings

from heli.hooks.errors import BadAddress, PrivateAddress, UnknownHost

CONNECT = 5.0  # seconds until connected, each of TCP and TLS
TOTAL = 10.0  # seconds from the first packet until the answer was read
MOST = 4096  # bytes of an answer that are read; more is not an error and not of interest
ADDRESSES = 3  # of a name with many addresses, so many are tried
LONGEST = 500
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
# Not public although Python's `is_global` may say so, in some of its versions or in all.
ALSO_CLOSED = [
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # shared by a provider's customers (CGNAT)
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "2001::/23",  # protocol assignments, Teredo among them: an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
]
UNICAST6 = ipaddress.ip_network(
    "2000::/3"
)  # all that is given out; mapped, NAT64, local and site addresses lie outside


def is_public(address: str) -> bool:
    """Whether an address (no name) belongs to somebody on the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(ip.version == net.version and ip in net for net in ALSO_CLOSED):
        return False
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local:
        return False
    return ip.is_global and (ip.version == 4 or ip in UNICAST6)


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name as this machine resolves it; OSError when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _family, _kind, _proto, _name, sockaddr in found))


Resolver = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address: where to connect, and whom to expect there."""

    tls: bool
    host: str
    port: int
    path: str  # with the query
    addresses: tuple[str, ...]

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def check(url: str, *, resolve: Resolver | None = None) -> Target:
    """Take an address apart, resolve its name, and refuse what must not be called.

    Raises:
        BadAddress: not https, a name or password inside, another port, a fragment, a character that is none (L-820).
        UnknownHost: the name is not found (L-821). PrivateAddress: one of its addresses is not public (L-822).
    """
    private = settings.HELI_HOOKS_ALLOW_PRIVATE
    bad = BadAddress(field="url")
    if len(url) > LONGEST or any(not "!" <= c <= "~" for c in url) or "\\" in url:
        raise bad
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError as error:
        raise bad from error
    tls = parts.scheme == "https"
    if not (tls or (private and parts.scheme == "http")) or "@" in parts.netloc or parts.fragment or not host:
        raise bad
    port = port if port is not None else 443 if tls else 80
    if not (private or port in settings.HELI_HOOKS_PORTS):
        raise bad
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise bad from error
        if "%" in host:  # a zone: an interface of this machine
            raise bad
    elif not HOST.fullmatch(host):
        raise bad
    try:
        addresses = (resolve or look_up)(host, port)
    except (OSError, UnicodeError) as error:
        raise UnknownHost(field="url", host=host) from error
    if not addresses:
        raise UnknownHost(field="url", host=host)
    if not private and not all(is_public(a) for a in addresses):
        raise PrivateAddress(field="url", host=host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(tls, host, port, path, tuple(addresses[:ADDRESSES]))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try: `status` 0 and a reason when there was no answer."""

    status: int = 0
    head: bytes = b""
    reason: str = ""  # '', 'timeout', 'connect', 'tls', 'broken'; sending.py adds its own
    wait: float = 0.0  # seconds the receiver asks us to wait (Retry-After)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class _Checked(http.client.HTTPConnection):
    """A connection to the addresses that were checked, and to no other."""

    def __init__(self, target: Target, tls: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT)
        self.target, self.tls = target, tls

    def connect(self) -> None:
        failed: OSError = OSError("no address")
        for address in self.target.addresses:
            try:
                self.sock = socket.create_connection((address, self.target.port), timeout=CONNECT)
                break
            except OSError as error:
                failed = error
        else:
            raise failed
        if self.tls is not None:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.target.host.rstrip("."))


def context() -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and name verified against this machine's authorities."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _asked_to_wait(said: str) -> float:
    """Retry-After in seconds from now: a number, or a date (RFC 9110, 10.2.3); 0 where it says nothing that can be read."""
    said = said.strip()
    if said.isascii() and said.isdecimal() and len(said) < 10:
        return float(said)
    with contextlib.suppress(ValueError, OverflowError):
        when = parsedate_to_datetime(said)
        return max(0.0, when.timestamp() - time.time())
    return 0.0


def post(target: Target, body: bytes, headers: Mapping[str, str], *, tls: ssl.SSLContext | None = None) -> Answer:
    """POST to a checked target; never raises for what the network or the other side does.

    Takes no longer than TOTAL seconds, also when the other side sends a byte now and then. Reads at most MOST bytes.
    """
    connection = _Checked(target, (tls or context()) if target.tls else None)
    late = threading.Event()

    def stop() -> None:
        late.set()
        with contextlib.suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    began = time.monotonic()
    watch = threading.Timer(TOTAL, stop)
    watch.daemon = True
    watch.start()
    try:
        connection.connect()
        connection.sock.settimeout(max(0.1, TOTAL - (time.monotonic() - began)))
        connection.request("POST", target.path, body, {"Host": target.host_header, **headers, "Connection": "close"})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(MOST), wait=_asked_to_wait(answer.getheader("Retry-After", "")))
    except TimeoutError:
        return Answer(reason="timeout")
    except ssl.SSLError:
        return Answer(reason="timeout" if late.is_set() else "tls")
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set():
            return Answer(reason="timeout")
        return Answer(reason="connect" if isinstance(error, OSError) and connection.sock is None else "broken")
    finally:
        watch.cancel()
        connection.close()
