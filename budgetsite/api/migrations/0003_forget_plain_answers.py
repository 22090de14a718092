from django.db import migrations


class Migration(migrations.Migration):
    """Answers are kept encrypted from now on. Those kept so far are not, and nobody repeats a request for long."""

    dependencies = [("api", "0002_tenant_rules")]

    operations = [
        migrations.RunSQL(sql="DELETE FROM api_keptanswer", reverse_sql="DELETE FROM api_keptanswer"),
    ]
