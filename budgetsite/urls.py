"""Where everything is: the only module that sees the interfaces of all apps."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from budgetsite.api.docs import DocsView

# (`/healthz`, `/readyz` and `/metrics` are answered by budgetsite.operations.probes, before any of these.)
urlpatterns = [
    # Every REST path with or without a slash at its end.
    path("api/v1/", include("budgetsite.accounts.api_urls")),
    path("api/v1/", include("events.api.urls")),
    path("api/v1/", include("budgets.api.urls")),
    path("api/v1/", include("registrations.api.urls")),
    path("api/v1/", include("alerts.api_urls")),
    path("api/v1/", include("budgetsite.notifications.api_urls")),
    path("api/v1/", include("budgetsite.webhooks.api_urls")),
    path("api/v1/", include("budgetsite.live.api_urls")),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(r"^api/docs/?$", DocsView.as_view(), name="api-docs"),
    path("admin/", admin.site.urls),
    path("", include("budgetsite.pages.urls")),
    path("", include("budgetsite.accounts.urls")),
    path("", include("budgetsite.privacy.urls")),
    path("", include("budgetsite.notifications.urls")),
    path("", include("budgetsite.webhooks.urls")),
    path("", include("events.urls")),
    path("", include("budgets.urls")),
    path("", include("registrations.urls")),
    path("", include("alerts.urls")),
]

handler400 = "budgetsite.api.errors.bad_request"
handler404 = "budgetsite.api.errors.page_not_found"
handler500 = "budgetsite.api.errors.server_error"
