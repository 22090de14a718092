"""The forms of signing in: Django's, in the house's words."""

from typing import Any, cast

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from budgetsite.accounts.sign_in import LockedOut, normalized, refusal

_MAX_PASSWORD_LENGTH = 1000


class SignInForm(AuthenticationForm):
    """`locked` says how long a lock lasts, once the form has been refused because of one."""

    locked: LockedOut | None = None

    username = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        max_length=_MAX_PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_username(self) -> str:
        return normalized(self.cleaned_data["username"])

    def get_invalid_login_error(self) -> ValidationError:
        reason = refusal(cast(HttpRequest, self.request), self.cleaned_data["username"])
        if isinstance(reason, LockedOut):
            self.locked = reason
        return ValidationError(str(reason), code="invalid_login")


class PasswordResetForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class _NewPassword:
    """Says beforehand what a password has to be like (`AUTH_PASSWORD_VALIDATORS`, in one sentence)."""

    fields: dict[str, forms.Field]

    def explain(self) -> None:
        first, second = self.fields["new_password1"], self.fields["new_password2"]
        first.label, second.label = "New password", "The new password again"
        first.help_text = "At least 10 characters, not only digits, and nothing that is common or like your name."
        second.help_text = ""
        for field in (first, second):
            cast(forms.CharField, field).max_length = _MAX_PASSWORD_LENGTH


class NewPasswordForm(_NewPassword, SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.explain()


class ChangePasswordForm(_NewPassword, PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Your password now"
        self.explain()
