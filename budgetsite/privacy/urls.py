from django.urls import include, path

from budgetsite.privacy import views

privacy_patterns = [
    path("me/privacy", views.my_privacy, name="mine"),
    path("me/privacy/consents", views.change_consents, name="consents"),
    path("me/privacy/data", views.take_my_data, name="data"),
]

urlpatterns = [path("", include((privacy_patterns, "privacy")))]
