from django import forms


class ReactionForm(forms.Form):
    comment = forms.CharField(
        required=False, label="Comment", max_length=2000, help_text="Kept with the alert, with your name and the time."
    )
