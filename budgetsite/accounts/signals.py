"""What happens to accounts. Sent inside the transaction and the new account's scope."""

from django.dispatch import Signal

# account: the Account just created; its own apps fill it (categories, rules).
account_created = Signal()
