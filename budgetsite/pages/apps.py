from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "budgetsite.pages"
    verbose_name = "Pages"
