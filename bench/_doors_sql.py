# ruff: noqa: E501  (SQL reads best in its own lines)
"""Statements that add the other doors to a copy of a loop database: sites with hours and ratings, wishes with pledges,
suggestions with seconds, answers and measures, standing problems. Like _seed_sql.py: what looks random is a hash.
"""

from __future__ import annotations

# Communities of the home county with a made-up point each (none is shipped); the first of them take most.
PLACES = """
DROP TABLE IF EXISTS bench.spot, bench.sealed, bench.member, bench.door;
CREATE TABLE bench.spot AS
  SELECT (row_number() OVER (ORDER BY bench.h(a.id, 80)) - 1)::int AS slot, a.id AS area_id, a.path, a.short_name, s.id AS street_id,
         s.name AS street, COALESCE(u.unit_id, k.fallback) AS unit_id,
         37.53 + (bench.h(s.id, 81) %% 100 - 50) * 0.0012 + (bench.h(a.id, 82) %% 100 - 50) * 0.0003 AS lat,
         121.36 + (bench.h(s.id, 83) %% 100 - 50) * 0.0025 + (bench.h(a.id, 84) %% 100 - 50) * 0.0004 AS lon
  FROM places_area a JOIN places_area s ON s.path = left(a.path, 9) AND s.valid_to IS NULL
  JOIN bench.county k ON k.path = left(a.path, 6) LEFT JOIN bench.street u ON u.path = left(a.path, 9)
  WHERE a.level = 5 AND a.valid_to IS NULL AND a.kind NOT IN ('placeholder', 'virtual') AND left(a.path, 6) = %(county)s;
CREATE TABLE bench.sealed AS SELECT (row_number() OVER (ORDER BY id) - 1)::int AS slot, id
  FROM (SELECT id FROM core_vaultrecord ORDER BY id LIMIT 2000) v;
CREATE TABLE bench.member AS SELECT (row_number() OVER (ORDER BY id) - 1)::int AS slot, id FROM people_user;
ALTER TABLE bench.sealed ADD PRIMARY KEY (slot); ALTER TABLE bench.member ADD PRIMARY KEY (slot); ALTER TABLE bench.spot ADD PRIMARY KEY (slot);
ANALYZE bench.spot; ANALYZE bench.sealed; ANALYZE bench.member;
"""

# A third of the sites stands in eight places, the others where people live; seven days of hours, one in ten past midnight.
SITES = """
INSERT INTO places_site (kind, name, area_id, area_path, lat, lon, address, way, phone, services, gate, park, ebike, access_until,
  valid_from, closed_why, version, changed_at)
SELECT (ARRAY['station', 'station', 'station', 'service', 'community', 'street'])[1 + bench.h(n, 1) %% 6], p.short_name || '暖心驿站' || n, p.area_id, p.path,
  p.lat + dy * spread, p.lon + dx * spread, p.short_name || (1 + bench.h(n, 4) %% 90) || '号', '', '', s.services, '', '', '', '',
  %(now)s::date - 400, '', 1, %(now)s
FROM generate_series(1, %(sites)s) n
CROSS JOIN LATERAL (SELECT (bench.h(n, 5) %% 1000 + bench.h(n, 6) %% 1000 + bench.h(n, 7) %% 1000 - 1500) / 1500.0 AS dx,
  (bench.h(n, 8) %% 1000 + bench.h(n, 9) %% 1000 + bench.h(n, 10) %% 1000 - 1500) / 1500.0 AS dy,
  CASE WHEN n %% 3 = 0 THEN 0.004 ELSE 0.02 END AS spread) g
JOIN bench.spot p ON p.slot = CASE WHEN n %% 3 = 0 THEN bench.h(n, 11) %% 8 ELSE floor(%(places)s * power((bench.h(n, 12) %% 10000) / 10000.0, 2))::int END
CROSS JOIN LATERAL (SELECT array_agg(x ORDER BY x) AS services FROM unnest(%(services)s::text[]) WITH ORDINALITY AS v(x, i)
  WHERE bench.h(n * 31 + i, 13) %% 3 = 0 OR i = 1) s;
INSERT INTO places_siteperiod (site_id, weekday, opens, closes)
SELECT s.id, d, 420 + bench.h(s.id, 14) %% 4 * 30, CASE WHEN bench.h(s.id, 15) %% 10 = 0 THEN 1500 ELSE 1080 + bench.h(s.id, 16) %% 5 * 30 END
FROM places_site s, generate_series(0, 6) d WHERE bench.h(s.id, 17) %% 20 > 0 AND (d < 5 OR bench.h(s.id, 18) %% 3 > 0);
INSERT INTO places_siteday (site_id, "on", note) SELECT id, %(now)s::date + bench.h(id, 19) %% 5, '停水' FROM places_site WHERE bench.h(id, 20) %% 30 = 0;
INSERT INTO places_siterating (site_id, mark, month, stars, missing)
SELECT s.id, sha256((s.id || '/' || k)::text::bytea), date_trunc('month', %(now)s::date - k * 20)::date, 2 + bench.h(s.id * 50 + k, 21) %% 4,
  CASE WHEN k %% 4 = 0 THEN ARRAY['toilet', 'wifi'] ELSE '{}'::text[] END
FROM places_site s, generate_series(1, 8) k WHERE bench.h(s.id, 22) %% 2 = 0
"""

# The requests of wishes and suggestions, half a year of them, newer than all of the loop's.
DOOR = """
CREATE TABLE bench.door AS
WITH n AS (SELECT g AS n, m.top + g AS id, g %% 2 = 0 AS wish, %(now)s - interval '180 days' * (%(wishes)s * 2 - g + 1) / (%(wishes)s * 2) AS at
  FROM generate_series(1, %(wishes)s * 2) g, (SELECT max(id) AS top FROM loop_request) m OFFSET 0),
s AS (SELECT n.*, bench.h(id, 91) %% 1000 AS u, bench.h(id, 92) %% 1000 AS v FROM n OFFSET 0)
SELECT s.id, s.wish, s.at, s.v, p.area_id, p.path, p.short_name, p.street_id, p.unit_id, t.title, t.body, t.category_id, o.officer,
  CASE WHEN wish THEN CASE WHEN u < 200 THEN 'open' WHEN u < 300 THEN 'pledged' WHEN u < 350 THEN 'delivered' WHEN u < 930 THEN 'fulfilled'
    WHEN u < 970 THEN 'expired' ELSE 'withdrawn' END
  ELSE CASE WHEN u < 25 THEN 'reading' WHEN u < 75 THEN 'private' ELSE 'public' END END AS state,
  CASE WHEN wish THEN CASE WHEN u < 300 THEN 'handling' WHEN u < 350 THEN 'replied' WHEN u < 930 THEN 'closed' WHEN u < 970 THEN 'handling' ELSE 'withdrawn' END
  ELSE CASE WHEN u < 25 OR v < 100 THEN 'heard' WHEN v < 250 THEN 'dispatched' WHEN v < 400 THEN 'handling' WHEN v < 500 THEN 'replied' ELSE 'closed' END END AS request_state,
  1 + bench.h(s.id, 93) %% 6 AS needed
FROM s JOIN bench.spot p ON p.slot = floor(%(places)s * power((bench.h(s.id, 94) %% 10000) / 10000.0, 2))::int
JOIN bench.text t ON t.id = bench.h(s.id, 95) %% %(texts)s LEFT JOIN bench.people o ON o.unit_id = p.unit_id;
ALTER TABLE bench.door ADD PRIMARY KEY (id); ANALYZE bench.door
"""

REQUESTS = """
INSERT INTO loop_request (id, code, kind, title, text, photos, area_id, area_path, spot, category_id, channel, confidentiality, urgency, reachable,
  heard_at, form_key, source, state, lap, bounces, unit_id, due_kind, dispatched_at, replied_at, closed_at, solved, satisfaction, excluded)
SELECT d.id, k.prefix || '-' || substr(c.body, 1, 4) || '-' || substr(c.body, 5) || bench.letter((31 - c.total %% 31) %% 31),
  CASE WHEN wish THEN 'wish' ELSE 'suggestion' END, d.title, d.body, '{}', d.area_id, d.path, '', d.category_id, 'web', 'open', 'normal', false,
  d.at, gen_random_uuid(), '', d.request_state, 1, 0, CASE WHEN d.request_state <> 'heard' THEN d.unit_id END, '',
  CASE WHEN d.request_state <> 'heard' THEN d.at + interval '1 day' END,
  CASE WHEN d.request_state IN ('replied', 'closed') THEN d.at + interval '5 days' END, CASE WHEN d.request_state IN ('closed', 'withdrawn') THEN d.at + interval '7 days' END,
  CASE WHEN d.request_state = 'closed' THEN 'yes' ELSE '' END, CASE WHEN d.request_state = 'closed' THEN 4 END, false
FROM bench.door d CROSS JOIN (SELECT * FROM bench.county WHERE path = %(county)s) k
CROSS JOIN LATERAL (SELECT (d.id * 387420489 + 12345) %% 887503681 AS n) m
CROSS JOIN LATERAL (SELECT bench.letter(bench.digit(n, 5)) || bench.letter(bench.digit(n, 4)) || bench.letter(bench.digit(n, 3))
    || bench.letter(bench.digit(n, 2)) || bench.letter(bench.digit(n, 1)) || bench.letter(bench.digit(n, 0)) AS body,
  k.prefix_sum + 2 * bench.digit(n, 0) + 3 * bench.digit(n, 1) + 4 * bench.digit(n, 2) + 5 * bench.digit(n, 3)
    + 6 * bench.digit(n, 4) + 7 * bench.digit(n, 5) AS total) c;
INSERT INTO loop_voice (request_id, channel, reach, said_at, link_nonce, link_until) SELECT id, 'web', '', at, 0, at + interval '800 days' FROM bench.door;
SELECT setval(pg_get_serial_sequence('loop_request', 'id'), (SELECT max(id) FROM loop_request));
INSERT INTO insight_touched (cell) SELECT DISTINCT insight_cell(path, at) FROM bench.door
"""

WISHES = """
INSERT INTO wishes_wish (request_id, unit_id, area_path, street_id, state, lap, visited_on, visited_by_id, seen, consent_at, title, words, gift, needed,
  measure, keeper, taken, received, until, made_at, opened_at, ended_at, end_reason, thanks)
SELECT id, unit_id, path, street_id, state, 1, at::date, officer, '家里看过，情况属实。', at, left(title, 30), left(body, 300),
  (ARRAY['goods', 'goods', 'time'])[1 + bench.h(id, 96) %% 3], needed, '件', '',
  CASE WHEN state IN ('pledged', 'delivered', 'fulfilled') THEN needed WHEN state = 'open' THEN needed / 2 ELSE 0 END,
  CASE WHEN state IN ('delivered', 'fulfilled') THEN needed ELSE 0 END, %(now)s::date + 60, at, at + interval '1 day',
  CASE WHEN state IN ('delivered', 'fulfilled', 'expired', 'withdrawn') THEN at + interval '6 days' END,
  CASE WHEN state IN ('expired', 'withdrawn') THEN '不再需要' ELSE '' END, CASE WHEN state = 'fulfilled' AND v < 400 THEN '谢谢大家，东西收到了。' ELSE '' END
FROM bench.door WHERE wish ORDER BY id;
INSERT INTO wishes_pledge (wish_id, unit_id, area_path, lap, by_id, record_id, gift, amount, promised_on, state, made_at, delivered_on, delivered_how, reference,
  received_at, word, end_reason)
SELECT w.id, w.unit_id, w.area_path, 1, u.id, s.id, w.gift, 1, (w.opened_at + interval '5 days')::date,
  CASE WHEN w.received > 0 THEN 'received' ELSE 'promised' END, w.opened_at + interval '1 hour' * g,
  CASE WHEN w.received > 0 THEN (w.opened_at + interval '4 days')::date END, '', '', CASE WHEN w.received > 0 THEN w.opened_at + interval '5 days' END,
  CASE WHEN w.received > 0 THEN 'visit' ELSE '' END, ''
FROM wishes_wish w, generate_series(1, w.taken) g
JOIN bench.member u ON true JOIN bench.sealed s ON true
WHERE u.slot = bench.h(w.id * 10 + g, 97) %% %(members)s AND s.slot = bench.h(w.id * 10 + g, 98) %% %(sealed)s
"""

SUGGESTIONS = """
INSERT INTO suggestions_call (title, asked, why, area_id, area_path, unit_id, first_day, last_day, state, summary, made_at)
SELECT '第' || g || '次征集：身边的路怎么修', '哪一段路最该先修？', '列入明年计划。', a.id, a.path, k.fallback, %(now)s::date - 30 * g, %(now)s::date - 30 * g + 45,
  CASE WHEN g < 2 THEN 'open' ELSE 'closed' END, '', %(now)s FROM generate_series(1, 12) g, places_area a JOIN bench.county k ON k.path = a.path
WHERE a.path = %(county)s AND a.valid_to IS NULL;
INSERT INTO suggestions_suggestion (request_id, title, text, state, why_private, seconds, stands_fast, credit, credit_record_id, call_id, read_rule_id, read_due_at, read_at, published_at)
SELECT d.id, d.title, d.body, d.state, CASE WHEN d.state = 'private' THEN '含个人信息' ELSE '' END, c.n, c.n > 0, CASE WHEN named THEN 'shown' ELSE '' END, s.id,
  CASE WHEN bench.h(d.id, 99) %% 8 = 0 THEN k.first + bench.h(d.id, 100) %% 12 END, r.id, d.at + interval '3 days',
  CASE WHEN d.state <> 'reading' THEN d.at + interval '1 day' END, CASE WHEN d.state = 'public' THEN d.at + interval '1 day' END
FROM bench.door d CROSS JOIN LATERAL (SELECT bench.h(d.id, 101) %% 5 = 0 AND d.state = 'public' AS named,
    CASE WHEN d.state = 'public' THEN LEAST(400, (20.0 / (1 + bench.h(d.id, 102) %% 100))::int * (bench.h(d.id, 103) %% 20)) ELSE 0 END AS n) c
LEFT JOIN bench.sealed s ON named AND s.slot = bench.h(d.id, 104) %% %(sealed)s
CROSS JOIN (SELECT min(id) AS first FROM suggestions_call) k
CROSS JOIN (SELECT id FROM rulebook_rule WHERE key = 'suggestion.read' ORDER BY length(area_path), id DESC LIMIT 1) r
WHERE NOT d.wish ORDER BY d.id;
INSERT INTO suggestions_wording (suggestion_id, n, title, text, at, agreed) SELECT d.id, 1, d.title, d.body, d.at, '' FROM bench.door d WHERE NOT d.wish;
INSERT INTO suggestions_second (suggestion_id, user_id, n, at)
SELECT x.request_id, u.id, 1, x.published_at + interval '1 hour' * j FROM suggestions_suggestion x, generate_series(1, x.seconds) j
JOIN bench.member u ON true WHERE u.slot = (bench.h(x.request_id, 105) + j) %% %(members)s;
INSERT INTO loop_handling (request_id, unit_id, area_path, kind, lap, text, photos, papers, state, written_by_id, written_at, sent_at)
SELECT d.id, d.unit_id, d.path, 'answer', 1, d.short_name || '：' || y.words, '{}', '{}', 'sent', d.officer, d.at + interval '5 days', d.at + interval '5 days'
FROM bench.door d JOIN bench.reply y ON y.id = bench.h(d.id, 106) %% %(replies)s WHERE NOT d.wish AND d.request_state IN ('replied', 'closed');
INSERT INTO suggestions_answer (handling_id, suggestion_id, n, superseded, verdict, reasons, basis, written_at, written_by_id)
SELECT h.id, d.id, 1, false, (ARRAY['adopted', 'adopted', 'partly', 'not', 'explained'])[1 + bench.h(d.id, 107) %% 5], h.text, '派单目录', h.written_at, d.officer
FROM bench.door d JOIN loop_handling h ON h.request_id = d.id WHERE NOT d.wish;
INSERT INTO suggestions_measure (answer_id, suggestion_id, area_path, unit_id, what, due_on, state, report_rule_id, report_due_at, ended_at)
SELECT a.id, d.id, d.path, d.unit_id, '修补路面并重新划线', (d.at + interval '90 days')::date, CASE WHEN d.v %% 3 = 0 THEN 'confirmed' ELSE 'planned' END, r.id,
  d.at + interval '60 days', CASE WHEN d.v %% 3 = 0 THEN d.at + interval '60 days' END
FROM suggestions_answer a JOIN bench.door d ON d.id = a.suggestion_id
CROSS JOIN (SELECT id FROM rulebook_rule WHERE key = 'suggestion.report' ORDER BY length(area_path), id DESC LIMIT 1) r
WHERE a.verdict IN ('adopted', 'partly')
"""

PROBLEMS = """
INSERT INTO insight_problem (title, area_id, area_path, category_id, since, unit_id, state, plan, words, report, decision, review_on, why, usual, named_at, closed_at, lap)
SELECT p.short_name || c.name, p.area_id, p.path, c.id, %(now)s - interval '90 days', p.unit_id, s, '约谈、巡查、回访。', '', '', '', %(now)s::date + g %% 90, '{}', 2,
  %(now)s - interval '1 hour' * g, CASE WHEN s = 'closed' THEN %(now)s END, 1
FROM generate_series(0, 199) g JOIN bench.spot p ON p.slot = g %% 40
JOIN (SELECT id, name, row_number() OVER (ORDER BY code) AS rank FROM loop_category WHERE level = 3) c ON c.rank = 1 + g / 40
CROSS JOIN LATERAL (SELECT (ARRAY['named', 'planned', 'working', 'review', 'closed'])[1 + bench.h(g, 110) %% 5] AS s) t;
INSERT INTO insight_measure (problem_id, text, unit_id, due_on, done_words) SELECT id, '每周巡查一次', unit_id, review_on, '' FROM insight_problem, generate_series(1, 3)
"""

WORDS = """
INSERT INTO loop_requestwords (request_id, area_path, body)
SELECT r.id, r.area_path, heli_folded(r.title || E'\\n' || r.text) FROM loop_request r JOIN bench.door d ON d.id = r.id
"""

PARTS = {
    "places and people": PLACES, "sites": SITES, "requests": DOOR + ";" + REQUESTS + ";" + WORDS, "wishes": WISHES, "suggestions": SUGGESTIONS,
    "problems": PROBLEMS,
}  # fmt: skip
BARE = (
    "loop_request", "loop_voice", "loop_handling", "wishes_wish", "wishes_pledge", "suggestions_suggestion",
)  # fmt: skip
