from django.urls import path

from budgetsite.accounts import views

urlpatterns = [
    path("sign-in", views.SignIn.as_view(), name="sign-in"),
    path("sign-out", views.SignOut.as_view(), name="sign-out"),
    path("password", views.ChangePassword.as_view(), name="password-change"),
    path("password-reset", views.PasswordReset.as_view(), name="password-reset"),
    path("password-reset/sent", views.PasswordResetSent.as_view(), name="password-reset-sent"),
    path("password-reset/done", views.PasswordResetDone.as_view(), name="password-reset-done"),
    path("password-reset/<uidb64>/<token>", views.PasswordResetConfirm.as_view(), name="password-reset-confirm"),
    path("account", views.choose, name="choose-account"),
    path("account/switch", views.switch, name="account-switch"),
]
