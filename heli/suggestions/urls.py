"""Routes under /suggestions/. Those that begin with a code come last."""

from heli.core.pages import routes
from heli.suggestions.views import desk, public, shown, unit

app_name = "suggestions"
urlpatterns = [*routes(public), *routes(desk), *routes(unit), *routes(shown)]
