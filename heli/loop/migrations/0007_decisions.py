"""Decisions after the last round as rows of their own, so that they can be listed; those of before come from their events."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import heli.core.scope

# Each decision "once more" began the next round, so the round it was about is as many before the present one as there
# were such decisions from it on.
BEFORE = """
INSERT INTO loop_appealdecision (request_id, area_path, lap, at, by_id, again, text)
SELECT r.id, r.area_path,
       r.lap - count(*) FILTER (WHERE e.after <> 'closed') OVER (PARTITION BY r.id ORDER BY e.id DESC),
       e.at, u.id, e.after <> 'closed', left(coalesce(nullif(e.data ->> 'decision', ''), '—'), 500)
  FROM core_event e JOIN loop_request r ON r.id = e.subject_id LEFT JOIN people_user u ON u.id = e.user_id
 WHERE e.step = 'request.decide_appeal' AND e.subject_type = 'loop.request'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("loop", "0006_batches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AppealDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", heli.core.scope.PathField(db_collation="C", max_length=24)),
                ("lap", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("again", models.BooleanField()),
                ("text", models.CharField(max_length=500)),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeal_decisions",
                        to="loop.request",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["area_path", "-at", "-id"], name="appeal_area")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("text", ""), _negated=True), name="appeal_in_writing"),
                    models.UniqueConstraint(fields=("request", "lap"), name="appeal_once_a_lap"),
                ],
            },
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
    ]
