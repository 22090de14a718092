from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tenant_rules"), ("privacy", "0002_privacy")]

    operations = [
        SecureTenantTable("PersonalDataAccess", append_only=True),
        SecureTenantTable("ConsentRecord", append_only=True),
        SecureTenantTable("RetentionRule"),
        SecureTenantTable("HistoricalRetentionRule", append_only=True),
    ]
