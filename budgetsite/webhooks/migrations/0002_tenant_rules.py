from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tenant_rules"), ("webhooks", "0001_webhooks")]

    operations = [
        SecureTenantTable("WebhookEndpoint"),
        SecureTenantTable("WebhookSecret"),
        SecureTenantTable("WebhookDelivery"),
        SecureTenantTable("WebhookAttempt", append_only=True),
        SecureTenantTable("HistoricalWebhookEndpoint", append_only=True),
    ]
