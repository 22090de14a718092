from budgetsite.accounts.api import MeView, RefreshView, TokenView
from budgetsite.api.routes import api_path

urlpatterns = [
    api_path("auth/token", TokenView.as_view(), name="api-token"),
    api_path("auth/refresh", RefreshView.as_view(), name="api-refresh"),
    api_path("me", MeView.as_view(), name="api-me"),
]
