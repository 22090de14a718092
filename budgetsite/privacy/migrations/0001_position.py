from django.db import migrations


class Migration(migrations.Migration):
    """The sequence that orders what people said; the request role may use it as it may any other."""

    dependencies = []

    operations = [
        migrations.RunSQL(
            sql="CREATE SEQUENCE privacy_consent_position", reverse_sql="DROP SEQUENCE privacy_consent_position"
        ),
    ]
