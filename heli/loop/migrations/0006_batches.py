from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("loop", "0005_orders")]

    operations = []
