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
  ("Results"([Observation: "blasts-blood"], 'percent')) R
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

define function "Nearest"(results List<RESULT>, moment Integer):
  First(results R
    where Abs(R.at - moment) <= $join$ * 3600
    return Tuple { distance: Abs(R.at - moment), at: R.at }
    sort by distance, at).at

define function "Sign"(smears List<RESULT>):
  case
    when not exists smears then 'silent'
    when "Above"("Spanning"(smears), 0.0) is true then 'present'
    when "Spanning"(smears).high = 0.0 then 'absent'
    else 'unknown'
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

define "Diagnosed on":
  Min("AML confirmed" C return all "Day"((C.onset as FHIR.dateTime).value))

// Somebody's word that there was a remission, by the day it was recorded; none is proof.
define "Remissions claimed":
  flatten {
    [Condition: "remission-claimed"] C
      where "Verified"(C, { 'confirmed', 'provisional', 'unconfirmed' })
      return all Tuple { dayNo: "Day"(C.recordedDate.value) },
    [Condition: "aml-diagnosis"] C
      where exists (C.clinicalStatus.coding S where S.code.value = 'remission')
      return all Tuple { dayNo: null as Integer } }

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
          where C.code.value in { $answers$ })
      return all Tuple { dayNo: "Day"(t),
        present: exists (((O.value as FHIR.CodeableConcept).coding) C
          where C.code.value in { $present$ }) },
    [Condition: "extramedullary"] C
      let dayNo: "Day"((C.onset as FHIR.dateTime).value)
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

// ---- What lies beyond this library: a record that holds any of it is refused, never guessed ----

define function "Is undated"(o Observation):
  o.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
    and "Seconds"((o.effective as FHIR.dateTime).value) is null

define "Is beyond this library":
  Count("Marrows" M where "Below"(M.blasts, $disease_blasts$) is null or not M.sure)
      + Count("Draws" D where D.sign = 'unknown') > 6
    or exists [Condition: "relapse-claimed"]
    or exists ([Condition: "aml-diagnosis"] C
      where exists (C.clinicalStatus.coding S
        where S.code.value in { 'relapse', 'recurrence' }))
    or exists ([Observation: "not-read"] O
      where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' })
    or exists ([Observation] O
      where (O.status.value in { 'registered', 'preliminary', 'final', 'amended', 'corrected',
        'cancelled', 'entered-in-error', 'unknown' }) is not true)
    or exists ([Procedure] P
      where (P.status.value in { 'preparation', 'in-progress', 'not-done', 'on-hold', 'stopped',
        'completed', 'entered-in-error', 'unknown' }) is not true)
    or exists ([Observation] O
      where exists (O.component C
        where exists (C.code.coding K
          where K.system.value + ' ' + K.code.value in { $read$ })))
    or exists ([Observation] O where exists (O.focus) or exists (O.modifierExtension))
    or exists ([Condition] O where exists (O.modifierExtension))
    or exists ([Procedure] O where exists (O.modifierExtension))
    or exists ([Procedure: "support-given"] P
      where P.status.value in { 'completed', 'in-progress', 'stopped' })
    or exists ([Observation] O
      where not exists (O.code.coding C where C.system.value in { $systems$ }))
    or exists ([Condition] O
      where not exists (O.code.coding C where C.system.value in { $systems$ }))
    or exists ([Procedure] O
      where not exists (O.code.coding C where C.system.value in { $systems$ }))
    or exists [Procedure: "intensity-known"]
    or exists [Specimen]
    or exists [DiagnosticReport]
    or exists ([Observation: "blasts-marrow"] O where O.specimen is not null)
    or exists ([Observation: "anc"] O where O.specimen is not null)
    or exists ([Observation: "platelets"] O where O.specimen is not null)
    or exists ([Observation: "blasts-blood"] O where O.specimen is not null)
    or exists ("Marrow results" R where R.v.high < 1.0 and R.v.low > 0.0
      and not exists ("Therapy days" D where D < R.dayNo))
    or exists (("Results"([Observation: "wbc"], 'count')) W
      where exists ("ANC results" A where Abs(A.at - W.at) <= $join$ * 3600
        and (A.v.low <= W.v.low) is not true))
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
