"""Sent inside the transaction that makes it so."""

from django.dispatch import Signal

# person_ids: the people who have something new in their inboxes, or have read something.
inboxes_changed = Signal()
