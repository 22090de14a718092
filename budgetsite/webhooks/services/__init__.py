"""What is done with webhooks: the account's endpoints, telling events, sending them."""
