"""The part of a library that reads a record: values, marrows, draws, windows. Braces stand alone.

Numbers of the criteria file are filled in where `$name$` stands.
"""

VALUE = "Tuple { low Decimal, lowOpen Boolean, high Decimal, highOpen Boolean }"
RESULT = f"Tuple {{ at Integer, dateOnly Boolean, dayNo Integer, v {VALUE} }}"
MARROW = (
    f"Tuple {{ at Integer, dateOnly Boolean, dayNo Integer, blasts {VALUE}, "
    f"cells {VALUE}, counted Boolean }}"
)

TEXT = """
// ---- Values: an interval with open or closed ends; null is a value that nobody can read ----

define function "Below"(v VALUE, threshold Decimal):
  if v is null then null as Boolean
  else if v.high < threshold or (v.high = threshold and v.highOpen) then true
  else if v.low >= threshold then false
  else null as Boolean

define function "Above"(v VALUE, threshold Decimal):
  if v is null then null as Boolean
  else if v.low > threshold or (v.low = threshold and v.lowOpen) then true
  else if v.high <= threshold then false
  else null as Boolean

define function "Between"(low Decimal, lowOpen Boolean, high Decimal, highOpen Boolean):
  if low is null or high is null then null as VALUE
  else Tuple { low: low, lowOpen: lowOpen, high: high, highOpen: highOpen }

define function "Compared"(x Decimal, comparator String, ceiling Decimal):
  if x is null or x < 0.0 or x > ceiling then null as VALUE
  else case
    when comparator is null then "Between"(x, false, x, false)
    when comparator = '<' then "Between"(0.0, false, x, true)
    when comparator = '<=' then "Between"(0.0, false, x, false)
    when comparator = '>' then "Between"(x, true, ceiling, false)
    when comparator = '>=' then "Between"(x, false, ceiling, false)
    else null as VALUE
  end

define function "Percent written"(s String):
  case
    when Matches(s, '^[0-9]+([.][0-9]+)?$') then
      "Compared"(ToDecimal(s), null as String, 100.0)
    when Matches(s, '^<=[0-9]+([.][0-9]+)?$') then
      "Compared"(ToDecimal(Substring(s, 2)), '<=', 100.0)
    when Matches(s, '^>=[0-9]+([.][0-9]+)?$') then
      "Compared"(ToDecimal(Substring(s, 2)), '>=', 100.0)
    when Matches(s, '^<[0-9]+([.][0-9]+)?$') then
      "Compared"(ToDecimal(Substring(s, 1)), '<', 100.0)
    when Matches(s, '^>[0-9]+([.][0-9]+)?$') then
      "Compared"(ToDecimal(Substring(s, 1)), '>', 100.0)
    when Matches(s, '^[0-9]+([.][0-9]+)?-[0-9]+([.][0-9]+)?$') then
      "Between"(ToDecimal(First(Split(s, '-'))), false, ToDecimal(Last(Split(s, '-'))), false)
    when s in { $some$ } then "Between"(0.0, true, 100.0, false)
    else null as VALUE
  end

define function "Factor"(unit String, kind String):
  case
$factors$
    else null as Decimal
  end

define function "Ceiling"(kind String):
  if kind = 'percent' then 100.0 else 90000000.0

define function "Of quantity"(q FHIR.Quantity, kind String):
  "Compared"(
    Round(q.value.value * "Factor"(Coalesce(q.code.value, q.unit.value), kind), 6),
    q.comparator.value, "Ceiling"(kind))

define function "Of range"(r FHIR.Range, kind String):
  "Between"(
    Round(r.low.value.value * "Factor"(
      Coalesce(r.low.code.value, r.low.unit.value), kind), 6), false,
    Round(r.high.value.value * "Factor"(
      Coalesce(r.high.code.value, r.high.unit.value), kind), 6), false)

define function "Read"(o Observation, kind String):
  case
    when o.value is FHIR.Quantity then "Of quantity"(o.value as FHIR.Quantity, kind)
    when o.value is FHIR.Range then "Of range"(o.value as FHIR.Range, kind)
    when kind = 'percent' and o.value is FHIR.string then
      "Percent written"(ReplaceMatches(Lower((o.value as FHIR.string).value), '[ %]', ''))
    else null as VALUE
  end

// Several values where one was expected: the interval that spans them, never the better one.
define function "Spanning"(results List<RESULT>):
  if not exists results or exists (results R where R.v is null) then null as VALUE
  else "Between"(
    Min(results R return all R.v.low),
    not exists (results R where R.v.low = Min(results S return all S.v.low) and not R.v.lowOpen),
    Max(results R return all R.v.high),
    not exists (results R where R.v.high = Max(results S return all S.v.high) and not R.v.highOpen))

// ---- Times: seconds since 1970; a date alone is its midnight; the site's zone is UTC ----

define function "Seconds"(t DateTime):
  if t is null then null as Integer
  else if hour from t is null then
    (difference in days between @1970-01-01 and (date from t)) * 86400
  else duration in seconds between @1970-01-01T00:00:00.000+00:00 and t

define function "Day"(t DateTime):
  "Seconds"(t) div 86400

define function "Results"(observations List<Observation>, kind String):
  observations O
    let t: (O.effective as FHIR.dateTime).value
    where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
      and "Seconds"(t) is not null
    return all Tuple {
      at: "Seconds"(t), dateOnly: hour from t is null, dayNo: "Day"(t),
      tentative: O.status.value in { 'preliminary', 'registered' },
      v: "Read"(O, kind) }

// A result that is not final supports nothing; disease seen in it blocks as unknown.
define "Marrow results":
  ("Results"([Observation: "blasts-marrow"], 'percent')) R
    where not R.tentative or "Below"(R.v, $disease_blasts$) is false
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo,
      v: if R.tentative then null as VALUE else R.v }

define "Cells results":
  ("Results"([Observation: "marrow-cells-counted"], 'number')) R
    where not R.tentative
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, v: R.v }

define "ANC results":
  ("Results"([Observation: "anc"], 'count')) R
    where not R.tentative
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, v: R.v }

define "Platelet results":
  ("Results"([Observation: "platelets"], 'count')) R
    where not R.tentative
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, v: R.v }

define "Blood blast results":
  ("Results"([Observation: "blasts-blood"], 'percent')) R
    where not R.tentative or "Above"(R.v, 0.0) is true
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo,
      v: if R.tentative then null as VALUE else R.v }

// ---- Marrows: one identical effective time is one marrow ----

define "Marrow times":
  "Marrow results" R return Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo }

define "Marrows":
  "Marrow times" T
    let cells: ("Cells results" C where C.at = T.at and C.dateOnly = T.dateOnly)
    return all Tuple {
      at: T.at, dateOnly: T.dateOnly, dayNo: T.dayNo,
      blasts: "Spanning"("Marrow results" R where R.at = T.at and R.dateOnly = T.dateOnly),
      cells: "Spanning"(cells), counted: exists cells }
    sort by at

// ---- Draws: one effective time; a missing count is the nearest one within $join$ hours ----

define "Blood times":
  ("ANC results" union "Platelet results" union "Blood blast results") R
    return Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo }

define function "Nearest"(results List<RESULT>, moment Integer):
  First(results R
    where Abs(R.at - moment) <= $join$ * 3600
    return Tuple { distance: Abs(R.at - moment), at: R.at }
    sort by distance, at).at

define "Draws":
  "Blood times" T
    let ancAt: "Nearest"("ANC results", T.at),
      plateletsAt: "Nearest"("Platelet results", T.at),
      smear: ("Blood blast results" B where B.at = T.at and B.dateOnly = T.dateOnly)
    return all Tuple {
      at: T.at, dateOnly: T.dateOnly, dayNo: T.dayNo,
      anc: "Spanning"("ANC results" R where R.at = ancAt), hasANC: ancAt is not null,
      platelets: "Spanning"("Platelet results" R where R.at = plateletsAt),
      hasPlatelets: plateletsAt is not null,
      blood: "Spanning"(smear), smeared: exists smear }
    sort by at

// ---- The course: diagnosis, starts of therapy, disease outside the marrow ----

define function "Verified"(c Condition, codes List<String>):
  Coalesce(First(c.verificationStatus.coding).code.value, 'confirmed') in codes

define "AML confirmed":
  [Condition: "aml-diagnosis"] C where "Verified"(C, { 'confirmed' })

define "AML doubted":
  [Condition: "aml-diagnosis"] C where "Verified"(C, { 'provisional', 'unconfirmed', 'refuted' })

define "APL confirmed":
  [Condition: "apl-diagnosis"] C where "Verified"(C, { 'confirmed' })

define "Other leukaemia confirmed":
  [Condition: "other-leukaemia"] C where "Verified"(C, { 'confirmed' })

define "Diagnosed on":
  Min("AML confirmed" C return all "Day"((C.onset as FHIR.dateTime).value))

define "Remission claimed on":
  Min([Condition: "remission-claimed"] C
    where "Verified"(C, { 'confirmed', 'provisional', 'unconfirmed' })
    return all "Day"((C.onset as FHIR.dateTime).value))

define "Therapy days":
  [Procedure: "therapy-start"] P
    where P.status.value in { 'completed', 'in-progress', 'stopped' }
      and "Day"((P.performed as FHIR.dateTime).value) is not null
    return "Day"((P.performed as FHIR.dateTime).value)

define "Cycles":
  "Therapy days" D
    where not exists ("Therapy days" E where E < D and D - E < $cycle_gap$)

define "Treated on":
  Min("Cycles")

define "First blasts on":
  Min("Marrows" M where "Below"(M.blasts, $disease_blasts$) is false return all M.dayNo)

define "Opened on":
  Min(flatten {
    { "Diagnosed on" },
    "Marrows" M where "Below"(M.blasts, $lineage_blasts$) is false return all M.dayNo,
    "Marrows" M where "Below"(M.blasts, $disease_blasts$) is false
      and M.dayNo >= "Diagnosed on" - $before_diagnosis$ and M.dayNo <= "Diagnosed on"
      return all M.dayNo })

define "Baseline":
  Last("Marrows" M
    where M.blasts is not null and M.dayNo >= "Opened on"
      and M.dayNo <= Coalesce("Treated on", "First blasts on" + $baseline_inferred$)
    sort by at).blasts

define "Lesion statements":
  flatten {
    [Observation: "extramedullary-disease"] O
      let t: (O.effective as FHIR.dateTime).value
      where O.status.value in { 'final', 'amended', 'corrected' }
        and Coalesce("Day"(t) >= "Opened on", true)
        and exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.code.value in { $answers$ })
      return all Tuple { dayNo: "Day"(t),
        present: exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.code.value in { $present$ }) },
    [Condition: "extramedullary"] C
      let dayNo: "Day"((C.onset as FHIR.dateTime).value)
      where "Verified"(C, { 'confirmed' }) and Coalesce(dayNo >= "Opened on", true)
      return all Tuple { dayNo: dayNo, present: true } }

define "First sign on":
  Min(flatten {
    { "First blasts on" },
    { Min("Blood blast results" B where "Above"(B.v, 0.0) is true return all B.dayNo) },
    { Min("Lesion statements" S where S.present return all S.dayNo) },
    { "Treated on" } })

// ---- What lies beyond this library: a record that holds any of it is refused, never guessed ----

define function "Is undated"(o Observation):
  o.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
    and "Seconds"((o.effective as FHIR.dateTime).value) is null

define "Is beyond this library":
  exists ([Observation: "not-read"] O
      where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' })
    or exists ([Procedure: "support-given"] P
      where P.status.value in { 'completed', 'in-progress', 'stopped' })
    or exists [MedicationAdministration]
    or exists ([Procedure: "therapy-start"] P
      where P.status.value in { 'completed', 'in-progress', 'stopped' }
        and "Day"((P.performed as FHIR.dateTime).value) is null)
    or exists ([Observation: "blasts-marrow"] O where "Is undated"(O))
    or exists ([Observation: "blasts-blood"] O where "Is undated"(O))
    or exists ([Observation: "extramedullary-disease"] O where "Is undated"(O))
    or exists ([Observation: "extramedullary-disease"] O
      where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
        and not exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.code.value in { $answers$ }))
    or exists ([Condition: "extramedullary"] C
      where not "Verified"(C, { 'refuted', 'entered-in-error', 'differential' })
        and ("Day"((C.onset as FHIR.dateTime).value) is null
          or not "Verified"(C, { 'confirmed' })))
"""
