"""Routes for machines that watch this one."""

from heli.core.pages import routes
from heli.ops import views

app_name = "ops"
urlpatterns = routes(views)
