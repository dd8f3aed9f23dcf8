"""Routes under /open311/v2/; each also with .xml or .json behind."""

from heli.api.open311 import views
from heli.api.open311.entering import resource, unknown

app_name = "open311"
urlpatterns = [
    resource("discovery<ending:ending>", "discovery", GET=views.discovery),
    resource("services<ending:ending>", "services", GET=views.services),
    resource("services/<slug:service_code><ending:ending>", "definition", GET=views.definition),
    resource("requests<ending:ending>", "requests", GET=views.requests, POST=views.submit),
    resource("requests/<slug:service_request_id><ending:ending>", "request", GET=views.one_request),
    resource("tokens/<slug:open311_token><ending:ending>", "token", GET=views.token),
    resource("<path:rest>", "unknown", GET=unknown, POST=unknown),
]
