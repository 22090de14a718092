"""Accounts (the tenants), the people in them, and what their role is."""
