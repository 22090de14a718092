from django.urls import include, path

from budgetsite.notifications import views

notification_patterns = [
    path("notifications", views.inbox, name="inbox"),
    path("notifications/read", views.read_all, name="read_all"),
    path("notifications/settings", views.choices, name="settings"),
    path("notifications/settings/address", views.address_works, name="address_works"),
    path("notifications/refused", views.refused, name="refused"),
    path("notifications/unsubscribe/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("notifications/<uuid:notification_id>/read", views.read_one, name="read_one"),
    path("notifications/<uuid:account_id>/<uuid:notification_id>", views.follow, name="follow"),
]

urlpatterns = [path("", include((notification_patterns, "notifications")))]
