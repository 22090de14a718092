from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("budgets", "0002_tenant_rules"), ("alerts", "0001_initial")]

    operations = [
        SecureTenantTable("AlertRule"),
        SecureTenantTable("BudgetAlert", replicated=True),
        SecureTenantTable("HistoricalAlertRule", append_only=True),
    ]
