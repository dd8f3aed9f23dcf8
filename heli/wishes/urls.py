"""Routes under /wishes/."""

from heli.core.pages import routes
from heli.wishes.views import public, staff

app_name = "wishes"
urlpatterns = [*routes(public), *routes(staff)]
