"""`python -m heli` is the heli command."""

from heli.cli import app

app()
