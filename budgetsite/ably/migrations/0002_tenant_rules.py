from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tenant_rules"), ("ably", "0001_messages")]

    operations = [
        # Published, and then removed, by the service role.
        SecureTenantTable("AblyMessage", append_only=True),
    ]
