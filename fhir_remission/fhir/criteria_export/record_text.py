"""The part of a library that reads a record: marrows, draws, the course, and what is refused.

Numbers of the criteria file are filled in where `$name$` stands.
"""

from __future__ import annotations

TEXT = """
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
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, tentative: R.tentative,
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
  ("Results"([Observation: "platelets"], 'platelet count')) R
    where not R.tentative
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, v: R.v }

define "Blood blast results":
  ("Results"([Observation: "blasts-blood"], 'smear')) R
    where not R.tentative or "Above"(R.v, 0.0) is true
    return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo,
      v: if R.tentative then null as VALUE else R.v }

// ---- Marrows: what was reported of one day is one marrow ----

define "Marrow days":
  "Marrow results" R return R.dayNo

define "Marrows":
  "Marrow days" T
    let cells: ("Cells results" C where C.dayNo = T)
    return all Tuple {
      dayNo: T,
      blasts: "Spanning"(("Marrow results" R where R.dayNo = T)
        R return all Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo, v: R.v }),
      cells: "Spanning"(cells), counted: exists cells,
      sure: exists ("Marrow results" R where R.dayNo = T and not R.tentative),
      diseased: null as Boolean }
    sort by dayNo

// ---- Draws: one effective time; a missing count is the nearest one within $join$ hours ----

define "Blood times":
  ("ANC results" union "Platelet results" union "Blood blast results") R
    return Tuple { at: R.at, dateOnly: R.dateOnly, dayNo: R.dayNo }

// The earlier on a tie, in one key to sort by.
define function "Nearest"(results List<RESULT>, moment Integer):
  First(results R
    where Abs(R.at - moment) <= $join$ * 3600
    return Tuple { at: R.at, apart: Abs(R.at - moment) * 2 + (if R.at > moment then 1 else 0) }
    sort by apart).at

// Blasts that one reader saw outweigh another who saw none, and doubt outweighs absence.
define function "Sign"(smears List<RESULT>):
  case
    when not exists smears then 'silent'
    when exists (smears S where "Above"(S.v, 0.0) is true) then 'present'
    when exists (smears S where (S.v.high = 0.0) is not true) then 'unknown'
    else 'absent'
  end

define "Draws":
  "Blood times" T
    let ancAt: "Nearest"("ANC results", T.at),
      plateletsAt: "Nearest"("Platelet results", T.at)
    return all Tuple {
      at: T.at, dayNo: T.dayNo,
      anc: "Spanning"("ANC results" R where R.at = ancAt),
      hasANC: ancAt is not null, ownANC: Coalesce(ancAt = T.at, false),
      platelets: "Spanning"("Platelet results" R where R.at = plateletsAt),
      hasPlatelets: plateletsAt is not null, ownPlatelets: Coalesce(plateletsAt = T.at, false),
      sign: "Sign"("Blood blast results" B where B.at = T.at and B.dateOnly = T.dateOnly) }
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

// The day on which it began, or was recorded where nobody says when it began.
define function "Began on"(c Condition):
  case
    when c.onset is null then "Day"(c.recordedDate.value)
    when c.onset is FHIR.Period then "Day"((c.onset as FHIR.Period)."start".value)
    else "Day"((c.onset as FHIR.dateTime).value)
  end

define "Diagnosed on":
  Min("AML confirmed" C return all "Began on"(C))

// Somebody's word that there was a remission, by the day it was recorded; none is proof.
define "Remissions claimed":
  flatten {
    [Condition: "remission-claimed"] C
      where "Verified"(C, { 'confirmed', 'provisional', 'unconfirmed' })
      return all Tuple { dayNo: "Day"(C.recordedDate.value) },
    [Condition: "aml-diagnosis"] C
      where exists (C.clinicalStatus.coding S where S.code.value = 'remission')
        and "Verified"(C, { 'confirmed', 'provisional', 'unconfirmed' })
      return all Tuple { dayNo: "Day"(C.recordedDate.value) } }

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

define "Lesion statements":
  flatten {
    [Observation: "extramedullary-disease"] O
      let t: (O.effective as FHIR.dateTime).value
      where O.status.value in { 'final', 'amended', 'corrected' }
        and exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.system.value + ' ' + C.code.value in { $answers$ })
      return all Tuple { dayNo: "Day"(t),
        present: exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.system.value + ' ' + C.code.value in { $present$ }) },
    [Condition: "extramedullary"] C
      let dayNo: "Began on"(C)
      where "Verified"(C, { 'confirmed' })
      return all Tuple { dayNo: dayNo, present: true } }

define "Lesion days":
  "Lesion statements" S where S.present return S.dayNo

// Marrows that open the course: full of blasts, or diseased shortly before the diagnosis.
define "Openings":
  "Marrows" M
    let asked: if Coalesce(M.dayNo >= "Diagnosed on" - $before_diagnosis$
        and M.dayNo <= "Diagnosed on", false) then $disease_blasts$ else $lineage_blasts$
    where "Below"(M.blasts, asked) is not true
    return all Tuple { dayNo: M.dayNo, sure: "Below"(M.blasts, asked) is false }

define "Surely opened on":
  Min(flatten { { "Diagnosed on" }, "Openings" O where O.sure return all O.dayNo })

define "Opened on":
  Coalesce(
    Min(flatten { { "Diagnosed on" }, "Openings" O return all O.dayNo }),
    Min(flatten { "Marrow days", "Therapy days", "Draws" D return all D.dayNo }))

// Every day on which the course may have begun.
define "Begun on":
  distinct flatten { { "Opened on" },
    { Coalesce("Surely opened on", "Opened on") },
    "Openings" O where not O.sure and O.dayNo > "Opened on" and O.dayNo < "Surely opened on"
      return all O.dayNo }

define "First sign on":
  Min(flatten {
    { Min("Marrows" M where "Below"(M.blasts, $disease_blasts$) is false return all M.dayNo) },
    { Min("Draws" D where D.sign = 'present' return all D.dayNo) },
    { Min("Lesion days") } })

define "Possible sign on":
  Min(flatten {
    { Min("Marrows" M where "Below"(M.blasts, $disease_blasts$) is not true
      return all M.dayNo) },
    { Min("Draws" D where D.sign in { 'present', 'unknown' } return all D.dayNo) },
    { Min("Lesion days") } })
"""
