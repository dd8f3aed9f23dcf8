"""Batches of requests from other systems: files, the lines they held, and how their columns are read."""

import django.db.models.deletion
import heli.core.scope
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loop", "0005_orders"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("source", models.CharField(max_length=40)),
                ("area_path", heli.core.scope.PathField(db_collation="C", max_length=24)),
                ("default_area", heli.core.scope.PathField(db_collation="C", default="", max_length=24)),
                ("name", models.CharField(max_length=120)),
                ("content", models.TextField(default="")),
                ("encoding", models.CharField(default="", max_length=12)),
                ("heading", models.PositiveIntegerField(default=0)),
                ("columns", models.JSONField(default=dict)),
                ("values", models.JSONField(default=dict)),
                ("state", models.CharField(default="draft", max_length=10)),
                ("rows", models.PositiveIntegerField(default=0)),
                ("read", models.PositiveIntegerField(default=0)),
                ("taken", models.PositiveIntegerField(default=0)),
                ("known", models.PositiveIntegerField(default=0)),
                ("wrong", models.PositiveIntegerField(default=0)),
                ("errors", models.JSONField(default=list)),
                ("made_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["area_path", "-id"], name="batch_area"),
                    models.Index(
                condition=models.Q(("state__in", ("draft", "waiting"))), fields=["made_at"], name="batch_waiting"
            ),
                ],
                "constraints": [
                    models.CheckConstraint(
                condition=models.Q(("state__in", ("done", "refused", "dropped")), ("ended_at", None), _connector="XOR"),
                name="batch_ended",
            ),
                    models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ("done", "refused", "dropped")), _negated=True),
                    ("content", ""),
                    _connector="OR",
                ),
                name="batch_forgets",
            ),
                    models.CheckConstraint(
                condition=models.Q(("state", "done"), ("taken", 0), _connector="OR"), name="batch_whole_or_nothing"
            ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchMapping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=40)),
                ("area_path", heli.core.scope.PathField(db_collation="C", max_length=24)),
                ("signature", models.CharField(db_collation="C", max_length=16)),
                ("columns", models.JSONField(default=dict)),
                ("values", models.JSONField(default=dict)),
                ("kept_at", models.DateTimeField()),
                (
                    "kept_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("area_path", "source", "signature"), name="batch_mapping_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchRow",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="imported",
                        serialize=False,
                        to="loop.request",
                    ),
                ),
                ("line", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("told", models.CharField(db_collation="C", default="", max_length=32)),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="loop.batch"
                    ),
                ),
            ],
        ),
    ]
