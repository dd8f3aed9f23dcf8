"""Routes under /snap/."""

from django.urls import URLPattern

app_name = "snaps"
urlpatterns: list[URLPattern] = []
