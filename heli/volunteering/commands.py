"""heli volunteering …: from a shell."""

from __future__ import annotations

import os

import typer

app = typer.Typer(help="Volunteers.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Volunteers."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()


@app.command()
def skills() -> None:
    """Bring in the skills, trainings and licences that come with this version."""
    from django.utils import timezone

    from heli.volunteering.steps.people import import_skills

    print(", ".join(import_skills(at=timezone.now())))
