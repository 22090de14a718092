"""`/healthz`, `/readyz` and `/metrics`: answered before sessions, hosts and the request's transaction come in."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from budgetsite.operations.exposition import CONTENT_TYPE, exposition
from budgetsite.operations.readiness import readings
from budgetsite.operations.scraping import REALM, has_token


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process serves, whatever else is away: who restarts processes asks this."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when requests can be served and 503 otherwise: who sends requests here asks this."""
    readiness = readings.now()
    checks = {name: {"ok": not said} | ({"detail": said} if said else {}) for name, said in readiness.said.items()}
    status = "ready" if readiness.is_ready else "not_ready"
    return JsonResponse({"status": status, "checks": checks}, status=200 if readiness.is_ready else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer all figures to who has the token. Without one they are for this machine alone, where that is said."""
    if not settings.METRICS_TOKEN:
        if settings.METRICS_FOR_LOOPBACK and _is_from_here(request):
            return HttpResponse(exposition(), content_type=CONTENT_TYPE)
        return HttpResponse("There are no figures here.\n", content_type="text/plain", status=404)
    if not has_token(request.headers.get("Authorization", "")):
        refused = HttpResponse("Send the header Authorization: Bearer <token>.\n", "text/plain", status=401)
        refused["WWW-Authenticate"] = REALM
        return refused
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def _is_from_here(request: HttpRequest) -> bool:
    """Whether the connection itself comes from this machine, and no proxy on it passes somebody else's on."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


class ProbesMiddleware:
    """Before the transaction: a probe needs no database of the request's, and must not wait for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        request.route_name = request.path_info[1:]  # type: ignore[attr-defined]  # our own word, for ObservationMiddleware
        if request.method not in ("GET", "HEAD"):
            response = HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        else:
            response = probe(request)
        response["Cache-Control"] = "no-store"
        return response
