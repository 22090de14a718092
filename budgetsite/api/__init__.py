"""What every REST endpoint stands on: who asks, what they may, how pages, versions and errors look."""
