"""The table of areas goes into the database by COPY. Called by steps.import_areas inside its transaction.

The official number (code12) and the level say which row is which, so that an area moved or renamed here stays itself.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from heli.core.scope import ancestors
from heli.places.errors import TableShrinks, TableUnreadable
from heli.places.names import PATH_LENGTH, short

DATA = Path(__file__).resolve().parent / "data"
TABLE, ALIASES, CENTROIDS = DATA / "areas.csv.xz", DATA / "aliases.csv", DATA / "centroids.csv"
COLUMNS = ["path", "name", "level", "kind", "initials"]
CHUNK = 20_000  # rows for one piece of COPY and one tick of the progress bar

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: numbers of areas."""

    total: int
    added: int = 0
    renamed: int = 0
    refreshed: int = 0
    gone: int = 0
    back: int = 0
    aliases: int = 0
    points: int = 0

    @property
    def changed(self) -> bool:
        return any((self.added, self.renamed, self.refreshed, self.gone, self.back, self.aliases, self.points))


def read(source: Path, under: tuple[str, ...] = ()) -> list[list[str]]:
    """Rows of a table (csv, or csv.xz) inside `under` and above it; all rows when it is empty.

    Raises:
        TableUnreadable: columns missing, or a row that is no area (L-204).
    """
    raw = source.read_bytes()
    try:
        text = (lzma.decompress(raw) if source.suffix == ".xz" else raw).decode("utf-8-sig")
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise TableUnreadable(line=1, problem=_("it is not a UTF-8 table")) from error
    header, *lines = text.splitlines() or [""]
    if header.split(",") != COLUMNS:
        problem = _("its columns should be %(want)s, they are %(have)s") % {
            "want": ",".join(COLUMNS),
            "have": header[:80],
        }
        raise TableUnreadable(line=1, problem=problem)
    above = {p for u in under for p in ancestors(u)}
    kept: list[list[str]] = []
    for n, line in enumerate(lines, start=2):
        if under and not line.startswith(under) and line.partition(",")[0] not in above:
            continue  # most of the country, when only a county is wanted: not worth reading further
        row = next(csv.reader([line])) if '"' in line else line.split(",")
        try:
            path, name, level, _kind, _initials = row
            fits = path.isascii() and path.isdigit() and len(path) == PATH_LENGTH[int(level)]
        except (ValueError, KeyError):
            fits = False
        if not fits or not name or "\t" in name or "\\" in name or "\n" in name:
            raise TableUnreadable(line=n, problem=_("it is not an area with a path and a level"))
        kept.append(row)
    return kept


def _lines(rows: Iterable[list[str]]) -> Iterator[str]:
    for path, name, level, kind, initials in rows:
        n = int(level)
        parent = path[: PATH_LENGTH[n - 1]].ljust(12, "0") if n > 1 else ""
        yield f"{path}\t{path:0<12}\t{parent}\t{name}\t{level}\t{kind}\t{initials}\t{short(name, n)}\n"


def stage(cur: Any, rows: list[list[str]], tick: Callable[[int], None]) -> None:
    """Copy the rows into a table that ends with the transaction."""
    cur.execute("DROP TABLE IF EXISTS pg_temp.area_staging, pg_temp.alias_staging, pg_temp.point_staging")
    cur.execute(
        """CREATE TEMPORARY TABLE area_staging (
           path text COLLATE "C", code12 text COLLATE "C", parent12 text COLLATE "C",
           name text, level smallint, kind text, initials text, short_name text) ON COMMIT DROP"""
    )
    with cur.copy("COPY area_staging FROM STDIN") as copy:
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            copy.write("".join(_lines(part)))
            tick(len(part))
    cur.execute("ANALYZE area_staging")


# The statements below read the staged table.
# An area that was added or moved here under a number that the table has now: it is the same one.
ADOPT = """
UPDATE places_area a SET code12 = s.code12 FROM area_staging s
WHERE a.path = s.path AND a.level = s.level AND a.code12 <> s.code12
  AND NOT EXISTS (SELECT FROM places_area o WHERE o.level = s.level AND o.code12 = s.code12)
  AND NOT EXISTS (SELECT FROM area_staging o WHERE o.level = a.level AND o.code12 = a.code12)
"""
_ADD = """
INSERT INTO places_area (path, code12, level, kind, name, official_name, short_name, initials, parent_id, precision,
                         valid_from)
SELECT COALESCE(p.path, '') || substr(s.path, %(cut)s + 1), s.code12, s.level, s.kind, s.name, '', s.short_name,
       s.initials, p.id, '', %(since)s
FROM area_staging s
LEFT JOIN places_area p ON p.level = %(level)s - 1 AND p.code12 = s.parent12
{known}
WHERE s.level = %(level)s AND starts_with(s.path, %(region)s) {new}
"""
ADD_ALL = _ADD.format(known="", new="")  # into an empty table: nothing can be there already
ADD_NEW = _ADD.format(
    known="""
LEFT JOIN places_area a ON a.level = %(level)s AND a.code12 = s.code12
LEFT JOIN places_area taken ON taken.path = COALESCE(p.path, '') || substr(s.path, %(cut)s + 1)""",
    new="AND a.id IS NULL AND taken.id IS NULL",
)
ADDED = """
INSERT INTO places_areachange (area_id, kind, old_path, new_path, old_name, new_name, at, by_id, basis)
SELECT id, 'added', '', path, '', name, %(at)s, %(by)s, %(basis)s FROM places_area WHERE id > %(last)s
"""
NEWEST = "SELECT COALESCE(max(id), 0) FROM places_area"

_OFFICIAL = "CASE a.official_name WHEN '' THEN a.name ELSE a.official_name END"
RENAMED = f"""
INSERT INTO places_areachange (area_id, kind, old_path, new_path, old_name, new_name, at, by_id, basis)
SELECT a.id, 'renamed', a.path, a.path, {_OFFICIAL}, s.name, %(at)s, %(by)s, %(basis)s
FROM area_staging s JOIN places_area a ON a.level = s.level AND a.code12 = s.code12
WHERE s.name <> {_OFFICIAL}
"""
# A name corrected by hand stays; what the table says is kept beside it.
REFRESH = """
UPDATE places_area a SET
    name = CASE a.official_name WHEN '' THEN s.name ELSE a.name END,
    short_name = CASE a.official_name WHEN '' THEN s.short_name ELSE a.short_name END,
    initials = CASE a.official_name WHEN '' THEN s.initials ELSE a.initials END,
    official_name = CASE a.official_name WHEN '' THEN '' ELSE s.name END,
    kind = s.kind
FROM area_staging s
WHERE a.level = s.level AND a.code12 = s.code12 AND (
    a.kind <> s.kind OR CASE a.official_name
        WHEN '' THEN (a.name, a.short_name, a.initials) IS DISTINCT FROM (s.name, s.short_name, s.initials)
        ELSE a.official_name <> s.name END)
"""
# Only what lies inside the imported part, and only provinces the table speaks of, can be missing from it.
_MISSING = """
FROM places_area a
WHERE a.code12 <> '' AND a.valid_to IS NULL
  AND substr(a.code12, 1, 2) IN (SELECT DISTINCT substr(path, 1, 2) FROM area_staging)
  AND (%(under)s = '{}' OR EXISTS (SELECT FROM unnest(%(under)s::text[]) u WHERE starts_with(a.code12, u)))
  AND NOT EXISTS (SELECT FROM area_staging s WHERE s.level = a.level AND s.code12 = a.code12)
"""
COUNT_MISSING = "SELECT count(*) " + _MISSING
GONE = f"""
WITH gone AS (UPDATE places_area SET valid_to = GREATEST(%(day)s, valid_from) WHERE id IN (SELECT a.id {_MISSING})
              RETURNING id, path, name)
INSERT INTO places_areachange (area_id, kind, old_path, new_path, old_name, new_name, at, by_id, basis)
SELECT id, 'gone', path, '', name, '', %(at)s, %(by)s, %(basis)s FROM gone
"""
# Only what an import ended comes back by an import; what a person ended stays ended.
BACK = """
WITH back AS (
    UPDATE places_area a SET valid_to = NULL FROM area_staging s
    WHERE a.level = s.level AND a.code12 = s.code12 AND a.valid_to IS NOT NULL AND 'gone' = (
        SELECT kind FROM places_areachange c
        WHERE c.area_id = a.id AND kind IN ('gone', 'ended', 'back') ORDER BY c.id DESC LIMIT 1)
    RETURNING a.id, a.path, a.name)
INSERT INTO places_areachange (area_id, kind, old_path, new_path, old_name, new_name, at, by_id, basis)
SELECT id, 'back', '', path, '', name, %(at)s, %(by)s, %(basis)s FROM back
"""
STAGE_ALIASES = """
CREATE TEMPORARY TABLE alias_staging (code12 text COLLATE "C", level smallint, scheme text, code text, name text)
ON COMMIT DROP
"""
_KNOWN = "FROM alias_staging s JOIN places_area a ON a.code12 = s.code12 AND a.level = s.level"
CODES = f"""
INSERT INTO places_areacode (area_id, scheme, code) SELECT a.id, s.scheme, s.code {_KNOWN} WHERE s.code <> ''
ON CONFLICT DO NOTHING
"""
NAMES = f"""
INSERT INTO places_areaname (area_id, name) SELECT a.id, s.name {_KNOWN} WHERE s.name <> '' ON CONFLICT DO NOTHING
"""
STAGE_POINTS = """
CREATE TEMPORARY TABLE point_staging (code12 text COLLATE "C", level smallint, lon numeric, lat numeric) ON COMMIT DROP
"""
# A point is a first guess: it never replaces one that is there.
POINTS = """
UPDATE places_area a SET lon = s.lon, lat = s.lat, precision = 'centroid' FROM point_staging s
WHERE a.code12 = s.code12 AND a.level = s.level AND a.precision = ''
"""


def _beside(source: Path, inside: set[str]) -> Iterator[list[str]]:
    """Rows of a small table keyed by path, as code12 and level and the rest, where the area is being imported."""
    level_of = {length: str(level) for level, length in PATH_LENGTH.items()}
    for path, *rest in list(csv.reader(io.StringIO(source.read_text("utf-8"))))[1:]:
        if path in inside:
            yield [path.ljust(12, "0"), level_of[len(path)], *rest]


def _copy(cur: Any, table: str, rows: Iterable[list[str]]) -> None:
    with cur.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _compare(cur: Any, say: dict[str, Any], size: int, shrink: bool) -> tuple[int, int, int, int]:
    """Change what is there already; how many areas were refreshed, came back, are gone, were renamed."""
    cur.execute(ADOPT)
    refreshed = cur.rowcount
    cur.execute(COUNT_MISSING, say)
    gone = cur.fetchone()[0]
    if gone > max(20, size // 10) and not shrink:
        raise TableShrinks(gone=gone, total=size)
    if gone:
        cur.execute(GONE, say)
    cur.execute(BACK, say)
    back = cur.rowcount
    cur.execute(RENAMED, say)
    renamed = cur.rowcount
    cur.execute(REFRESH, say)
    return refreshed + cur.rowcount - renamed, back, gone, renamed


def load(
    cur: Any,
    rows: list[list[str]],
    *,
    under: tuple[str, ...],
    at: dt.datetime,
    since: dt.date | None,
    by_id: int | None,
    basis: str,
    shrink: bool,
    progress: Progress,
) -> Imported:
    """Make the tree agree with the rows. `cur` is a cursor in the step's transaction.

    Raises:
        TableShrinks: more than a tenth of the areas concerned would end, and `shrink` does not say it is meant (L-203).
    """
    done, total = 0, 2 * len(rows)

    def tick(n: int) -> None:
        nonlocal done
        done += n
        progress(min(done, total), total)

    say: dict[str, Any] = {"at": at, "day": since or at.date(), "since": since, "by": by_id, "basis": basis}
    say["under"] = list(under)
    # The tables grow while we go, and nothing has counted them yet: nested loops would take hours.
    cur.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
    stage(cur, rows, tick)
    cur.execute(NEWEST)
    say["last"] = cur.fetchone()[0]
    refreshed = back = gone = renamed = added = 0
    if say["last"]:
        refreshed, back, gone, renamed = _compare(cur, say, len(rows), shrink)
    for level in PATH_LENGTH:
        for region in "123456":
            say |= {"level": level, "cut": PATH_LENGTH.get(level - 1, 0), "region": region}
            cur.execute(ADD_NEW if say["last"] else ADD_ALL, say)
            added += cur.rowcount
            tick(sum(1 for row in rows if row[2] == str(level) and row[0][0] == region))
    if since is not None:
        cur.execute(ADDED, say)
    inside = {row[0] for row in rows}
    cur.execute("SET LOCAL enable_nestloop = on")
    cur.execute(STAGE_ALIASES)
    _copy(cur, "alias_staging", _beside(ALIASES, inside))
    cur.execute(CODES)
    aliases = cur.rowcount
    cur.execute(NAMES)
    aliases += cur.rowcount
    cur.execute(STAGE_POINTS)
    _copy(cur, "point_staging", _beside(CENTROIDS, inside))
    cur.execute(POINTS)
    points = cur.rowcount
    if added > CHUNK:
        cur.execute("ANALYZE places_area")  # the owner's right; a warning for the application's role
    return Imported(len(rows), added, renamed, refreshed, gone, back, aliases, points)
