# ruff: noqa: E501  (SQL reads best in its own lines)
"""Statements that make N requests with all that hangs on them, in SQL from small pools (bench/_base.py).

Every number that looks random is a hash of the request's id, so that the same size gives the same county twice. Ids of
requests, voices and vault records agree; ids rise with the time at which things were said, as they do in life.
"""

from __future__ import annotations

# h(id, k): a number from 0 to 2^31-1. Inlined by the planner.
HELPERS = """
CREATE OR REPLACE FUNCTION bench.h(bigint, int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS 'SELECT (hashint8extended($1, $2) & 2147483647)::int';
CREATE OR REPLACE FUNCTION bench.digit(bigint, int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS 'SELECT ($1 / (ARRAY[1,31,961,29791,923521,28629151])[$2 + 1] % 31)::int';
CREATE OR REPLACE FUNCTION bench.letter(int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$SELECT substr('23456789ABCDEFGHJKMNPQRSTUVWXYZ', $1 + 1, 1)$$;
"""

# Days of two years with their share: more in winter (heating) and in the rains, fewer on Sundays, a slow growth.
DAYS = """
DROP TABLE IF EXISTS bench.day;
CREATE TABLE bench.day AS
WITH d AS (
  SELECT day::date, (ARRAY[1.25,0.85,1.0,0.95,0.9,1.05,1.25,1.2,0.95,0.9,1.15,1.3])[extract(month FROM day)::int]
         * CASE extract(dow FROM day) WHEN 0 THEN 0.6 WHEN 6 THEN 0.75 ELSE 1.1 END
         * (1 + extract(epoch FROM day - %(first)s::timestamp) / 86400 / 1460) AS w
  FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, '1 day') day),
c AS (SELECT day, sum(w) OVER (ORDER BY day) / sum(w) OVER () AS upto FROM d)
SELECT day, (COALESCE(lag(round(upto * %(n)s)) OVER (ORDER BY day), 0))::bigint + 1 AS first_id,
       (round(upto * %(n)s) - COALESCE(lag(round(upto * %(n)s)) OVER (ORDER BY day), 0))::int AS n
FROM c
"""

# Where: Zipf over counties (the measured one first) and over the villages of each; a slot is one equal chance.
PLACES = """
DROP TABLE IF EXISTS bench.place, bench.county;
CREATE TABLE bench.county AS
  SELECT path, row_number() OVER (ORDER BY path <> %(county)s, bench.h(id, 71)) AS rank,
         upper(substr(COALESCE(NULLIF(initials, ''), 'HL'), 1, 2)) AS prefix, 0 AS prefix_sum
  FROM places_area WHERE level = 3 AND valid_to IS NULL AND kind IN ('admin', 'functional') AND starts_with(path, '37');
UPDATE bench.county SET prefix_sum =
  9 * (strpos('23456789ABCDEFGHJKMNPQRSTUVWXYZ', translate(substr(prefix, 1, 1), 'ILO', '234')) - 1)
  + 8 * (strpos('23456789ABCDEFGHJKMNPQRSTUVWXYZ', translate(substr(prefix, 2, 1), 'ILO', '234')) - 1);
CREATE TABLE bench.place AS
WITH v AS (
  SELECT a.id, a.path, a.short_name, c.path AS county, c.prefix, c.prefix_sum,
         power(c.rank, -0.8) AS wc, power(row_number() OVER (PARTITION BY c.path ORDER BY bench.h(a.id, 72)), -0.5) AS wv
  FROM places_area a JOIN bench.county c ON c.path = left(a.path, 6)
  WHERE a.level = 5 AND a.valid_to IS NULL AND a.kind NOT IN ('placeholder', 'virtual')),
w AS (SELECT v.*, wc * wv / sum(wv) OVER (PARTITION BY county) AS w FROM v),
n AS (SELECT w.*, GREATEST(1, round(400000 * w / sum(w) OVER ()))::int AS n FROM w)
SELECT (row_number() OVER () - 1)::int AS slot, id AS area_id, path, short_name, county, prefix, prefix_sum
FROM n, generate_series(1, n.n)
"""

# What: Zipf over the second level of categories; a slot is one equal chance.
MATTERS = """
DROP TABLE IF EXISTS bench.matter;
CREATE TABLE bench.matter AS
WITH t AS (
  SELECT t.*, left(c.code, 4) AS branch FROM bench.text t JOIN loop_category c ON c.id = t.category_id),
r AS (SELECT branch, count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, branch) AS rank FROM t GROUP BY branch),
w AS (SELECT t.id, power(r.rank, -0.9) / r.n AS w FROM t JOIN r USING (branch)),
n AS (SELECT id, GREATEST(1, round(60000 * w / sum(w) OVER ()))::int AS n FROM w)
SELECT (row_number() OVER () - 1)::int AS slot, id AS text_id FROM n, generate_series(1, n.n)
"""

# Who: the unit that a county's duty list names for each category, with two of its people; the street's office else.
UNITS = """
DROP TABLE IF EXISTS bench.duty, bench.street, bench.people;
CREATE TABLE bench.people AS
  SELECT o.id AS unit_id, max(u.id) FILTER (WHERE u.username LIKE 'o.%%') AS officer,
         max(u.id) FILTER (WHERE u.username LIKE 'l.%%') AS lead FROM orgs_organisation o
  JOIN orgs_grant g ON g.org_id = o.id JOIN people_user u ON u.id = g.user_id GROUP BY o.id;
CREATE TABLE bench.street AS
  SELECT area_path AS path, min(id) AS unit_id FROM orgs_organisation WHERE kind = 'township' GROUP BY area_path;
CREATE TABLE bench.duty AS
  SELECT DISTINCT ON (k.path, c.id) k.path AS county, c.id AS category_id, d.unit_id, d.id AS row_id
  FROM bench.county k CROSS JOIN loop_category c
  LEFT JOIN loop_category b ON b.code = left(c.code, 4)
  LEFT JOIN loop_dutyrow d ON d.area_path = k.path AND d.level = 3 AND d.valid_to IS NULL AND d.category_id IN (c.id, b.id)
  WHERE c.level = 3 ORDER BY k.path, c.id, (d.category_id = c.id) DESC NULLS LAST;
ALTER TABLE bench.county ADD dispatcher bigint, ADD supervisor bigint, ADD revisitor bigint, ADD fallback bigint;
UPDATE bench.county k SET
  dispatcher = (SELECT id FROM people_user WHERE username = 'd.' || k.path),
  supervisor = (SELECT id FROM people_user WHERE username = 's.' || k.path),
  revisitor = (SELECT id FROM people_user WHERE username = 'r.' || k.path),
  fallback = (SELECT min(id) FROM orgs_organisation WHERE area_path = k.path AND kind = 'department');
ANALYZE bench.place; ANALYZE bench.matter; ANALYZE bench.duty; ANALYZE bench.street; ANALYZE bench.people;
"""

# OFFSET 0 keeps the planner from writing each expression out again in every one built on it.
# How each request goes: its state by its age (about 3 in 100 are open), and when each thing happened.
PLAN = """
DROP TABLE IF EXISTS bench.plan;
CREATE TABLE bench.plan AS
WITH said AS (
  SELECT d.first_id + g AS id,
         ((d.day + interval '7 hours') AT TIME ZONE 'Asia/Shanghai') + (g + 1.0) / (d.n + 1) * interval '14 hours' AS at
  FROM bench.day d, generate_series(0, d.n - 1) g),
what AS (
  SELECT s.id, s.at, p.area_id, p.path, p.short_name, p.county, p.prefix, p.prefix_sum, m.text_id, t.category_id,
         t.kind, t.urgency, bench.h(s.id, 3) %% 1000 AS u, extract(epoch FROM %(now)s - s.at) / 86400 AS age
  FROM said s JOIN bench.place p ON p.slot = bench.h(s.id, 1) %% %(places)s
  JOIN bench.matter m ON m.slot = bench.h(s.id, 2) %% %(matters)s JOIN bench.text t ON t.id = m.text_id OFFSET 0),
went AS (
  SELECT w.*, CASE
    WHEN age < 1 THEN CASE WHEN u < 450 THEN 'heard' WHEN u < 750 THEN 'dispatched' WHEN u < 960 THEN 'handling'
      WHEN u < 985 THEN 'replied' ELSE 'closed' END
    WHEN age < 5 THEN CASE WHEN u < 80 THEN 'heard' WHEN u < 220 THEN 'dispatched' WHEN u < 720 THEN 'handling'
      WHEN u < 870 THEN 'replied' WHEN u < 985 THEN 'closed' ELSE 'declined' END
    WHEN age < 15 THEN CASE WHEN u < 10 THEN 'heard' WHEN u < 25 THEN 'dispatched' WHEN u < 500 THEN 'handling'
      WHEN u < 700 THEN 'replied' WHEN u < 960 THEN 'closed' WHEN u < 985 THEN 'declined' ELSE 'withdrawn' END
    WHEN age < 40 THEN CASE WHEN u < 120 THEN 'handling' WHEN u < 125 THEN 'appealed' WHEN u < 140 THEN 'replied'
      WHEN u < 800 THEN 'closed' WHEN u < 960 THEN 'lapsed' WHEN u < 985 THEN 'declined' ELSE 'withdrawn' END
    ELSE CASE WHEN u < 9 THEN 'handling' WHEN u < 10 THEN 'appealed' WHEN u < 800 THEN 'closed' WHEN u < 960 THEN 'lapsed'
      WHEN u < 985 THEN 'declined' ELSE 'withdrawn' END
    END AS state FROM what w OFFSET 0),
t1 AS (SELECT w.*, at + LEAST((2 + bench.h(id, 4) %% 300) * interval '1 minute', (%(now)s - at) * 0.2) AS d1 FROM went w OFFSET 0),
t2 AS (SELECT w.*, d1 + LEAST((5 + power(bench.h(id, 5) %% 1000 / 1000.0, 6) * 1500)::int * interval '1 minute', (%(now)s - at) * 0.3) AS d2 FROM t1 w OFFSET 0),
t3 AS (SELECT w.*, GREATEST(d2 + LEAST((120 + bench.h(id, 6) %% 9000) * interval '1 minute', (%(now)s - at) * 0.3),
         CASE WHEN state = 'replied' THEN %(now)s - bench.h(id, 6) %% 8000 * interval '1 minute' END) AS d3 FROM t2 w OFFSET 0),
t4 AS (SELECT w.*, d3 + LEAST((60 + power(bench.h(id, 7) %% 1000 / 1000.0, 4) * 9000)::int * interval '1 minute', (%(now)s - d3) * 0.9) AS d4 FROM t3 w OFFSET 0)
SELECT w.id, at, area_id, w.path, short_name, w.county, w.prefix, w.prefix_sum, text_id, w.category_id, kind, urgency, state,
       k.dispatcher, k.revisitor, bench.h(id, 8) %% 10 < 7 AS reachable, NULL::bigint AS merged_into,
       CASE WHEN state = 'handling' AND bench.h(id, 9) %% 20 = 0 OR state = 'appealed'
              OR state = 'closed' AND bench.h(id, 9) %% 40 = 0 THEN 2 ELSE 1 END AS lap,
       (ARRAY['web','web','web','web','phone','phone','phone','phone','counter','import'])[1 + bench.h(id, 10) %% 10] AS channel,
       CASE WHEN state IN ('heard', 'declined') THEN NULL
            WHEN bench.h(id, 11) %% 5 = 0 THEN COALESCE(s.unit_id, u.unit_id, k.fallback)
            ELSE COALESCE(u.unit_id, s.unit_id, k.fallback) END AS unit_id, u.row_id,
       CASE WHEN state NOT IN ('heard', 'declined') THEN d1 END AS dispatched,
       CASE WHEN state NOT IN ('heard', 'declined', 'dispatched', 'withdrawn') THEN d2 END AS accepted,
       CASE WHEN state IN ('replied', 'closed', 'lapsed', 'appealed') THEN d3 END AS replied,
       CASE WHEN state IN ('closed', 'lapsed') THEN d4 WHEN state IN ('declined', 'withdrawn') THEN d1 + interval '5 minutes' END AS closed,
       CASE WHEN state = 'closed' THEN (ARRAY[5,5,5,5,4,4,4,3,3,2])[1 + bench.h(id, 12) %% 10]
            WHEN state = 'appealed' THEN 1 END AS satisfaction
FROM t4 w JOIN bench.county k ON k.path = w.county
LEFT JOIN bench.duty u ON u.county = w.county AND u.category_id = w.category_id
LEFT JOIN bench.street s ON s.path = left(w.path, 9)
"""
# One in a hundred turns out to be a neighbour's matter and is joined with the one before it at the same place.
JOINED = """
WITH before AS (SELECT id, lag(id) OVER (PARTITION BY area_id ORDER BY id) AS prev FROM bench.plan)
UPDATE bench.plan p SET state = 'merged', merged_into = b.prev, unit_id = NULL, dispatched = NULL, accepted = NULL,
  replied = NULL, closed = NULL, satisfaction = NULL, lap = 1
FROM before b WHERE b.id = p.id AND b.prev IS NOT NULL AND bench.h(b.id, 13) %% 100 = 0 AND bench.h(b.prev, 13) %% 100 <> 0
"""

CLOCKS = """
INSERT INTO loop_clock (id, request_id, unit_id, area_path, kind, lap, rule_id, amount, measure, started_at, due_at,
                        provisional, stopped_at, outcome, rung, rung_at)
SELECT id * 8 + n, id, unit, path, kind, lap, rule, amount, measure, started, due, false,
       CASE WHEN o <> 'running' THEN COALESCE(stopped, started) END, o,
       CASE WHEN o = 'running' AND due < %(now)s THEN 3 WHEN o = 'running' AND due - span * 0.25 < %(now)s THEN 1 ELSE 0 END,
       CASE WHEN o = 'running' AND kind <> 'review' AND due > %(now)s
            THEN CASE WHEN due - span * 0.25 < %(now)s THEN due ELSE due - span * 0.25 END END
FROM (
  SELECT p.id, c.n, c.unit, p.path, c.kind, c.lap, r.rule, r.amount, r.measure, c.started, c.started + r.span AS due, r.span,
         c.stopped, CASE WHEN c.cancelled THEN 'cancelled' WHEN c.stopped IS NULL THEN 'running'
                         WHEN c.stopped <= c.started + r.span THEN 'met' ELSE 'late' END AS o
  FROM bench.plan p CROSS JOIN LATERAL (VALUES
    (1, 'dispatch', NULL::bigint, 1, at, COALESCE(dispatched, CASE WHEN state IN ('declined', 'merged') THEN at + interval '9 minutes' END),
        state IN ('declined', 'merged'), true),
    (2, 'accept', unit_id, 1, dispatched, COALESCE(accepted, closed), state = 'withdrawn', dispatched IS NOT NULL),
    (3, 'contact', unit_id, 1, dispatched, CASE WHEN bench.h(id, 14) %% 10 < 7 OR replied IS NOT NULL THEN accepted ELSE closed END,
        state = 'withdrawn', reachable AND dispatched IS NOT NULL),
    (4, 'reply', unit_id, 1, dispatched, CASE WHEN lap > 1 THEN accepted + interval '2 days' ELSE COALESCE(replied, closed) END,
        state = 'withdrawn', dispatched IS NOT NULL),
    (5, 'revisit', NULL, 1, replied, CASE WHEN state <> 'replied' THEN COALESCE(closed, replied) END, state = 'lapsed', replied IS NOT NULL),
    (6, 'review', NULL, 1, replied, CASE WHEN state <> 'replied' THEN COALESCE(closed, replied) END, state = 'lapsed', replied IS NOT NULL),
    (7, 'redo', unit_id, 2, accepted + interval '2 days', replied, false, lap > 1 AND accepted IS NOT NULL)
  ) c (n, kind, unit, lap, started, stopped, cancelled, there)
  JOIN bench.rule r ON r.kind = c.kind
  WHERE c.there) x
"""
RULES = """
DROP TABLE IF EXISTS bench.rule;
CREATE TABLE bench.rule AS
SELECT DISTINCT ON (key) substr(key, 7) AS kind, id AS rule, version, (value->>'amount')::int AS amount, value->>'unit' AS measure,
       (value->>'amount')::int * CASE value->>'unit' WHEN 'working_day' THEN interval '34 hours' WHEN 'day' THEN interval '1 day'
         WHEN 'hour' THEN interval '1 hour' ELSE interval '1 minute' END AS span
FROM rulebook_rule WHERE key IN ('clock.dispatch','clock.accept','clock.contact','clock.reply','clock.redo','clock.revisit','clock.review')
  AND area_path IN ('', '37') AND valid_to IS NULL
ORDER BY key, length(area_path) DESC, (applies_to = '{}' OR applies_to ->> 'urgency' = 'normal') DESC, applies_to::text
"""
RUNNING = """
DROP TABLE IF EXISTS bench.due;
CREATE TABLE bench.due AS SELECT DISTINCT ON (request_id) request_id, due_at, kind FROM loop_clock
WHERE outcome = 'running' AND kind <> 'review' ORDER BY request_id, due_at
"""

REQUESTS = """
INSERT INTO loop_request (id, code, kind, title, text, photos, area_id, area_path, spot, category_id, channel, confidentiality,
  urgency, reachable, heard_at, heard_by_id, form_key, source, source_key, state, lap, bounces, unit_id, due_at, due_kind,
  dispatched_at, replied_at, closed_at, contacted, solved, satisfaction, excluded, merged_into_id)
SELECT p.id, p.prefix || '-' || substr(c.body, 1, 4) || '-' || substr(c.body, 5) || bench.letter((31 - c.total %% 31) %% 31),
  p.kind, t.title, p.short_name || (1 + bench.h(p.id, 20) %% 60) || '号楼' || (1 + bench.h(p.id, 21) %% 5) || '单元。' || t.body
    || CASE WHEN bench.h(p.id, 22) %% 7 > 0 THEN t2.body ELSE '' END || CASE WHEN bench.h(p.id, 29) %% 5 < 2 THEN t3.body ELSE '' END
    || CASE WHEN p.id %% 20011 = 7 THEN '旁边河沟里有水獭，孩子们围着看。' ELSE '' END,
  '{}', p.area_id, p.path, t.spot, p.category_id, p.channel, CASE WHEN bench.h(p.id, 23) %% 50 = 0 THEN 'protected' ELSE 'open' END,
  p.urgency, p.reachable, p.at, CASE WHEN p.channel IN ('phone', 'counter', 'import') THEN p.dispatcher END,
  CASE WHEN p.channel IN ('web', 'phone') THEN gen_random_uuid() END,
  CASE WHEN p.channel = 'import' THEN 'bench' ELSE '' END, CASE WHEN p.channel = 'import' THEN 'k' || p.id END,
  p.state, p.lap, CASE WHEN p.dispatched IS NOT NULL AND bench.h(p.id, 24) %% 20 = 0 THEN 1 ELSE 0 END, p.unit_id, d.due_at, COALESCE(d.kind, ''),
  p.dispatched, p.replied, p.closed,
  CASE WHEN p.satisfaction IS NOT NULL THEN p.satisfaction > 1 AND bench.h(p.id, 25) %% 20 > 0 END,
  CASE WHEN p.satisfaction IS NULL THEN '' WHEN p.satisfaction >= 4 THEN 'yes' WHEN p.satisfaction = 1 THEN 'no' ELSE 'partly' END,
  p.satisfaction, false, p.merged_into
FROM bench.plan p JOIN bench.text t ON t.id = p.text_id
JOIN bench.text t2 ON t2.id = bench.h(p.id, 26) %% %(texts)s JOIN bench.text t3 ON t3.id = bench.h(p.id, 27) %% %(texts)s
LEFT JOIN bench.due d ON d.request_id = p.id
CROSS JOIN LATERAL (SELECT (p.id * 387420489 + 12345) %% 887503681 AS n) k
CROSS JOIN LATERAL (SELECT bench.letter(bench.digit(n, 5)) || bench.letter(bench.digit(n, 4)) || bench.letter(bench.digit(n, 3))
    || bench.letter(bench.digit(n, 2)) || bench.letter(bench.digit(n, 1)) || bench.letter(bench.digit(n, 0)) AS body,
  p.prefix_sum + 2 * bench.digit(n, 0) + 3 * bench.digit(n, 1) + 4 * bench.digit(n, 2) + 5 * bench.digit(n, 3)
    + 6 * bench.digit(n, 4) + 7 * bench.digit(n, 5) AS total) c
ORDER BY p.id
"""

VOICES = """
INSERT INTO loop_voice (id, request_id, user_id, record_id, channel, reach, said_at, link_nonce, link_until)
SELECT id, id, NULL, CASE WHEN reachable THEN id END, channel, (ARRAY['', '', 'morning', 'afternoon', 'evening'])[1 + bench.h(id, 30) %% 5],
       at, 0, at + interval '800 days'
FROM bench.plan ORDER BY id
"""

# One in twenty came back once before it found its unit; one in ten has an assisting unit.
DISPATCHES = """
INSERT INTO loop_dispatch (id, request_id, area_path, unit_id, role, state, duty_row_id, push_down_rule, forced, decision,
  offered_at, offered_by_id, accepted_at, accepted_by_id, return_code, return_reason, legal_basis, ended_at)
SELECT * FROM (
SELECT p.id * 3, p.id, p.path, COALESCE(s.unit_id, k.fallback), 'lead', 'returned', NULL::bigint, '', false, '', p.at, p.dispatcher, NULL::timestamptz,
       NULL::bigint, 'not_ours', '经核实，该事项不属于本单位职责范围。', '派单目录', p.dispatched
FROM bench.plan p JOIN bench.county k ON k.path = p.county LEFT JOIN bench.street s ON s.path = left(p.path, 9)
WHERE p.dispatched IS NOT NULL AND bench.h(p.id, 24) %% 20 = 0
UNION ALL
SELECT p.id * 3 + 1, p.id, p.path, p.unit_id, 'lead',
       CASE p.state WHEN 'dispatched' THEN 'offered' WHEN 'handling' THEN 'accepted' WHEN 'withdrawn' THEN 'withdrawn' ELSE 'done' END,
       p.row_id, '', false, '', p.dispatched, p.dispatcher, p.accepted, CASE WHEN p.accepted IS NOT NULL THEN o.officer END, '', '', '',
       COALESCE(p.replied, p.closed)
FROM bench.plan p LEFT JOIN bench.people o ON o.unit_id = p.unit_id WHERE p.dispatched IS NOT NULL
UNION ALL
SELECT p.id * 3 + 2, p.id, p.path, k.fallback, 'assist', CASE WHEN p.replied IS NOT NULL THEN 'done' WHEN p.state = 'withdrawn' THEN 'withdrawn' ELSE 'accepted' END,
       NULL, '', false, '', p.dispatched, p.dispatcher, p.dispatched, o.officer, '', '', '', COALESCE(p.replied, p.closed)
FROM bench.plan p JOIN bench.county k ON k.path = p.county LEFT JOIN bench.people o ON o.unit_id = k.fallback
WHERE p.dispatched IS NOT NULL AND k.fallback <> p.unit_id AND bench.h(p.id, 31) %% 10 = 0) d ORDER BY 1
"""

HANDLINGS = """
INSERT INTO loop_handling (id, request_id, unit_id, area_path, kind, lap, text, photos, papers, state, written_by_id, written_at,
  reviewed_by_id, sent_at)
SELECT p.id, p.id, p.unit_id, p.path, 'reply', p.lap, p.short_name || '：' || r.words, '{}', '{}',
       CASE WHEN p.replied IS NOT NULL THEN 'sent' ELSE 'in_review' END, o.officer, COALESCE(p.replied, %(now)s - interval '3 hours'),
       CASE WHEN p.replied IS NOT NULL AND bench.h(p.id, 32) %% 4 = 0 THEN o.lead END, p.replied
FROM bench.plan p JOIN bench.reply r ON r.id = bench.h(p.id, 33) %% %(replies)s JOIN bench.people o ON o.unit_id = p.unit_id
WHERE p.replied IS NOT NULL OR p.state = 'handling' AND bench.h(p.id, 34) %% 10 = 0
ORDER BY p.id
"""

REMARKS = """
INSERT INTO loop_remark (id, request_id, kind, at, unit_id, by_id, voice_id, way, reached, text, photos)
SELECT p.id * 2, p.id, 'contact', p.accepted, p.unit_id, o.officer, NULL, 'phone', true, c.words, '{}'::uuid[]
FROM bench.plan p JOIN bench.contact c ON c.id = bench.h(p.id, 35) %% %(replies)s JOIN bench.people o ON o.unit_id = p.unit_id
WHERE p.reachable AND p.accepted IS NOT NULL AND (bench.h(p.id, 14) %% 10 < 7 OR p.replied IS NOT NULL)
UNION ALL
SELECT p.id * 2 + 1, p.id, 'answer', p.at + interval '3 minutes', NULL, NULL, p.id, '', NULL, '补充一句：' || t.title, '{}'::uuid[]
FROM bench.plan p JOIN bench.text t ON t.id = p.text_id WHERE bench.h(p.id, 36) %% 12 = 0
"""

REVIEWS = """
INSERT INTO loop_review (id, request_id, voice_id, lap, at, source, reached, contacted, solved, satisfaction, words, by_id)
SELECT p.id, p.id, p.id, p.lap, COALESCE(p.closed, p.replied), CASE WHEN bench.h(p.id, 37) %% 2 = 0 THEN 'link' ELSE 'revisit' END, true,
       p.satisfaction > 1 AND bench.h(p.id, 25) %% 20 > 0,
       CASE WHEN p.satisfaction >= 4 THEN 'yes' WHEN p.satisfaction = 1 THEN 'no' ELSE 'partly' END, p.satisfaction,
       CASE WHEN bench.h(p.id, 38) %% 3 = 0 THEN v.words ELSE '' END, CASE WHEN bench.h(p.id, 37) %% 2 = 1 THEN p.revisitor END
FROM bench.plan p JOIN (SELECT level, min(words) AS words FROM bench.verdict GROUP BY level) v ON v.level = p.satisfaction
"""

# The timeline as the steps write it: heard, dispatched, taken on, contacted, answered, judged or lapsed.
EVENTS = """
INSERT INTO core_event (id, at, recorded_at, step, user_id, org_id, subject_type, subject_id, object_type, object_id, area_path,
  before, after, rules, data, public)
SELECT p.id * 8 + e.n, e.at, e.at, e.step, e.who, e.org, 'loop.request', p.id, e.about, e.about_id, p.path, e.before, e.after, e.rules, e.data, true
FROM bench.plan p LEFT JOIN bench.people o ON o.unit_id = p.unit_id LEFT JOIN orgs_organisation u ON u.id = p.unit_id
CROSS JOIN (SELECT jsonb_object_agg(kind, jsonb_build_array('clock.' || kind, version, rule)) AS r FROM bench.rule) k
CROSS JOIN LATERAL (VALUES
  (1, p.at, 'request.hear', CASE WHEN p.channel IN ('phone', 'counter', 'import') THEN p.dispatcher END, NULL::bigint, 'loop.request', p.id, '', 'heard',
    jsonb_build_array(k.r->'dispatch'), jsonb_build_object('kind', p.kind, 'channel', p.channel, 'photos', 0), true),
  (2, p.dispatched, 'request.dispatch', p.dispatcher, NULL, 'loop.dispatch', p.id * 3 + 1, 'heard', 'dispatched',
    jsonb_build_array(k.r->'accept', k.r->'reply'),
    jsonb_build_object('reason', '', 'unit', p.unit_id, 'unit_name', u.name, 'assists', '[]'::jsonb, 'row', p.row_id), p.dispatched IS NOT NULL),
  (3, p.accepted, 'dispatch.accept', o.officer, p.unit_id, 'loop.dispatch', p.id * 3 + 1, 'offered', 'handling', '[]'::jsonb,
    jsonb_build_object('unit', p.unit_id, 'role', 'lead'), p.accepted IS NOT NULL),
  (4, p.accepted, 'request.contact', o.officer, p.unit_id, 'loop.remark', p.id * 2, '', '', '[]'::jsonb,
    jsonb_build_object('way', 'phone', 'reached', true, 'unit', p.unit_id),
    p.reachable AND p.accepted IS NOT NULL AND (bench.h(p.id, 14) %% 10 < 7 OR p.replied IS NOT NULL)),
  (5, p.replied, 'handling.write', o.officer, p.unit_id, 'loop.handling', p.id, 'draft', 'replied', jsonb_build_array(k.r->'revisit', k.r->'review'),
    jsonb_build_object('unit', p.unit_id, 'lap', p.lap), p.replied IS NOT NULL),
  (6, COALESCE(p.closed, p.replied), 'request.judge', NULL, NULL, 'loop.review', p.id, 'replied', 'closed', '[]'::jsonb,
    jsonb_build_object('solved', CASE WHEN p.satisfaction >= 4 THEN 'yes' WHEN p.satisfaction = 1 THEN 'no' ELSE 'partly' END,
      'satisfaction', p.satisfaction, 'source', 'link', 'lap', p.lap), p.satisfaction IS NOT NULL),
  (7, p.closed, CASE p.state WHEN 'lapsed' THEN 'request.lapse' WHEN 'declined' THEN 'request.decline' ELSE 'request.withdraw' END,
    CASE WHEN p.state = 'declined' THEN p.dispatcher END, NULL, 'loop.request', p.id, 'replied', p.state, '[]'::jsonb,
    CASE WHEN p.state = 'declined' THEN jsonb_build_object('reason', '不属于受理范围', 'legal_basis', '派单目录', 'route', '请向有权机关提出') ELSE '{}' END,
    p.state IN ('lapsed', 'declined', 'withdrawn'))
) e (n, at, step, who, org, about, about_id, before, after, rules, data, there)
WHERE e.there
"""

# What search reads (heli/loop/search): the triggers keep it from then on.
WORDS = """
INSERT INTO loop_requestwords (request_id, area_path, body)
SELECT id, area_path, heli_folded(title || E'\\n' || text) FROM loop_request ORDER BY id
"""

TABLES = {
    "loop_requestwords": WORDS, "loop_clock": CLOCKS, "loop_request": REQUESTS, "loop_voice": VOICES, "loop_dispatch": DISPATCHES,
    "loop_handling": HANDLINGS, "loop_remark": REMARKS, "loop_review": REVIEWS, "core_event": EVENTS,
}  # fmt: skip
