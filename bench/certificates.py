"""The page that checks a certificate, under an offered rate, and the paper: how long one takes to be made.

    ./run bench certificates [--rates 50,100,200,300] [--seconds 10] [--people 200] [--services 20]

Numbers of certificates are asked for at even steps whatever the answers do (an open loop); one in ten is none. The database
is bench_certificates, in the cluster of HELI_BENCH_VAR, filled through the real steps and signed; made once, kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from typing import Any

from bench._client import Asking, Link, Stream, arrive
from bench._measure import anybody
from bench._place import ROOT, VAR, exists, migrate, owner, say, surroundings, up
from bench._server import serving
from heli.engines import serial

NAME = "bench_certificates"
HELD = 250  # ms: a page that a person waits for


def filled(people: int, services: int) -> dict[str, Any]:
    """The database with what is asked for: numbers, leaves, seconds a paper takes."""
    up()
    if not exists(NAME):
        with owner() as db:
            db.execute(f"CREATE DATABASE {NAME}")
    migrate(NAME)  # also one that older tables were made for
    env = surroundings(NAME, HELI_BENCH_VAR=str(VAR), HELI_LOG_LEVEL="ERROR")
    made = subprocess.run(
        [sys.executable, "-m", "bench._certified", str(people), str(services)], env=env, cwd=ROOT, stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    return dict(json.loads(made.stdout.splitlines()[-1]))


def look(codes: list[str], rng: random.Random) -> Asking:
    """One page: nine in ten of a certificate, one of a number that is none."""

    async def ask(link: Link) -> str:
        known = rng.random() < 0.9
        code = rng.choice(codes) if known else serial.new()
        answer = await link.ask(anybody(rng).get(f"/v/{serial.in_address(code)}/"))
        right = answer.status == 200 and b'data-log="ok"' in answer.body if known else answer.status == 404
        return "" if right else f"{answer.status}"

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="50,100,200,300")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--services", type=int, default=20)
    asked = parser.parse_args()
    measure([float(r) for r in asked.rates.split(",")], asked.seconds, people=asked.people, services=asked.services)


def measure(rates: list[float], seconds: float, *, people: int, services: int) -> None:
    made = filled(people, services)
    say(
        f"{len(made['codes'])} certificates of {services} services, {made['leaves']} leaves signed; {os.cpu_count()} cores"
    )
    for n, spent, size in made["papers"]:
        say(
            f"paper of {n} services: {spent:.2f} s of CPU, {size / 1024:.0f} kB; checked offline in {made['checked']:.3f} s"
        )
    within = 0.0
    with serving(NAME) as server:
        ask = look(made["codes"], random.Random(7))
        arrive(server.port, [Stream("warm", 20, ask)], seconds=10)
        say(
            f"{'offered/s':>10}{'answered/s':>12}{'p50 ms':>9}{'p95 ms':>9}{'errors':>8}{'web CPU':>9}{'db CPU':>8}{'client':>8}{'load':>7}"
        )
        for rate in rates:
            stream, before = Stream("look", rate, ask), server.cpu()
            client = arrive(server.port, [stream], seconds=seconds)
            took, after = stream.took, server.cpu()
            web, db = (round(b - a, 1) for a, b in zip(before, after, strict=True))
            say(
                f"{rate:>10.0f}{took.rate:>12}{took.at(0.5):>9}{took.at(0.95):>9}{len(took.errors):>8}{web:>9}{db:>8}{client:>8.1f}"
                f"{os.getloadavg()[0]:>7.1f}"
            )
            if took.at(0.95) < HELD and not took.errors:
                within = max(within, rate)
    say(f"ratio: {within:.0f}/s with a p95 below {HELD} ms, of 300 asked for: {within / 300:.2f}")


if __name__ == "__main__":
    main()
