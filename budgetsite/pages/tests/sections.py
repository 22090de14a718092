"""The addresses that the navigation's tests walk."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("events/", include(([path("", page, name="list")], "events")))]
