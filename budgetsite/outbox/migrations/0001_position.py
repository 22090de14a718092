from django.db import migrations


class Migration(migrations.Migration):
    """The sequence that numbers the events; the request role may use it as it may any other."""

    dependencies = []

    operations = [
        migrations.RunSQL(sql="CREATE SEQUENCE outbox_position", reverse_sql="DROP SEQUENCE outbox_position"),
    ]
