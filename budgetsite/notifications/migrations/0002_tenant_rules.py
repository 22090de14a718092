from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_notifications"), ("accounts", "0002_tenant_rules")]

    operations = [
        SecureTenantTable("NotificationSettings"),
        SecureTenantTable("NotificationPreference"),
        SecureTenantTable("Mail"),
        SecureTenantTable("Notification"),
    ]
