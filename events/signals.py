"""What happens to events. Sent inside the transaction."""

from django.dispatch import Signal

# event: the Event about to be deleted, locked. A receiver that returns a sentence keeps it.
event_deleting = Signal()
