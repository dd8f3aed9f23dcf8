"""Every route: each room's own, and the libraries' account pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("heli.web.urls")),
    path("", include("heli.ops.urls")),
    path("areas/", include("heli.places.urls")),
    path("rules/", include("heli.rulebook.urls")),
    path("me/", include("heli.people.urls")),
    path("orgs/", include("heli.orgs.urls")),
    path("", include("heli.loop.urls")),
    path("sites/", include("heli.places.site_urls")),
    path("snap/", include("heli.snaps.urls")),
    path("wishes/", include("heli.wishes.urls")),
    path("volunteering/", include("heli.volunteering.urls")),
    path("suggestions/", include("heli.suggestions.urls")),
    path("notices/", include("heli.notices.urls")),
    path("tips/", include("heli.oversight.urls")),
    path("hooks/", include("heli.hooks.urls")),
    path("", include("heli.ledger.urls")),
    path("board/", include("heli.insight.urls")),
    path("demo/", include("heli.demo.urls")),
    path("account/", include("heli.people.account_views")),
    path("", include("heli.api.urls")),
    path("api/v1/", include("heli.api.v1")),
    path("open311/v2/", include("heli.api.open311.urls")),
]

handler500 = "heli.web.failing.server_error"
