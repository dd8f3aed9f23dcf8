from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("places", "0007_position")]

    operations = [ValidateConstraint(model_name="site", name="site_position_known")]
