"""Routes under /board/. What begins with a word stands before what begins with an area."""

from heli.core.pages import routes
from heli.insight import hot_views, problem_acts, problem_views, public_views, views

app_name = "insight"
urlpatterns = [*routes(public_views), *routes(hot_views), *routes(problem_views), *routes(problem_acts), *routes(views)]
