from heli.core.pages import routes
from heli.rulebook import views

app_name = "rulebook"
urlpatterns = routes(views)
