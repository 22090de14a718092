from django.conf import settings
from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable

TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
APP = settings.DATABASES["default"]["USER"]
SERVICE = settings.DATABASES["service"]["USER"]


class Migration(migrations.Migration):
    """The account itself is seen by those in it, and by its members while they choose where to work."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        SecureTenantTable("Team"),
        SecureTenantTable("Membership", own_rows_by="user_id"),
        migrations.RunSQL(
            sql=f"""
                ALTER TABLE accounts_account ENABLE ROW LEVEL SECURITY;
                ALTER TABLE accounts_account FORCE ROW LEVEL SECURITY;
                CREATE POLICY account_read ON accounts_account FOR SELECT TO "{APP}" USING (
                    id = {TENANT} OR id IN (SELECT m.tenant_id FROM accounts_membership m WHERE m.user_id = {USER}));
                CREATE POLICY account_insert ON accounts_account FOR INSERT TO "{APP}" WITH CHECK (id = {TENANT});
                CREATE POLICY account_update ON accounts_account FOR UPDATE TO "{APP}"
                    USING (id = {TENANT}) WITH CHECK (id = {TENANT});
                CREATE POLICY no_delete ON accounts_account FOR DELETE TO "{APP}" USING (false);
                CREATE POLICY all_accounts ON accounts_account FOR ALL TO CURRENT_USER, "{SERVICE}"
                    USING (true) WITH CHECK (true);
            """,
            reverse_sql="""
                DROP POLICY account_read ON accounts_account;
                DROP POLICY account_insert ON accounts_account;
                DROP POLICY account_update ON accounts_account;
                DROP POLICY no_delete ON accounts_account;
                DROP POLICY all_accounts ON accounts_account;
                ALTER TABLE accounts_account NO FORCE ROW LEVEL SECURITY;
                ALTER TABLE accounts_account DISABLE ROW LEVEL SECURITY;
            """,
        ),
    ]
