"""People with approved services and a certificate each, through the real steps; prints their numbers. Run as a module, in
the surroundings of bench_certificates."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from typing import Any

import django

django.setup()

from django.utils import timezone
from stdnum.cn import ric

from bench._place import COUNTY
from heli.core.actor import SYSTEM, Actor
from heli.core.steps import step
from heli.engines import certificate as paper
from heli.ledger import certificate_pdf, certificate_steps, certificates, log, steps
from heli.ledger.certificate_models import Certificate
from heli.ledger.models import LogKey
from heli.ledger.steps import Line, Opening
from heli.orgs.models import Organisation
from heli.orgs.steps import create_org
from heli.places.steps import import_areas
from heli.rulebook import files as rulebook
from heli.volunteering.steps.people import register_for

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def person(n: int, services: int, org: int, at: dt.datetime) -> None:
    body = f"370602{dt.date(1960, 1, 1) + n // 900 * DAY:%Y%m%d}{n % 900 + 1:03d}"
    user = register_for(
        by=SYSTEM, at=at - 400 * DAY, area_path=f"{COUNTY}003006", name=f"志愿者{n}", id_number=body + ric.calc_check_digit(body + "0"),
        consent="在柜台当面说的", seen_card=True,
    ).user_id  # fmt: skip
    first = at.replace(hour=1, minute=0, second=0, microsecond=0) - (services // 2 + 1) * DAY
    with step("bench.hours", by=SYSTEM, at=at) as s:
        told = {
            "user_id": user, "org_id": org, "area_path": COUNTY, "title": "陪老人说话", "content": "上门陪伴，读报",
            "place": "大海阳社区居民委员会二楼", "field": "elder", "leader_id": None, "enrolled_at": first - 30 * DAY,
        }  # fmt: skip
        times = [first + i // 2 * DAY + i % 2 * 5 * HOUR for i in range(services)]
        openings: list[Any] = [
            Opening(source_id=at.microsecond * 10**9 + n * 10_000 + i, starts=x, ends=x + 2 * HOUR, **told)
            for i, x in enumerate(times)
        ]
        opened = steps.open_services(s, "bench.shift", openings)
        seen = {"minutes": 120, "grade": "scan"}
        steps.attend(s, [Line(service_id=x.pk, starts=x.starts, ends=x.ends, **seen) for x in opened])
        steps.approve(s, [Line(service_id=x.pk) for x in opened])
        s.about("bench.hours", user, COUNTY)
    certificate_steps.issue(
        user_id=user, first_day=first.date(), last_day=at.date(), language="zh", by=Actor(user), at=at
    )


def main(people: int, services: int) -> None:
    at = timezone.now()
    if not Organisation.objects.exists():
        import_areas(at=at - 500 * DAY, under=(COUNTY,))
        rulebook.import_shipped(by=SYSTEM, at=at - 500 * DAY)
        create_org(
            by=SYSTEM,
            at=at - 400 * DAY,
            kind="social_org",
            name="芝罘区心桥社会工作服务中心",
            short_name="心桥社工",
            area_path=COUNTY,
        )
    org = Organisation.objects.values_list("pk", flat=True)[0]
    for n in range(Certificate.objects.count(), people):
        person(n, services, org, at)
    while log.sequence():
        pass
    head = log.checkpoint(at)
    papers = []
    for c in Certificate.objects.select_related("person").order_by("-pk")[:3]:
        proof = log.cover(certificates.things(c), at)
        began = time.process_time()
        made = certificate_pdf.sealed(c, certificates.name_of(c.person.user_id or 0), proof, "合力", at)
        papers.append((len(proof.leaves) - 1, time.process_time() - began, len(made)))
    began = time.process_time()
    report = paper.check(made, [log.verifier(k) for k in LogKey.objects.all()])
    assert report.code == paper.HOLDS
    codes = list(Certificate.objects.values_list("code", flat=True))
    print(json.dumps({"codes": codes, "leaves": head.size, "papers": papers, "checked": time.process_time() - began}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
