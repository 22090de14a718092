"""The staff's side of the site: Django's admin, held to one account, to the roles, and to the services."""
