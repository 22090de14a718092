"""What happens to accounts. Sent inside the transaction and the account's scope."""

from django.dispatch import Signal

# account: the Account just created; its own apps fill it (categories, rules).
account_created = Signal()

# membership: the Membership whose role has changed, or which has ended.
access_changed = Signal()
