"""What docs/operating.md hands out works as it stands: the proxy's and systemd's files."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from heli.ops.serving import STOP_SECONDS
from tests.database import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))


def test_nginx_takes_the_example(tmp_path: Path) -> None:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed (Debian: apt-get install nginx-light)")
    made = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "fullchain.pem", "-subj", "/CN=heli.example.cn"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made], check=True, capture_output=True)
    site = (ROOT / "docs" / "nginx.conf").read_text()
    site = site.replace("/etc/ssl/heli", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    site = re.sub(r"listen (\[::\]:)?(80|443)", r"listen \g<1>1\g<2>", site)  # ports for nobody in particular
    (tmp_path / "site.conf").write_text(site)
    whole = f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    said = subprocess.run([NGINX, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr.replace('the "user" directive', "")


def test_the_proxy_writes_what_it_sends_on_itself() -> None:
    site = (ROOT / "docs" / "nginx.conf").read_text()
    sent = dict(re.findall(r"proxy_set_header (\S+) +(\S+);", site))
    assert sent["X-Forwarded-For"] == "$remote_addr" and sent["X-Forwarded-Proto"] == "https"
    assert sent["X-Request-ID"] == "$request_id"
    assert "$request_uri" not in re.search(r"log_format.*", site)[0]  # type: ignore[index]
    for inside in ("/metrics", "/readyz"):
        assert re.search(rf"location = {inside}\s+{{ return 404; }}", site)


@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.stem)
def test_units_are_hardened_and_wait_for_the_end(unit: Path) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(unit.read_text())
    service = read["Service"]
    assert service["User"] not in {"root", ""} and service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict" and service["CapabilityBoundingSet"] == ""
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS
    words = shlex.split(service["ExecStart"])
    assert words[1:3] == ["-m", "heli"] and unit.stem == {"serve": "heli-web", "worker": "heli-worker"}[words[3]]
