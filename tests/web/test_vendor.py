"""Vendored files are what vendor.json says, and nothing else is served beside them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

import heli.engines
import heli.web

VENDOR = Path(heli.web.__file__).parent / "static" / "vendor"
each_folder = pytest.mark.parametrize("folder", [VENDOR, Path(heli.engines.__file__).parent / "data"])


def listed(folder: Path = VENDOR) -> dict[str, str]:
    return {f["path"]: f["sha256"] for row in json.loads((folder / "vendor.json").read_text()) for f in row["files"]}


@each_folder
def test_each_file_has_the_recorded_hash(folder: Path) -> None:
    found = {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in listed(folder)}
    assert found == listed(folder)


@each_folder
def test_no_file_is_unrecorded(folder: Path) -> None:
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there - set(listed(folder)) == {"README.md", "vendor.json"}


@each_folder
def test_each_package_says_its_version_and_licence(folder: Path) -> None:
    for row in json.loads((folder / "vendor.json").read_text()):
        assert row["name"] and row["version"] and row["licence"] and len(row["package_sha256"]) == 64
        assert any("LICENSE" in f["path"] for f in row["files"]), f"{row['name']} ships without its licence"


def test_nothing_points_at_a_file_that_is_not_shipped() -> None:
    for path in listed():
        if path.endswith((".js", ".css")):
            assert b"sourceMappingURL" not in (VENDOR / path).read_bytes(), path


def test_a_server_can_collect_and_hash_every_static_file(tmp_path: Path, settings: Any) -> None:
    """What production does; it fails on a style or script that names a file we do not ship."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    kept = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    assert "heli/heli.css" in kept
    assert all((tmp_path / path).exists() for path in kept.values())
