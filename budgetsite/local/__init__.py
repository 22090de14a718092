"""Local PostgreSQL and Valkey for one machine on which nothing is installed, and the site on top of them.

`python -m budgetsite.local run|servers|test|bench`; the Makefile is the usual way in. Only for development:
production settings never import this package. It imports nothing from Django, because `settings.local` asks
it for addresses.
"""
