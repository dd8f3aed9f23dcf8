"""Whoever names an address cannot lead us into our own network, hold us up, or send us on."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured

from heli.hooks import net
from heli.hooks.errors import BadAddress, PrivateAddress, UnknownHost
from tests.hooks.receiver import PUBLIC_IP, Got, Receiver, serve

CLOSED = [
    # IPv4: this network, private, CGNAT, loopback, link-local, protocol assignments, documentation, benchmarks, 6to4
    # relays, multicast, reserved, broadcast
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
    "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "192.0.0.1",
    "192.0.0.170", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255", "192.88.99.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "254.1.1.1", "255.255.255.255",
    # IPv6: unspecified, loopback, mapped, compatible, NAT64, local NAT64, discard, 6to4, Teredo, ORCHID, documentation,
    # unique local, link-local (with a zone), site-local, multicast, segment routing
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822", "64:ff9b:1::1", "100::1", "2002:7f00:1::1", "2002:c0a8:1::1", "2001:0:4136:e378::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "ff0e::1", "5f00::1", "4000::1",
]  # fmt: skip
OPEN = [
    PUBLIC_IP,
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "223.5.5.5",
    "2606:4700::1111",
    "240e::1",
    "2408::1",
]


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_inside_is_not_called(address: str, names: dict[str, list[str]]) -> None:
    assert not net.is_public(address)
    names["hooks.example.org"] = [PUBLIC_IP, address]  # one bad address among good ones is enough
    with pytest.raises(PrivateAddress):
        net.check("https://hooks.example.org/")


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_called(address: str, names: dict[str, list[str]]) -> None:
    names["hooks.example.org"] = [address]
    assert net.check("https://hooks.example.org/a?b=c").addresses == (address,)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost", "[::1]", "[::ffff:7f00:1]",
        "[::]", "192.168.1.1", "169.254.169.254", "10.1", "127.0.0.1.",
    ],
)  # fmt: skip
def test_a_number_written_otherwise_is_still_that_number(host: str) -> None:
    """As this machine's resolver reads it, without the network."""
    with pytest.raises((PrivateAddress, UnknownHost, BadAddress)):
        net.check(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.org", "//hooks.example.org/", "http://hooks.example.org/", "ftp://hooks.example.org/",
        "file:///etc/passwd", "gopher://hooks.example.org/", "https://", "https:///x", "https://hooks.example.org:22/",
        "https://hooks.example.org:80/", "https://hooks.example.org:99999/", "https://hooks.example.org:x/",
        "https://user@hooks.example.org/", "https://user:pw@hooks.example.org/", "https://hooks.example.org/#part",
        "https://hooks.example.org\\@127.0.0.1/", "https://hooks.example.org/ x", "https://hooks.example.org/\r\nHost: x",
        "https://hooks.example.org/\x00", "https://挂钩.example/", "https://hooks.example.org/路", "https://[::1/",
        "https://[fe80::1%25eth0]/", "https://[hooks.example.org]/", "https://hooks..example.org/", "https://-" + "a" * 70 + "/",
        "https://hooks.example.org/" + "a" * 500,
    ],
)  # fmt: skip
def test_an_address_of_another_form_is_refused(url: str, names: dict[str, list[str]]) -> None:
    with pytest.raises(BadAddress):
        net.check(url)


def test_ports(names: dict[str, list[str]], settings: Any) -> None:
    assert net.check("https://hooks.example.org/").port == 443
    assert net.check("https://hooks.example.org:8443/").host_header == "hooks.example.org:8443"
    settings.HELI_HOOKS_PORTS = (9443,)
    assert net.check("https://hooks.example.org:9443").path == "/"
    with pytest.raises(BadAddress):
        net.check("https://hooks.example.org/")


def test_a_name_that_is_not_found(names: dict[str, list[str]]) -> None:
    with pytest.raises(UnknownHost):
        net.check("https://nobody.example.org/")
    names["empty.example.org"] = []
    with pytest.raises(UnknownHost):
        net.check("https://empty.example.org/")


def test_a_name_that_changes_its_answer_gains_nothing(receiver: Receiver, settings: Any) -> None:
    """DNS rebinding: public when it is checked, our own machine a moment later. What was checked is what is called."""
    answers = [[PUBLIC_IP], ["127.0.0.1"], ["127.0.0.1"]]
    settings.HELI_HOOKS_ALLOW_PRIVATE = False
    target = net.check("https://rebind.example.org/", resolve=lambda _host, _port: answers.pop(0))
    called: list[Any] = []

    def create_connection(address: Any, timeout: float) -> socket.socket:
        called.append(address)
        raise OSError("not really")

    kept, socket.create_connection = socket.create_connection, create_connection  # type: ignore[assignment]
    try:
        assert net.post(target, b"{}", {}).reason == "connect"
    finally:
        socket.create_connection = kept
    assert called == [(PUBLIC_IP, 443)] and len(answers) == 2 and receiver.got == []
    with pytest.raises(PrivateAddress):  # and the next try looks again
        net.check("https://rebind.example.org/", resolve=lambda _host, _port: answers.pop(0))


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    def send_on(got: Got, handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://localhost:{receiver.port}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.say = send_on
    answer = net.post(net.check(receiver.url), b"{}", {})
    assert answer.status == 307 and not answer.ok and [g.path for g in receiver.got] == ["/heli?from=zhifu"]


def test_an_oversize_answer_is_read_no_further(receiver: Receiver) -> None:
    sent = 0

    def pour(got: Got, handler: Any) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        for _ in range(2000):
            try:
                handler.wfile.write(b"x" * 65536)
            except OSError:
                return
            sent += 65536

    receiver.say = pour
    began = time.monotonic()
    answer = net.post(net.check(receiver.url), b"{}", {})
    assert answer.ok and len(answer.head) == net.MOST and time.monotonic() - began < 5
    time.sleep(0.2)
    assert sent < 2000 * 65536, "the connection was closed long before the end"


def test_whoever_dawdles_is_left(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every single read within its limit; the whole has a limit too."""
    monkeypatch.setattr(net, "TOTAL", 1.0)

    def drip(got: Got, handler: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100:
            try:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.1)
            except OSError:
                return

    receiver.say = drip
    began = time.monotonic()
    assert net.post(net.check(receiver.url), b"{}", {}).reason == "timeout"
    assert 0.8 < time.monotonic() - began < 3


def test_answers_that_are_none(receiver: Receiver) -> None:
    receiver.say = lambda got, handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert net.post(net.check(receiver.url), b"{}", {}).reason == "broken"
    receiver.say = lambda got, handler: handler.wfile.write(
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(500)) + b"\r\n"
    )
    assert net.post(net.check(receiver.url), b"{}", {}).reason == "broken"
    closed = net.Target(False, "localhost", 1, "/", ("127.0.0.1",))
    assert net.post(closed, b"{}", {}).reason == "connect"


# TLS --------------------------------------------------------------------------------------------------------------------
def certificate(folder: Path, name: str, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for `name`, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=2 + days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


def over_tls(
    folder: Path, *, said: str, asked: str, trusted: bool = True, days: int = 1
) -> tuple[net.Answer, Receiver]:
    """Call a server whose certificate says `said` by the name `asked`; both lead to this machine."""
    server_side, public = certificate(folder, said, days)
    receiver = Receiver()
    server = serve(receiver, server_side)
    ours = net.context()
    if trusted:
        ours.load_verify_locations(public)
    try:
        return net.post(net.Target(True, asked, receiver.port, "/heli", ("127.0.0.1",)), b"{}", {}, tls=ours), receiver
    finally:
        server.shutdown()
        server.server_close()


def test_the_certificate_is_held_against_the_name_not_the_address(tmp_path: Path) -> None:
    answer, receiver = over_tls(tmp_path, said="hooks.example.org", asked="hooks.example.org")
    assert answer.ok and receiver.got[0].headers["host"] == f"hooks.example.org:{receiver.port}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"said": "other.example.org", "asked": "hooks.example.org"},
        {"said": "hooks.example.org", "asked": "hooks.example.org", "trusted": False},
        {"said": "hooks.example.org", "asked": "hooks.example.org", "days": -1},
    ],
    ids=["another name", "nobody we trust", "expired"],
)
def test_a_certificate_that_does_not_hold(tmp_path: Path, wrong: dict[str, Any]) -> None:
    answer, receiver = over_tls(tmp_path, **wrong)
    assert answer == net.Answer(reason="tls") and receiver.got == []


# The development setting ------------------------------------------------------------------------------------------------
def test_private_addresses_are_for_development_only(settings: Any, receiver: Receiver) -> None:
    assert net.check(receiver.url).addresses
    settings.HELI_HOOKS_ALLOW_PRIVATE = False
    with pytest.raises(BadAddress):
        net.check(receiver.url)


def test_the_setting_is_refused_in_production() -> None:
    import os
    import subprocess
    import sys

    from tests.database import ROOT

    secret = "x" * 50
    env = os.environ | {
        "HELI_DEBUG": "0", "HELI_HOOKS_ALLOW_PRIVATE": "1", "HELI_SECRET_KEY": secret, "HELI_VAULT_KEYS": "k1:" + "A" * 43 + "=",
        "HELI_VAULT_INDEX_KEY": "A" * 43 + "=",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", "import heli.settings"], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (
        said.returncode and ImproperlyConfigured.__name__ in said.stderr and "HELI_HOOKS_ALLOW_PRIVATE" in said.stderr
    )


def test_no_proxy_and_no_library_resolves_again(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """A proxy named in the environment would resolve the name itself, out of our sight."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert net.post(net.check(receiver.url), b"{}", {}).ok and len(receiver.got) == 1
