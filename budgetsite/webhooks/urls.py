from django.urls import include, path

from budgetsite.webhooks import views

webhook_patterns = [
    path("webhooks", views.webhooks, name="all"),
    path("webhooks/new", views.webhook_create, name="create"),
    path("webhooks/events", views.webhook_kinds, name="kinds"),
    path("webhooks/<uuid:webhook_id>", views.webhook, name="one"),
    path("webhooks/<uuid:webhook_id>/edit", views.webhook_edit, name="edit"),
    path("webhooks/<uuid:webhook_id>/pause", views.webhook_pause, name="pause"),
    path("webhooks/<uuid:webhook_id>/test", views.webhook_test, name="test"),
    path("webhooks/<uuid:webhook_id>/rotate", views.webhook_rotate, name="rotate"),
    path("webhooks/<uuid:webhook_id>/delete", views.webhook_delete, name="delete"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/redeliver", views.webhook_redeliver, name="redeliver"
    ),
]

urlpatterns = [path("", include((webhook_patterns, "webhooks")))]
