from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("alerts", "0004_escalation")]

    operations = [
        SecureTenantTable("EscalationPolicy"),
        SecureTenantTable("HistoricalEscalationPolicy", append_only=True),
    ]
