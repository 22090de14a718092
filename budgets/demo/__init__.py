"""The demo: two accounts with people for every role, told through the same services that everybody uses."""
