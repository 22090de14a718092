from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    """Django's admin with the account's own site instead of the open one."""

    default = True
    default_site = "budgetsite.pages.back_office.site.StaffAdminSite"
