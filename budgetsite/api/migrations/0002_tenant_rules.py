from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tenant_rules"), ("api", "0001_initial")]

    operations = [SecureTenantTable("KeptAnswer")]
