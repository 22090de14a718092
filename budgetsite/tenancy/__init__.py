"""Whose data is in reach: the tenant's scope, from the contextvar down to PostgreSQL's policies."""
