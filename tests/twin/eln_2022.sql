-- A second reading of the ELN 2022 response criteria, written apart from the package and in
-- another language, so that a mistake has to be made twice before it goes unseen.
--
--   speaks version 2 of the project's clinical model
--   in    variable `source`: FHIR R4 NDJSON, one resource a line, any order
--   out   patient, category, response_date
--
-- Subset. One course per patient; the site's zone is UTC; nothing lies after `as_of`.
-- CR, CRh, CRi, MLFS, PR, NR, NE, IND and RELAPSE by marrow, of the course (model 6.1).
-- Read: Condition (AML, APL, lymphoblastic, myeloid sarcoma), Procedure (chemotherapy), and
-- Observation (marrow blasts, cells counted, ANC, platelets, blood blasts, extramedullary
-- disease), by `effectiveDateTime`. Not read: transfusions, growth factors, MRD, derived counts,
-- flow percentages, stated inadequacy, cellularity, refractory disease, relapse by
-- extramedullary disease, anything after a relapse. In a remission the best that was proved in it is
-- kept; blood after the last marrow may make it RELAPSE_SUSPECTED, RELAPSE or IND.
--
-- Where a block comes from. "Table" is the response table of Döhner et al., Blood 2022;140:1345;
-- what it leaves open is settled by the project's own model of time and proof ("model" and its
-- paragraph). Response date: given for CR, CRh, CRi, MLFS, PR (the day it was first proved) and
-- RELAPSE (the day of the marrow, or of the second sample of blood), otherwise null; null too where
-- what cannot be read leaves open which of two days it was.
--
-- A verdict is BOOLEAN and NULL is "unknown": SQL's AND, OR and NOT are the logic of the model.
-- Decimals never pass through a double: DuckDB's JSON reader would round 4.99999999999999999999
-- to 5.0 before any cast, so numbers in `value` are quoted in the text first.

SET TimeZone = 'UTC';
-- Sizes of nested queries are guessed too small, and small ASOF joins are done by a loop: 20 000
-- courses took 33 s with the loop and 2.2 s without (DuckDB 2.0.0, two cores).
SET asof_loop_join_threshold = 0;

-- A value is an interval with open or closed ends (model 1.1); NULL is a value nobody can read.
CREATE OR REPLACE TEMP MACRO interval_of(lo, lo_open, hi, hi_open) AS
    {'lo': lo::DECIMAL(38, 20), 'lo_open': lo_open, 'hi': hi::DECIMAL(38, 20), 'hi_open': hi_open};

CREATE OR REPLACE TEMP MACRO compared(x, comparator, ceiling) AS CASE
    WHEN x IS NULL OR x < 0 OR x > ceiling THEN NULL
    WHEN comparator IS NULL OR comparator = '' THEN interval_of(x, false, x, false)
    WHEN comparator = '<' THEN interval_of(0, false, x, true)
    WHEN comparator = '<=' THEN interval_of(0, false, x, false)
    WHEN comparator = '>' THEN interval_of(x, true, ceiling, false)
    WHEN comparator = '>=' THEN interval_of(x, false, ceiling, false)
END;

-- Percent as text: a number, a comparator and a number, two numbers, or a word for "some".
CREATE OR REPLACE TEMP MACRO percent_in_text(words) AS CASE
    WHEN regexp_full_match(words, '\s*(<=|>=|<|>)?\s*\d+(\.\d+)?\s*%?\s*') THEN compared(
        TRY_CAST(regexp_extract(words, '\d+(\.\d+)?') AS DECIMAL(38, 20)),
        regexp_extract(words, '[<>]=?'), 100)
    WHEN regexp_full_match(words, '\s*\d+(\.\d+)?\s*-\s*\d+(\.\d+)?\s*%?\s*') THEN interval_of(
        regexp_extract(words, '(\d+(\.\d+)?)\s*-', 1), false,
        regexp_extract(words, '-\s*(\d+(\.\d+)?)', 1), false)
    WHEN lower(trim(words)) IN ('rare', 'occasional', 'few') THEN interval_of(0, true, 100, false)
END;

CREATE OR REPLACE TEMP MACRO below(v, threshold) AS CASE
    WHEN v.hi < threshold OR (v.hi = threshold AND v.hi_open) THEN true
    WHEN v.lo >= threshold THEN false
END;
CREATE OR REPLACE TEMP MACRO above(v, threshold) AS CASE
    WHEN v.lo > threshold OR (v.lo = threshold AND v.lo_open) THEN true
    WHEN v.hi <= threshold THEN false
END;

-- Several values where one was expected: the interval that spans them, never the better one
-- (model 1.3); one unreadable value among them leaves nothing to compare.
CREATE OR REPLACE TEMP MACRO spanning(v) AS CASE WHEN count(*) > 0 AND count(*) = count(v) THEN
    interval_of(
        min({'v': v.lo, 'o': v.lo_open}).v, min({'v': v.lo, 'o': v.lo_open}).o,
        max({'v': v.hi, 'closed': NOT v.hi_open}).v, NOT max({'v': v.hi, 'closed': NOT v.hi_open}).closed)
END;

-- True once is true, false throughout is false, otherwise unknown.
CREATE OR REPLACE TEMP MACRO any_of(verdict) AS CASE
    WHEN bool_or(verdict) THEN true
    WHEN count(*) = count(verdict) THEN false
END;

CREATE OR REPLACE TEMP MACRO instant_of(words) AS CASE
    WHEN regexp_full_match(words, '\d{4}-\d{2}-\d{2}') THEN TRY_CAST(words AS TIMESTAMP)
    WHEN regexp_full_match(words, '.*T.*(Z|[+-]\d{2}:\d{2})')
    THEN TRY_CAST(words AS TIMESTAMPTZ) AT TIME ZONE 'UTC'
END;

WITH
-- Resources, latest version of each (model 1.4).
line AS (
    SELECT regexp_replace(json::VARCHAR, '"value":\s*(-?[0-9][-+.eE0-9]*)', '"value":"\1"', 'g') AS words
    FROM read_ndjson_objects(getvariable('source'))
),
resource AS (
    SELECT unnest(from_json(words, '{
        "resourceType": "VARCHAR", "id": "VARCHAR",
        "meta": {"versionId": "VARCHAR", "lastUpdated": "VARCHAR"},
        "status": "VARCHAR", "subject": {"reference": "VARCHAR"},
        "verificationStatus": {"coding": [{"code": "VARCHAR"}]},
        "code": {"coding": [{"system": "VARCHAR", "code": "VARCHAR"}]},
        "effectiveDateTime": "VARCHAR", "performedDateTime": "VARCHAR", "onsetDateTime": "VARCHAR",
        "valueQuantity": {"value": "VARCHAR", "comparator": "VARCHAR", "unit": "VARCHAR",
                          "system": "VARCHAR", "code": "VARCHAR"},
        "valueRange": {"low": {"value": "VARCHAR", "unit": "VARCHAR", "code": "VARCHAR"},
                       "high": {"value": "VARCHAR", "unit": "VARCHAR", "code": "VARCHAR"}},
        "valueString": "VARCHAR",
        "valueCodeableConcept": {"coding": [{"system": "VARCHAR", "code": "VARCHAR"}]}}'))
    FROM line
),
version AS (
    SELECT * REPLACE (subject.reference AS subject)
    FROM resource
    QUALIFY row_number() OVER (
        PARTITION BY resourceType, id
        ORDER BY TRY_CAST(meta.versionId AS INTEGER) DESC NULLS LAST, meta.lastUpdated DESC NULLS LAST) = 1
),
patient AS (
    SELECT DISTINCT CASE resourceType WHEN 'Patient' THEN 'Patient/' || id ELSE subject END AS patient
    FROM version
    WHERE resourceType = 'Patient' OR subject IS NOT NULL
),

-- Codes and units of the subset; `factor` leads to per microlitre or to percent. Both codes for
-- blasts in blood belong to differentials that have a class for blasts: microscopy (model 4.2).
analyte(system, code, analyte) AS (VALUES
    ('http://loinc.org', '11150-0', 'marrow'),
    ('http://loinc.org', '38257-2', 'cells'),
    ('http://loinc.org', '751-8', 'anc'), ('http://loinc.org', '753-4', 'anc'),
    ('http://loinc.org', '26499-4', 'anc'),
    ('http://loinc.org', '777-3', 'platelets'), ('http://loinc.org', '26515-7', 'platelets'),
    ('http://loinc.org', '26446-5', 'blood'), ('http://loinc.org', '709-6', 'blood'),
    ('https://w3id.org/fhir-remission/CodeSystem/input', 'extramedullary-disease', 'extramedullary')
),
unit(kind, unit, factor) AS (VALUES
    ('percent', '%', 1), ('cells', '{#}', 1),
    ('count', '10*9/L', 1000), ('count', '10*3/uL', 1000), ('count', '/uL', 1), ('count', 'K/uL', 1000)
),
result AS (
    SELECT DISTINCT
        v.id, v.subject AS patient, a.analyte, v.status,
        instant_of(v.effectiveDateTime) AS moment,
        length(v.effectiveDateTime) = 10 AS date_only,
        CASE a.analyte WHEN 'cells' THEN 'cells' WHEN 'anc' THEN 'count' WHEN 'platelets' THEN 'count' ELSE 'percent' END AS kind,
        v.valueQuantity AS quantity, v.valueRange AS range, v.valueString AS words,
        list_transform(v.valueCodeableConcept.coding, lambda c: c.code) AS concepts
    FROM version AS v, unnest(v.code.coding) AS c(coding)
    JOIN analyte AS a ON a.system = c.coding.system AND a.code = c.coding.code
    WHERE v.resourceType = 'Observation' AND v.subject IS NOT NULL
        AND v.status IN ('final', 'amended', 'corrected', 'preliminary', 'registered')
),
reading AS (
    SELECT
        r.patient, r.analyte, r.moment, r.date_only, r.moment::DATE AS day, r.concepts,
        r.status IN ('preliminary', 'registered') AS tentative,
        CASE
            WHEN r.quantity.value IS NOT NULL THEN compared(
                TRY_CAST(r.quantity.value AS DECIMAL(38, 20)) * u.factor, r.quantity.comparator,
                CASE r.kind WHEN 'percent' THEN 100 ELSE 1000000000 END)
            WHEN r.range.low.value IS NOT NULL AND r.range.high.value IS NOT NULL THEN interval_of(
                TRY_CAST(r.range.low.value AS DECIMAL(38, 20)) * u.factor, false,
                TRY_CAST(r.range.high.value AS DECIMAL(38, 20)) * u.factor, false)
            WHEN r.kind = 'percent' AND r.words IS NOT NULL THEN percent_in_text(r.words)
        END AS v
    FROM result AS r
    LEFT JOIN unit AS u ON u.kind = r.kind
        AND u.unit = coalesce(r.quantity.code, r.quantity.unit, r.range.low.code, r.range.low.unit)
    WHERE r.moment IS NOT NULL
),
-- A result that is not final supports nothing; disease seen in it blocks as "unknown" (model 1.4).
counted AS (
    SELECT * REPLACE (CASE WHEN NOT tentative THEN v END AS v)
    FROM reading
    WHERE NOT tentative
        OR (analyte = 'marrow' AND NOT below(v, 5))
        OR (analyte = 'blood' AND above(v, 0))
),

-- Diagnosis (model 3.1). The digit for "in remission" is a claim: it proves none, but from its day
-- on "no remission so far" is unknown (model 3.6). A refuted AML is none, but somebody looked: blasts
-- no longer stand for it (model 4.1, only what was never reported is assumed).
diagnosis AS (
    SELECT
        v.subject AS patient, instant_of(v.onsetDateTime)::DATE AS day,
        CASE
            WHEN regexp_matches(c.coding.code, '^C92\.4') THEN 'apl'
            WHEN regexp_matches(c.coding.code, '^(C92\.[056A]|C93\.0|C94\.[02])') THEN 'aml'
            WHEN regexp_matches(c.coding.code, '^C91\.0') THEN 'other'
            WHEN c.coding.code IN ('C92.30', 'C92.32') THEN 'sarcoma'
        END AS disease,
        regexp_matches(c.coding.code, '^C9[234]\..1') AS claims_remission,
        coalesce(v.verificationStatus.coding[1].code, 'confirmed') AS verification
    FROM version AS v, unnest(v.code.coding) AS c(coding)
    WHERE v.resourceType = 'Condition' AND c.coding.system = 'http://hl7.org/fhir/sid/icd-10-cm'
        AND coalesce(v.verificationStatus.coding[1].code, 'confirmed') IN ('confirmed', 'provisional', 'unconfirmed', 'refuted')
),
diagnosed AS (
    SELECT
        patient,
        bool_or(disease = 'apl' AND verification = 'confirmed') AS apl,
        bool_or(disease = 'aml' AND verification = 'confirmed') AS aml,
        bool_or(disease = 'aml' AND verification <> 'confirmed') AS maybe_aml,
        bool_or(disease = 'other' AND verification = 'confirmed') AS other,
        min(day) FILTER (disease = 'aml' AND verification = 'confirmed') AS day,
        min(day) FILTER (claims_remission AND verification <> 'refuted') AS claimed_on
    FROM diagnosis
    GROUP BY patient
),

-- Starts of therapy (model 3.4): days less than 14 apart are one cycle, named by its first day.
cycle AS (
    SELECT subject AS patient, day
    FROM (
        SELECT DISTINCT v.subject, instant_of(v.performedDateTime)::DATE AS day
        FROM version AS v, unnest(v.code.coding) AS c(coding)
        WHERE v.resourceType = 'Procedure' AND v.status IN ('completed', 'in-progress', 'stopped')
            AND c.coding.system = 'http://snomed.info/sct' AND c.coding.code = '367336001'
            AND instant_of(v.performedDateTime) IS NOT NULL
    )
    QUALIFY coalesce(day - lag(day) OVER (PARTITION BY subject ORDER BY day) >= 14, true)
),

-- A marrow is one identical effective time (model 2.1); cells counted there speak of its adequacy,
-- the remark on aspirates in the MLFS row of the table.
cells AS (
    SELECT patient, moment, date_only, spanning(v) AS v
    FROM counted WHERE analyte = 'cells' GROUP BY patient, moment, date_only
),
sample AS (
    SELECT patient, moment, date_only, day, spanning(v) AS v
    FROM counted WHERE analyte = 'marrow' GROUP BY patient, moment, date_only, day
),
-- The course opens with the diagnosis, or with a marrow of 20 % or more, or of 5 % or more in the
-- 90 days before the diagnosis (model 3.3).
course AS (
    SELECT
        p.patient, any_value(d.day) AS diagnosed_on,
        coalesce(any_value(d.apl), false) AS apl, coalesce(any_value(d.aml), false) AS aml,
        coalesce(any_value(d.maybe_aml), false) AS maybe_aml, coalesce(any_value(d.other), false) AS other,
        coalesce(bool_or(NOT below(s.v, 20)), false) AS blasts_of_aml,
        any_value(d.claimed_on) AS claimed_on, count(s.day) > 0 AS marrows,
        least(any_value(d.day), min(s.day) FILTER (NOT below(s.v, 20)),
              min(s.day) FILTER (NOT below(s.v, 5) AND s.day BETWEEN d.day - 90 AND d.day)) AS opened_on,
        min(s.day) FILTER (NOT below(s.v, 5)) AS first_blasts_on, min(s.day) AS first_marrow_on,
        (SELECT min(day) FROM cycle AS c WHERE c.patient = p.patient) AS treated_on
    FROM patient AS p
    LEFT JOIN diagnosed AS d ON d.patient = p.patient
    LEFT JOIN sample AS s ON s.patient = p.patient
    GROUP BY p.patient
),
-- What every decrease is measured against: the latest readable marrow up to the day of the first
-- start; without a start, the first marrow with blasts and those of the 14 days after it.
baseline AS (
    SELECT c.patient, max_by(s.v, s.moment) AS v
    FROM course AS c
    JOIN sample AS s ON s.patient = c.patient AND s.v IS NOT NULL AND s.day >= c.opened_on
    WHERE s.day <= coalesce(c.treated_on, c.first_blasts_on + 14)
    GROUP BY c.patient
),

-- Extramedullary disease by day (model 4.3); what was said before the course is history.
statement AS (
    SELECT patient, day, bool_or(present) AS present
    FROM (
        SELECT patient, day, list_contains(concepts, '52101004') AS present
        FROM counted
        WHERE analyte = 'extramedullary' AND list_has_any(concepts, ['52101004', '2667000'])
        UNION ALL
        SELECT patient, day, true FROM diagnosis WHERE disease = 'sarcoma' AND verification = 'confirmed'
    ) JOIN course USING (patient)
    WHERE day >= opened_on
    GROUP BY patient, day
),
first_sign AS (
    SELECT patient, min(day) AS day
    FROM (
        SELECT patient, day FROM sample WHERE NOT below(v, 5)
        UNION ALL
        SELECT patient, day FROM counted WHERE analyte = 'blood' AND above(v, 0)
        UNION ALL
        SELECT patient, day FROM statement WHERE present
        UNION ALL
        SELECT patient, day FROM cycle
    )
    GROUP BY patient
),

-- Draws (model 2.1): one effective time; a count missing there is joined from the nearest time
-- within 24 hours, the earlier of two equally near.
bare AS (
    SELECT DISTINCT patient, moment, day, date_only
    FROM counted
    WHERE analyte IN ('anc', 'platelets', 'blood')
),
smear AS (
    SELECT patient, moment, date_only, spanning(v) AS v
    FROM counted WHERE analyte = 'blood' GROUP BY patient, moment, date_only
),
anc AS (SELECT patient, moment, spanning(v) AS v FROM counted WHERE analyte = 'anc' GROUP BY patient, moment),
platelets AS (SELECT patient, moment, spanning(v) AS v FROM counted WHERE analyte = 'platelets' GROUP BY patient, moment),
draw AS (
    SELECT
        b.*, s.v AS blood, s.patient IS NOT NULL AS smeared,
        CASE WHEN anc_a.moment IS NULL OR b.moment - anc_a.moment > INTERVAL 24 HOUR THEN
                  CASE WHEN anc_z.moment - b.moment <= INTERVAL 24 HOUR THEN anc_z END
             WHEN anc_z.moment - b.moment < b.moment - anc_a.moment THEN anc_z
             ELSE anc_a END AS anc,
        CASE WHEN plt_a.moment IS NULL OR b.moment - plt_a.moment > INTERVAL 24 HOUR THEN
                  CASE WHEN plt_z.moment - b.moment <= INTERVAL 24 HOUR THEN plt_z END
             WHEN plt_z.moment - b.moment < b.moment - plt_a.moment THEN plt_z
             ELSE plt_a END AS platelets
    FROM bare AS b
    LEFT JOIN smear AS s
        ON s.patient = b.patient AND s.moment = b.moment AND s.date_only = b.date_only
    ASOF LEFT JOIN anc AS anc_a ON anc_a.patient = b.patient AND anc_a.moment <= b.moment
    ASOF LEFT JOIN anc AS anc_z ON anc_z.patient = b.patient AND anc_z.moment >= b.moment
    ASOF LEFT JOIN platelets AS plt_a ON plt_a.patient = b.patient AND plt_a.moment <= b.moment
    ASOF LEFT JOIN platelets AS plt_z ON plt_z.patient = b.patient AND plt_z.moment >= b.moment
),

-- Marrows with what surrounds them. Early: before day 21 of a cycle whose first day is day 1 (model 2.7).
-- Evaluation: leukaemia or a start is on record before it, or a diagnosis 21 days old (model 3.2),
-- and it is not itself the first marrow of a course without a known start.
neighbour AS (
    SELECT
        s.patient, s.moment, s.date_only, s.day, s.v, b.v AS before_therapy, c.opened_on,
        coalesce(c.claimed_on <= s.day, false) AS claimed,
        lead(s.moment) OVER later AS next_moment, lead(s.day) OVER later AS next_day,
        coalesce(s.day - before.day < 20, false) AS early, before.day AS last_cycle,
        after.day AS next_cycle, lesion.day AS next_lesion,
        (coalesce(f.day < s.day, false) OR coalesce(s.day - c.diagnosed_on >= 21 AND c.treated_on IS NULL, false))
            AND NOT coalesce(c.treated_on IS NULL AND s.day = c.first_blasts_on
                             AND s.day = c.first_marrow_on, false) AS evaluation,
        below(s.v, 5) AS cleared,
        k.moment IS NOT NULL AS adequacy_told,
        CASE WHEN k.moment IS NULL THEN true ELSE NOT below(k.v, 200) END AS adequate
    FROM sample AS s
    JOIN course AS c ON c.patient = s.patient
    LEFT JOIN baseline AS b ON b.patient = s.patient
    LEFT JOIN first_sign AS f ON f.patient = s.patient
    LEFT JOIN cells AS k ON k.patient = s.patient AND k.moment = s.moment AND k.date_only = s.date_only
    ASOF LEFT JOIN cycle AS before ON before.patient = s.patient AND before.day < s.day
    ASOF LEFT JOIN cycle AS after ON after.patient = s.patient AND after.day >= s.day
    ASOF LEFT JOIN (FROM statement WHERE present) AS lesion ON lesion.patient = s.patient AND lesion.day > s.day
    WINDOW later AS (PARTITION BY s.patient ORDER BY s.moment)
),
-- Of two marrows less than 14 days apart, no start between, that disagree across 5 %, the later
-- decides; also where the later decides nothing (model 2.6). One of too few cells proves no "below
-- 5 %" (model 4.5), so it takes no disease back.
marrow AS (
    SELECT
        m.*,
        EXISTS (
            FROM neighbour AS n
            WHERE n.patient = m.patient AND n.moment > m.moment AND n.day - m.day < 14
                AND coalesce(m.next_cycle >= n.day, true)
                AND ((coalesce(n.cleared, true) AND m.cleared = false AND coalesce(n.adequate, true))
                     OR (n.cleared IS NULL AND m.cleared IS DISTINCT FROM false)
                     OR (NOT n.cleared AND m.cleared IS DISTINCT FROM false))
        ) AS contradicted
    FROM neighbour AS m
),

-- The window (model 2.3): three days before to fourteen after, cut by the next marrow, the next
-- start, and a new lesion. A marrow with no draw in it keeps one line with no counts.
seen AS (
    SELECT
        m.patient, m.moment AS marrow_moment, m.day AS marrow_day, d.moment, d.day, d.anc, d.platelets,
        greatest(m.day, coalesce(d.day, m.day)) AS proved_on, coalesce(d.smeared, false) AS smeared,
        d.smeared AND coalesce(d.blood.hi = 0, false) AS clear,
        max(CASE WHEN above(d.blood, 0) THEN d.moment END) OVER whole AS last_blasts,
        min(CASE WHEN above(d.blood, 0) AND d.day >= m.day THEN d.moment END) OVER whole AS first_blasts,
        min(CASE WHEN d.smeared AND above(d.blood, 0) IS NULL AND d.day >= m.day THEN d.moment END) OVER whole AS first_doubt,
        max(CASE WHEN d.smeared AND above(d.blood, 0) IS NULL THEN d.moment END) OVER whole AS last_doubt,
        max(CASE WHEN d.smeared AND d.blood.hi = 0 THEN d.moment END) OVER so_far AS last_clear,
        max(CASE WHEN d.smeared AND above(d.blood, 0) IS NOT TRUE THEN d.moment END) OVER so_far AS last_chance
    FROM marrow AS m
    LEFT JOIN draw AS d ON d.patient = m.patient
        AND d.day BETWEEN m.day - 3 AND m.day + 14
        AND (m.next_moment IS NULL OR d.day < m.next_day
             OR (d.day = m.next_day AND NOT d.date_only AND d.moment < m.next_moment))
        AND (m.next_cycle IS NULL OR d.day <= m.next_cycle)
        AND (m.next_lesion IS NULL OR d.day < m.next_lesion)
    WINDOW whole AS (PARTITION BY m.patient, m.moment),
           so_far AS (PARTITION BY m.patient, m.moment ORDER BY d.moment)
),
-- A draw before the marrow stands only while no later one, up to the marrow's day, is lower:
-- provably lower removes it, possibly lower leaves it unknown. A count nobody can read is either
-- above the later one, then the draw falls, or not, then it adds nothing: it falls either way.
standing AS (
    SELECT s.*, CASE WHEN fall.possible THEN NULL ELSE true END AS stands
    FROM seen AS s
    LEFT JOIN (
        SELECT
            s.patient, s.marrow_moment, s.moment,
            bool_or(coalesce(e.anc.v.hi < s.anc.v.lo, false)
                    OR coalesce(e.platelets.v.hi < s.platelets.v.lo, false)
                    OR (s.anc IS NOT NULL AND s.anc.v IS NULL AND e.anc.v IS NOT NULL)
                    OR (s.platelets IS NOT NULL AND s.platelets.v IS NULL AND e.platelets.v IS NOT NULL)) AS certain,
            bool_or((e.anc IS NOT NULL AND NOT coalesce(e.anc.v.lo >= s.anc.v.hi, false))
                    OR (e.platelets IS NOT NULL AND NOT coalesce(e.platelets.v.lo >= s.platelets.v.hi, false))) AS possible
        FROM seen AS s
        JOIN draw AS e ON e.patient = s.patient AND e.moment > s.moment AND e.day <= s.marrow_day
        WHERE s.day < s.marrow_day
        GROUP BY s.patient, s.marrow_moment, s.moment
    ) AS fall ON fall.patient = s.patient AND fall.marrow_moment = s.marrow_moment AND fall.moment = s.moment
    WHERE NOT coalesce(fall.certain, false)
),
-- Criteria of one draw. Blood: blasts anywhere in the window need a later "none", and from then on
-- only a reported "none" will do; a smear that may be "none" makes it unknown; never reported at
-- all is assumed (model 2.5, 4.1, 4.2). A draw from the marrow's day on that reports none itself,
-- before any blasts after the marrow, stands whatever comes later (model 2.5).
-- Extramedullary: present for 28 days after it was last said, then unknown (model 4.3).
criterion AS (
    SELECT
        s.patient, s.marrow_moment, s.moment, s.proved_on, s.stands, s.smeared,
        s.anc.v IS NOT NULL OR s.platelets.v IS NOT NULL AS readable, e.patient IS NOT NULL AS stated,
        NOT below(s.anc.v, 1000) AS anc_full, NOT below(s.anc.v, 500) AS anc_half,
        NOT below(s.platelets.v, 100000) AS platelets_full, NOT below(s.platelets.v, 50000) AS platelets_half,
        CASE
            WHEN s.clear AND may_stand AND coalesce(s.first_doubt > s.moment, true) THEN true
            WHEN s.last_blasts > s.moment AND s.smeared AND may_stand THEN NULL
            WHEN s.last_blasts IS NOT NULL AND coalesce(s.last_chance <= s.last_blasts, true) THEN false
            WHEN s.last_doubt IS NOT NULL AND coalesce(s.last_clear <= s.last_doubt, true) THEN NULL
            WHEN coalesce(s.last_blasts, s.last_doubt) IS NULL OR s.clear THEN true
        END AS no_blood_blasts,
        CASE
            WHEN e.patient IS NULL OR NOT e.present THEN true
            WHEN s.proved_on - e.day <= 28 THEN false
        END AS no_extramedullary
    FROM (SELECT *, day >= marrow_day AND coalesce(first_blasts > moment, true) AS may_stand FROM standing) AS s
    ASOF LEFT JOIN statement AS e ON e.patient = s.patient AND e.day <= s.proved_on
),
-- Table, row by row, each as "at least this": whatever the counts are, they give CR, CRh or CRi,
-- so one that can be read proves the lowest of them (model 0 and 8, T25, T26). An early marrow proves MLFS at most. A marrow short of cells proves CR only.
-- `assumed` ranks what a claim rests on: 0 nothing assumed, 1 no extramedullary disease, 2 no blood
-- blasts without any differential, or adequacy never told (with counts of CR it is not needed).
claim AS (
    SELECT
        m.patient, m.moment, c.proved_on, greatest(m.moment, c.moment) AS proved_at,
        clean AND m.cleared AS base,
        base AND NOT m.early AND full_counts AS cr,
        base AND NOT m.early AND m.adequate AND anc_half AND platelets_half AS crh,
        base AND NOT m.early AND m.adequate AND CASE WHEN c.readable THEN true END AS cri,
        base AND m.adequate AS mlfs,
        clean AND NOT m.cleared AND NOT m.early AND full_counts AND NOT above(m.v, 25)
            AND CASE WHEN m.v.hi * 2 <= m.before_therapy.lo THEN true
                     WHEN m.v.lo * 2 > m.before_therapy.hi THEN false END AS pr,
        CASE WHEN NOT c.smeared THEN 2 WHEN NOT c.stated THEN 1 ELSE 0 END AS assumed,
        CASE WHEN m.adequacy_told OR coalesce(full_counts, false) THEN assumed ELSE 2 END AS assumed_lower,
        no_blood_blasts, c.readable,
        -- What this draw may have proved, and on its day (model 0).
        base IS NOT FALSE AND NOT m.early AND c.readable AS chance,
        chance AND cr IS NULL AND full_counts IS DISTINCT FROM false AS may_cr,
        chance AND crh IS NULL AND full_counts IS DISTINCT FROM true AND anc_half IS DISTINCT FROM false
            AND platelets_half IS DISTINCT FROM false AS may_crh,
        chance AND cri IS NULL AND NOT coalesce(anc_half AND platelets_half, false) AS may_cri,
        chance AND m.cleared IS NULL AND coalesce(full_counts, false) AS then_cr,
        chance AND m.cleared IS NULL AND coalesce(anc_half AND platelets_half, false) AS then_crh,
        -- What it would prove, were its blood, its lesions and its fall not in doubt: its counts are
        -- known. Of one window these doubts are one doubt.
        pr IS NULL AND NOT m.cleared AND NOT m.early AND clean IS NULL AND coalesce(full_counts, false)
            AND coalesce(NOT above(m.v, 25) AND m.v.hi * 2 <= m.before_therapy.lo, false) AS but_pr
    FROM marrow AS m
    JOIN criterion AS c ON c.patient = m.patient AND c.marrow_moment = m.moment,
    LATERAL (SELECT c.no_blood_blasts AND c.no_extramedullary AND c.stands AS clean,
                    c.anc_full AND c.platelets_full AS full_counts)
),
-- Of the draws of a window, the best that one of them proves, on the fewest assumptions, and of
-- those the earliest (model 2.4, 7).
best AS (
    SELECT
        patient, moment,
        any_of(cr) AS cr, any_of(crh) AS crh, any_of(cri) AS cri, any_of(mlfs) AS mlfs, any_of(pr) AS pr,
        coalesce(bool_or(readable), false) AS counted,
        any_of(base) AS base, any_of(cr AND readable) AS cr_counted, bool_and(no_blood_blasts = false) AS blood_blasts,
        bool_or(may_cr) AS may_cr, bool_or(may_crh) AND NOT bool_or(then_cr) AS may_crh,
        bool_or(may_cri) AND NOT bool_or(then_crh) AS may_cri,
        -- Earlier it is only where it would rest on no more than what is sure.
        CASE WHEN coalesce(min({'assumed': assumed, 'day': proved_on}) FILTER (but_pr) < min({'assumed': assumed, 'day': proved_on}) FILTER (pr), true)
             THEN min({'assumed': assumed, 'day': proved_on}) FILTER (but_pr).day END AS may_pr_on,
        min(proved_at) FILTER (cr OR crh OR cri) AS opened_at,
        min(proved_at) FILTER (base IS NOT FALSE) AS may_open_at,
        min({'assumed': assumed, 'day': proved_on}) FILTER (cr).day AS cr_on,
        min({'assumed': assumed_lower, 'day': proved_on}) FILTER (crh).day AS crh_on,
        min({'assumed': assumed_lower, 'day': proved_on}) FILTER (cri).day AS cri_on,
        min({'assumed': assumed_lower, 'day': proved_on}) FILTER (mlfs).day AS mlfs_on,
        min({'assumed': assumed, 'day': proved_on}) FILTER (pr).day AS pr_on
    FROM claim
    GROUP BY patient, moment
),
-- Remission is CR, CRh or CRi of a marrow that stands; a marrow that may have been one makes
-- "no remission so far" unknown for those after it (model 3.6, 7).
remitted AS (
    SELECT m.*, b.* EXCLUDE (patient, moment),
        -- Where somebody told of a remission, blasts may be its relapse, which few cells end not.
        CASE WHEN NOT (m.claimed AND m.adequate IS NOT TRUE AND EXISTS (
            FROM marrow AS e
            WHERE e.patient = m.patient AND e.moment < m.moment AND e.evaluation AND NOT e.cleared
                AND NOT e.contradicted AND coalesce(m.last_cycle < e.day, true)))
            THEN m.evaluation AND NOT m.contradicted AND (b.cr OR b.crh OR b.cri) END AS remission
    FROM marrow AS m JOIN best AS b USING (patient, moment)
),
history AS (
    SELECT *, CASE WHEN proved OR NOT claimed THEN proved END AS prior
    FROM (
        SELECT *,
            CASE WHEN bool_or(remission) OVER past THEN true
                 WHEN count(*) OVER past = count(remission) OVER past THEN false END AS proved
        FROM remitted
        WINDOW past AS (PARTITION BY patient ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
),
-- One answer per marrow. Relapse comes before every row for 5 % and more; PR is not tested after
-- a remission; no listed row met is "no response"; what cannot be decided is IND, never NR.
answer AS (
    SELECT
        *,
        CASE
            WHEN NOT evaluation THEN CASE WHEN claimed THEN 'IND' ELSE 'NE' END
            WHEN cleared THEN CASE
                WHEN cr THEN 'CR' WHEN crh THEN 'CRh' WHEN cri THEN 'CRi' WHEN mlfs THEN 'MLFS'
                -- Too early for a response, not for the relapse rules (model 2.7).
                WHEN early AND NOT mlfs AND blood_blasts AND prior IS NULL THEN 'IND'
                WHEN early AND NOT mlfs AND blood_blasts AND prior THEN 'RELAPSE_SUSPECTED'
                WHEN early AND NOT mlfs THEN 'NE'
                WHEN NOT adequate AND base AND NOT cr_counted THEN 'NE'
                WHEN NOT adequate AND base AND cr_counted IS NULL THEN 'NE or CR'
                WHEN NOT adequate AND base IS NULL AND NOT cr_counted THEN 'NE or NR'
                WHEN NOT adequate AND base IS NULL THEN 'IND'
                WHEN base AND adequate IS NULL AND (early OR NOT counted) THEN 'NE or MLFS'
                WHEN base AND adequate IS NULL THEN 'NE or CR'
                WHEN cr IS NULL OR crh IS NULL OR cri IS NULL OR mlfs IS NULL THEN 'IND'
                WHEN prior IS NULL THEN 'IND'
                WHEN prior AND blood_blasts THEN 'RELAPSE_SUSPECTED'
                ELSE 'NR' END
            WHEN prior AND NOT cleared THEN 'RELAPSE'
            WHEN prior OR prior IS NULL THEN 'IND'
            WHEN early AND (NOT cleared OR NOT mlfs) THEN 'NE'
            WHEN NOT cleared THEN CASE WHEN pr THEN 'PR' WHEN pr IS NULL THEN 'IND' ELSE 'NR' END
            WHEN NOT coalesce(adequate, true) AND base IS NULL AND NOT cr_counted AND NOT pr THEN 'NE or NR'
            WHEN NOT coalesce(adequate, true) AND base IS NULL THEN 'IND'
            WHEN early OR cr IS NULL OR crh IS NULL OR cri IS NULL OR mlfs IS NULL OR pr IS NULL THEN 'IND'
            ELSE 'NR'
        END AS category
    FROM history
),
-- A marrow that says nothing leaves the answer before it. Where it may say something as well, all
-- ways may still share one answer, or lie within CR to MLFS, of which the lowest is said (model 0).
-- A marrow without blasts speaks against a PR of the days before it, also where it is not good
-- enough to say what stands instead (model 2.6). Until therapy after a relapse is known, one of too
-- few cells takes it not back either, whatever the counts (model 3.7, 6.1).
shared AS (
    SELECT * REPLACE (
        CASE WHEN category = 'PR' AND contradicted AND follows = 'NE' THEN 'NE'
             WHEN poor THEN CASE WHEN stood['category'] = 'RELAPSE' AND NOT adequate THEN 'NE' ELSE 'IND' END
             WHEN category NOT LIKE 'NE or %' THEN category
             WHEN category = 'NE or NR' AND previous = 'NR' THEN 'NE'
             WHEN category = 'NE or CR' AND previous = 'MLFS' THEN 'NE'
             WHEN category = 'NE or MLFS' AND previous = 'MLFS' THEN 'MLFS'
             ELSE 'IND' END AS category),
        category = 'NE or MLFS' AS either_day
    FROM (
        SELECT *, lead(category) OVER path AS follows,
            last_value(CASE WHEN category NOT LIKE 'NE%' THEN category END IGNORE NULLS) OVER so_far AS previous,
            last_value(CASE WHEN category NOT LIKE 'NE%' THEN {'day': day, 'category':
                CASE WHEN category = 'IND' AND NOT cleared AND prior IS NULL THEN 'perhaps' ELSE category END
                } END IGNORE NULLS) OVER so_far AS stood,
            cleared AND cr AND adequate IS NOT TRUE AND coalesce(last_cycle < stood['day'], true)
                AND stood['category'] IN ('RELAPSE', 'perhaps') AS poor
        FROM answer
        WINDOW path AS (PARTITION BY patient ORDER BY moment),
               so_far AS (PARTITION BY patient ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
),
-- The latest evaluable marrow that stands. A start after it changes nothing (model 3.4). In a
-- remission the best that was proved in it is kept (model 6.1).
latest AS (
    SELECT * REPLACE (
        CASE WHEN category IN ('CR', 'CRh', 'CRi', 'MLFS', 'NR', 'IND') AND cleared AND kept IS NOT NULL
             THEN kept.category ELSE category END AS category)
    FROM (
        SELECT *, min(CASE
                WHEN NOT coalesce(remission, false) OR poor THEN NULL
                WHEN cr THEN {'rank': 1, 'day': cr_on, 'category': 'CR'}
                WHEN crh THEN {'rank': 2, 'day': crh_on, 'category': 'CRh'}
                ELSE {'rank': 3, 'day': cri_on, 'category': 'CRi'} END) OVER so_far AS kept,
            -- Told of a remission nobody proved, an MLFS may be of it: then it keeps its first day.
            -- One before a marrow with disease is not of it: that remission ended there (model 3.7).
            either_day OR (claimed AND max(CASE WHEN evaluation AND mlfs IS NOT FALSE AND (early OR NOT counted) THEN moment END) OVER earlier
                > coalesce(max(CASE WHEN evaluation AND NOT cleared THEN moment END) OVER earlier, '-infinity')) AS mlfs_open,
            contradicted AND (cleared IS DISTINCT FROM false OR lead(category) OVER so_far IS DISTINCT FROM 'NE') AS replaced
        FROM shared
        WINDOW so_far AS (PARTITION BY patient ORDER BY moment ROWS UNBOUNDED PRECEDING),
               earlier AS (PARTITION BY patient ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    WHERE category <> 'NE' AND NOT replaced
    QUALIFY row_number() OVER (PARTITION BY patient ORDER BY moment DESC) = 1
),
-- Blood after the remission began: one sample with blasts is a suspicion, a second one 7 to 56 days
-- later without a report of none between them a relapse (table; model 3.7).
sign AS (
    SELECT
        l.patient,
        bool_or(above(s.v, 0)) AS blasts,
        max(s.moment) FILTER (above(s.v, 0)) AS last_blasts,
        max(s.moment) FILTER (s.v.hi = 0) AS last_clear,
        max(s.moment) FILTER (above(s.v, 0) IS NULL AND NOT coalesce(s.v.hi = 0, false)) AS last_doubt,
        bool_or(above(s.v, 0) AND EXISTS (
            FROM smear AS f
            WHERE f.patient = s.patient AND above(f.v, 0) IS NULL AND NOT coalesce(f.v.hi = 0, false)
                AND f.moment > l.opened_at AND s.moment::DATE - f.moment::DATE BETWEEN 7 AND 56
                AND NOT EXISTS (
                    FROM smear AS n
                    WHERE n.patient = s.patient AND n.moment > f.moment AND n.moment < s.moment
                        AND n.v.hi = 0))) AS perhaps_relapsed,
        min(s.moment::DATE) FILTER (EXISTS (
            FROM smear AS f
            WHERE f.patient = s.patient AND above(f.v, 0) AND f.moment > l.opened_at
                AND above(s.v, 0) AND s.moment::DATE - f.moment::DATE BETWEEN 7 AND 56
                AND NOT EXISTS (
                    FROM smear AS n
                    WHERE n.patient = s.patient AND n.moment > f.moment AND n.moment < s.moment
                        AND above(n.v, 0) IS NOT TRUE))) AS relapsed_on
    FROM latest AS l
    JOIN smear AS s ON s.patient = l.patient AND s.moment > coalesce(l.opened_at, l.may_open_at, l.moment) AND s.moment > l.moment
    WHERE l.cleared AND (l.kept IS NOT NULL OR (l.category = 'MLFS' AND l.cri IS NULL))
    GROUP BY l.patient
),
-- A marrow short of cells that counts might have made a CR: after it blasts may be a relapse.
unproved AS (
    SELECT DISTINCT n.patient
    FROM shared AS n
    JOIN smear AS s ON s.patient = n.patient AND s.moment > n.moment AND NOT coalesce(s.v.hi = 0, false)
    WHERE n.category = 'NE' AND n.evaluation AND NOT n.early AND NOT n.adequate AND n.base AND n.cr IS NULL
        AND NOT EXISTS (FROM smear AS z WHERE z.patient = n.patient AND z.moment > s.moment AND z.v.hi = 0)
),
verdict AS (
    SELECT
        c.patient,
        CASE
            WHEN c.apl OR (c.other AND NOT c.aml) THEN 'NE'
            WHEN c.other AND c.marrows THEN 'IND'
            WHEN NOT c.aml AND c.maybe_aml AND c.marrows THEN 'IND'
            WHEN NOT c.aml AND NOT c.blasts_of_aml AND c.marrows THEN 'IND'
            WHEN l.patient IS NULL THEN CASE
                WHEN c.marrows AND c.claimed_on IS NOT NULL THEN 'IND'
                WHEN c.patient IN (FROM unproved) THEN 'IND' ELSE 'NE' END
            -- What only counts nobody can read hold back may have been a remission (model 8, T26),
            -- from the first draw on whose day it may have been one.
            WHEN l.kept IS NULL AND s.blasts THEN 'IND'
            WHEN s.relapsed_on IS NOT NULL THEN 'RELAPSE'
            WHEN s.blasts AND coalesce(s.last_clear < s.last_blasts, true) THEN CASE
                WHEN s.last_doubt > s.last_blasts OR s.perhaps_relapsed THEN 'IND' ELSE 'RELAPSE_SUSPECTED' END
            WHEN s.last_doubt IS NOT NULL AND coalesce(s.last_clear < s.last_doubt, true) THEN 'IND'
            ELSE l.category
        END AS category,
        s.relapsed_on, l.*  EXCLUDE (patient, category)
    FROM course AS c
    LEFT JOIN latest AS l ON l.patient = c.patient
    LEFT JOIN sign AS s ON s.patient = c.patient
)
SELECT
    patient,
    category,
    strftime(CASE category
        -- By which it is proved, though it may have been there before (model 2.4).
        WHEN 'CR' THEN kept.day WHEN 'CRh' THEN kept.day WHEN 'CRi' THEN kept.day
        WHEN 'MLFS' THEN CASE WHEN NOT coalesce(mlfs_open, false) THEN mlfs_on END WHEN 'PR' THEN CASE WHEN NOT coalesce(may_pr_on < pr_on, false) THEN pr_on END WHEN 'RELAPSE' THEN coalesce(relapsed_on, day)
    END, '%Y-%m-%d') AS response_date
FROM verdict
ORDER BY patient;
