from budgetsite.api.routes import api_path
from budgetsite.live.api import StreamView

urlpatterns = [api_path("stream", StreamView.as_view(), name="api-stream")]
