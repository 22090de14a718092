from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("budgets", "0006_plan_lifecycle_tenant_rules"), ("registrations", "0001_initial")]

    operations = [
        SecureTenantTable("EventOption"),
        SecureTenantTable("PickupSlot"),
        SecureTenantTable("RegistrationDesk"),
        SecureTenantTable("EventRegistration", replicated=True),
        SecureTenantTable("WaitlistEntry"),
        SecureTenantTable("CheckIn", append_only=True),
        SecureTenantTable("HistoricalEventOption", append_only=True),
        SecureTenantTable("HistoricalRegistrationDesk", append_only=True),
    ]
