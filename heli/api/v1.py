"""Routes under /api/v1/: every operation that is declared."""

from heli.api import operations  # importing them declares them
from heli.api.http import routes

__all__ = ["operations"]
app_name = "v1"
urlpatterns = routes()
