from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """A service position says which one it is; other kinds say nothing."""

    dependencies = [("places", "0006_resources")]

    operations = [
        AddConstraintNotValid(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("position", ""),
                    models.Q(
                        ("kind", "service"),
                        ("position__in", ["", "centre", "institute", "post", "community", "five_six", "other"]),
                    ),
                    _connector="OR",
                ),
                name="site_position_known",
            ),
        ),
    ]
