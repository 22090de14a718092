"""The staff's admin: its look and its menu."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

# Lists across tenants have no place in an account's admin: failed sign-ins are for the operator's shell.
AXES_ENABLE_ADMIN = False

CHOOSE_ACCOUNT_URL = "choose-account"


def _allowed(action: str) -> Any:
    def asks(request: HttpRequest) -> bool:
        from budgetsite.accounts.permissions import may

        return may(getattr(request, "role", None), action)

    return asks


def _item(title: str, icon: str, view_name: str, action: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view_name}"),
        "permission": _allowed(action),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Budgetsite back office",
    "SITE_HEADER": "Budgetsite",
    "SITE_SUBHEADER": "Back office",
    "SITE_URL": "/",
    "SITE_SYMBOL": "account_balance",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("budgetsite/favicon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("budgetsite/back_office.css")],
    "BORDER_RADIUS": "6px",
    "ACCOUNT": {
        "navigation": [
            {"title": "Organizer's pages", "link": "/"},
            {"title": "Change password", "link": reverse_lazy("password-change")},
        ]
    },
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [_item("What waits for you", "inbox", "index", "admin.enter")],
            },
            {
                "title": "Money",
                "separator": True,
                "items": [
                    _item("Event budgets", "account_balance_wallet", "budgets_eventbudget_changelist", "budgets.view"),
                    _item("Alerts", "notifications", "alerts_budgetalert_changelist", "alerts.view"),
                    _item("Alert rules", "tune", "alerts_alertrule_changelist", "alert_rules.view"),
                    _item("Reminders", "alarm", "alerts_escalationpolicy_changelist", "alert_rules.view"),
                    _item("Ledger", "receipt_long", "budgets_ledgerentry_changelist", "ledger.view"),
                    _item("Transfers", "swap_horiz", "budgets_budgettransfer_changelist", "ledger.view"),
                    _item("Revisions", "difference", "budgets_budgetrevision_changelist", "budgets.view"),
                    _item("Decisions", "gavel", "budgets_budgetdecision_changelist", "budgets.view"),
                    _item("Approval rules", "rule", "budgets_approvalrule_changelist", "approval_rules.view"),
                    _item("Templates", "list_alt", "budgets_budgettemplate_changelist", "templates.view"),
                    _item("Categories", "category", "budgets_category_changelist", "categories.view"),
                ],
            },
            {
                "title": "Company budgets",
                "separator": True,
                "items": [
                    _item("Company budgets", "savings", "budgets_scopedbudget_changelist", "scoped_budgets.view"),
                    _item("Periods", "date_range", "budgets_budgetwindow_changelist", "scoped_budgets.view"),
                    _item("Reservations", "lock_clock", "budgets_reservation_changelist", "scoped_budgets.view"),
                ],
            },
            {
                "title": "Expenses",
                "separator": True,
                "items": [
                    _item("Expenses", "shopping_cart", "budgets_expense_changelist", "expenses.view"),
                    _item("Payments", "payments", "budgets_expensepayment_changelist", "expenses.view"),
                    _item("Receipts", "attach_file", "budgets_receipt_changelist", "expenses.view"),
                    _item("Vendors", "storefront", "budgets_vendor_changelist", "vendors.view"),
                    _item(
                        "Exchange rates", "currency_exchange", "budgets_exchangerate_changelist", "exchange_rates.view"
                    ),
                    _item("Expense policy", "policy", "budgets_expensepolicy_changelist", "expense_policy.view"),
                    _item("Comments", "forum", "budgets_budgetcomment_changelist", "comments.view"),
                ],
            },
            {
                "title": "Events",
                "separator": True,
                "items": [
                    _item("Events", "event", "events_event_changelist", "events.view"),
                    _item("Venues", "location_on", "events_venue_changelist", "venues.view"),
                ],
            },
            {
                "title": "Registrations",
                "separator": True,
                "items": [
                    _item(
                        "Registrations",
                        "how_to_reg",
                        "registrations_eventregistration_changelist",
                        "registrations.decide",
                    ),
                    _item("Options", "redeem", "registrations_eventoption_changelist", "options.view"),
                    _item("Slots", "schedule", "registrations_pickupslot_changelist", "options.view"),
                    _item(
                        "Waitlist", "hourglass_top", "registrations_waitlistentry_changelist", "registrations.decide"
                    ),
                    _item("Check-ins", "qr_code_scanner", "registrations_checkin_changelist", "registrations.check_in"),
                    _item("Policies", "policy", "registrations_registrationdesk_changelist", "options.view"),
                ],
            },
            {
                "title": "Account",
                "separator": True,
                "items": [
                    _item("People", "group", "accounts_membership_changelist", "people.view"),
                    _item("Teams", "groups", "accounts_team_changelist", "people.view"),
                    _item("API keys", "key", "accounts_apikey_changelist", "api_keys.view"),
                    _item("Settings", "settings", "accounts_account_changelist", "account.view"),
                    _item("Webhooks", "webhook", "webhooks_webhookendpoint_changelist", "webhooks.view"),
                    _item("Mail", "mail", "notifications_mail_changelist", "operations.view"),
                    _item("Retention", "auto_delete", "privacy_retentionrule_changelist", "privacy.view_retention"),
                    _item("Access log", "visibility", "privacy_personaldataaccess_changelist", "privacy.view_log"),
                    _item("Operations", "monitor_heart", "operations", "operations.view"),
                ],
            },
        ],
    },
}
