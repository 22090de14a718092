from django import forms


class CalendarFeedForm(forms.Form):
    name = forms.CharField(
        label="Where it will be used",
        max_length=100,
        help_text="Such as “My phone”: you will know by it which one to revoke.",
        error_messages={"required": "Say where, so that you know later which address this is."},
    )
