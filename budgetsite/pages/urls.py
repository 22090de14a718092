from django.urls import path

from budgetsite.pages.views import counters

urlpatterns = [path("counters", counters, name="counters")]
