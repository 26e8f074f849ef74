"""The part of a library that refuses a record: what it does not read, each with its reason."""

from __future__ import annotations

TEXT = """
// ---- What lies beyond this library: a record that holds any of it is refused, never guessed ----

define function "Is undated"(observations List<Observation>):
  exists (observations O
    where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
      and "Seconds"((O.effective as FHIR.dateTime).value) is null)

define function "Has a specimen"(observations List<Observation>):
  exists (observations O where O.specimen is not null)

define function "Is of another system"(c FHIR.CodeableConcept):
  not exists (c.coding C where C.system.value in { $systems$ })

define "Is a fraction":
  exists ("Marrow results" R where R.v.high < 1.0 and R.v.low > 0.0
    and not exists ("Therapy days" D where D < R.dayNo))

define "Is part above whole":
  exists (("Results"([Observation: "wbc"], 'count')) W
    where exists ("ANC results" A where Abs(A.at - W.at) <= $join$ * 3600
      and (A.v.low <= W.v.low) is not true))

define "Is of another method":
  exists ([Observation: "blasts-marrow"] O where O.method is not null
    and (not exists (O.method.coding C
        where C.system.value + ' ' + C.code.value in { $method$ })
      or exists ([Observation: "blasts-marrow"] U where U.method is null
        and "Day"((U.effective as FHIR.dateTime).value)
          = "Day"((O.effective as FHIR.dateTime).value))))

define "Is a lesion in other words":
  exists ([Observation: "extramedullary-disease"] O
    where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }
      and not exists (((O.value as FHIR.CodeableConcept).coding) C
        where C.system.value + ' ' + C.code.value in { $answers$ }))
  or exists ([Condition: "extramedullary"] C
    where not "Verified"(C, { 'refuted', 'entered-in-error', 'differential' })
      and ("Began on"(C) is null or C.abatement is not null
        or not "Verified"(C, { 'confirmed' })))

define "Not read": ({
  Tuple { why: 'more than six marrows and draws that are open', holds:
    Count("Marrows" M where "Below"(M.blasts, $disease_blasts$) is null or not M.sure)
      + Count("Draws" D where D.sign = 'unknown') > 6 },
  Tuple { why: 'a relapse that somebody coded', holds:
    exists [Condition: "relapse-claimed"]
    or exists ([Condition: "aml-diagnosis"] C
      where exists (C.clinicalStatus.coding S
        where S.code.value in { 'relapse', 'recurrence' })) },
  Tuple { why: 'results that are read under a condition, or for more than these criteria', holds:
    exists ([Observation: "not-read"] O
      where O.status.value in { 'final', 'amended', 'corrected', 'preliminary', 'registered' }) },
  Tuple { why: 'a status that FHIR does not have', holds:
    exists ([Observation] O
      where (O.status.value in { 'registered', 'preliminary', 'final', 'amended', 'corrected',
        'cancelled', 'entered-in-error', 'unknown' }) is not true)
    or exists ([Procedure] P
      where (P.status.value in { 'preparation', 'in-progress', 'not-done', 'on-hold', 'stopped',
        'completed', 'entered-in-error', 'unknown' }) is not true) },
  Tuple { why: 'a count in a component', holds:
    exists ([Observation] O
      where exists (O.component C
        where exists (C.code.coding K
          where K.system.value + ' ' + K.code.value in { $read$ }))) },
  Tuple { why: 'a focus or a modifier', holds:
    exists ([Observation] O where exists (O.focus) or exists (O.modifierExtension))
    or exists ([Condition] O where exists (O.modifierExtension))
    or exists ([Procedure] O where exists (O.modifierExtension)) },
  Tuple { why: 'platelets, growth factor, a graft or an unnamed transfusion given', holds:
    exists ([Procedure: "support-given"] P
      where P.status.value in { 'completed', 'in-progress', 'stopped' }) },
  Tuple { why: 'Auer rods, or red cells given, for which the set asks', holds: $told$ },
  Tuple { why: 'codes or answers of a system that no value set has', holds:
    exists ([Observation] O where "Is of another system"(O.code))
    or exists ([Observation: "blasts-blood"] O where O.value is FHIR.CodeableConcept
      and "Is of another system"(O.value as FHIR.CodeableConcept))
    or exists ([Condition] O where "Is of another system"(O.code))
    or exists ([Procedure] O where "Is of another system"(O.code)) },
  Tuple { why: 'therapy of known intensity', holds: exists [Procedure: "intensity-known"] },
  Tuple { why: 'specimens or reports', holds:
    exists [Specimen] or exists [DiagnosticReport]
    or "Has a specimen"([Observation: "blasts-marrow"]) or "Has a specimen"([Observation: "anc"])
    or "Has a specimen"([Observation: "platelets"])
    or "Has a specimen"([Observation: "blasts-blood"]) },
  Tuple { why: 'marrow blasts that may be a fraction sent as percent', holds: "Is a fraction" },
  Tuple { why: 'neutrophils above their leukocytes', holds: "Is part above whole" },
  Tuple { why: 'marrow blasts by another method', holds: "Is of another method" },
  Tuple { why: 'drugs given', holds: exists [MedicationAdministration] },
  Tuple { why: 'therapy or a diagnosis without a day', holds:
    exists ([Procedure: "therapy-start"] P
      where P.status.value in { 'completed', 'in-progress', 'stopped' }
        and "Day"((P.performed as FHIR.dateTime).value) is null)
    or exists ("AML confirmed" C where C.onset is not null and "Began on"(C) is null) },
  Tuple { why: 'a result without a time', holds:
    "Is undated"([Observation: "blasts-marrow"])
    or "Is undated"([Observation: "marrow-cells-counted"])
    or "Is undated"([Observation: "anc"]) or "Is undated"([Observation: "platelets"])
    or "Is undated"([Observation: "blasts-blood"])
    or "Is undated"([Observation: "extramedullary-disease"]) },
  Tuple { why: 'extramedullary disease in other words, undated, ended or unconfirmed', holds:
    "Is a lesion in other words" } }) R
  where R.holds return R.why
"""
