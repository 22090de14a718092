from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tenant_rules"), ("outbox", "0002_outbox_event")]

    operations = [
        # Whoever tells the events outside works across tenants, as the service role.
        SecureTenantTable("OutboxEvent", append_only=True),
    ]
