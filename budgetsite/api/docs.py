"""The browsable description of the API. (Apart from `schema`, which the framework's views need while they load.)"""

from drf_spectacular.views import SpectacularSwaggerSplitView


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files, with nothing inline: it works under the site's policy as it stands."""

    template_name = "api/docs.html"
    url_name = "api-schema"
