"""Every state of every lifecycle fits the column it is kept in."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest
from django.apps import apps

from heli.core.states import Lifecycle

LIVES: list[tuple[str, Lifecycle]] = [
    (app.label, life)
    for app in apps.get_app_configs()
    if app.name.startswith("heli.")
    for module in (f"{app.name}.states", f"{app.name}.batch_states", f"{app.name}.reading_states")
    if find_spec(module) is not None
    for life in vars(import_module(module)).values()
    if isinstance(life, Lifecycle)
]


@pytest.mark.parametrize(("room", "life"), LIVES, ids=[f"{room}.{life.name}" for room, life in LIVES])
def test_every_state_fits_its_column(room: str, life: Lifecycle) -> None:
    named = {m._meta.model_name: m for m in apps.get_app_config(room).get_models()}
    model = named.get({"thanks": "snap"}.get(life.name, life.name.replace("_", "")))
    assert model is not None, f"no table of {room} is called {life.name}"
    longest = model._meta.get_field("state").max_length
    assert longest is not None and [s for s in life.states if len(s) > longest] == []
