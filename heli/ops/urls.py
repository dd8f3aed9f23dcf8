"""Routes for machines that watch this one, and for the people who run it."""

from heli.core.pages import routes
from heli.ops import job_views, views

app_name = "ops"
urlpatterns = routes(views) + routes(job_views)
