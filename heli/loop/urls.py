"""Routes of the loop."""

from django.urls import URLPattern

from heli.core.pages import routes
from heli.loop.views import (
    acts,
    counter,
    decisions,
    desk,
    desk_acts,
    desk_import,
    desk_lists,
    digests,
    manage,
    orders,
    public,
    reading,
    revisits,
    track,
    unit,
)

app_name = "loop"
urlpatterns: list[URLPattern] = []
urlpatterns += routes(public)
urlpatterns += routes(track)
urlpatterns += routes(counter)
urlpatterns += routes(unit)
urlpatterns += routes(acts)
urlpatterns += routes(revisits)
urlpatterns += routes(desk)
urlpatterns += routes(desk_acts)
urlpatterns += routes(desk_lists)
urlpatterns += routes(desk_import)
urlpatterns += routes(manage)
urlpatterns += routes(decisions)
urlpatterns += routes(orders)
urlpatterns += routes(digests)
urlpatterns += routes(reading)
