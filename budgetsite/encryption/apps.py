from django.apps import AppConfig


class EncryptionConfig(AppConfig):
    name = "budgetsite.encryption"
    label = "encryption"
