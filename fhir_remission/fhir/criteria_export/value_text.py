"""What a library holds in its hands: the types of its tuples, and values as intervals."""

from __future__ import annotations

VALUE = "Tuple { low Decimal, lowOpen Boolean, high Decimal, highOpen Boolean }"
RESULT = f"Tuple {{ at Integer, dateOnly Boolean, dayNo Integer, v {VALUE} }}"
MARROW = (
    f"Tuple {{ dayNo Integer, blasts {VALUE}, cells {VALUE}, "
    "counted Boolean, sure Boolean, diseased Boolean }"
)
DRAW = (
    f"Tuple {{ at Integer, dayNo Integer, anc {VALUE}, hasANC Boolean, ownANC Boolean, "
    f"platelets {VALUE}, hasPlatelets Boolean, ownPlatelets Boolean, sign String }}"
)

VIEW = f"Tuple {{ dayNo Integer, anc {VALUE}, platelets {VALUE}, blood String, lesion String }}"
WORLD = (
    "Tuple { phase String, opened Integer, again Boolean, category Integer, dayNo Integer, "
    "since Integer, bloody Boolean, samples List<Integer>, asked Integer, "
    "stands Integer, said Integer }"
)
TYPES = {
    "RESULT": RESULT,
    "MARROW": MARROW,
    "DRAW": DRAW,
    "VIEW": VIEW,
    "WORLD": WORLD,
    "ANSWERS": "Tuple { dayNo Integer, uncounted Boolean, whole List<Integer>, "
    "ranks List<Integer> }",
    "POINT": f"Tuple {{ dayNo Integer, kind Integer, at Integer, m {MARROW}, d {DRAW} }}",
    "VALUE": VALUE,
}

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

// A blood film answered by word or by code: absence is none at all, presence an unknown amount.
define function "Smear written"(s String):
  case
    when s in { $smear_none$ } then "Between"(0.0, false, 0.0, false)
    when s in { $smear_some$ } then "Between"(0.0, true, 100.0, false)
    else "Percent written"(ReplaceMatches(s, '[ %]', ''))
  end

define function "Smear answered"(c FHIR.CodeableConcept):
  case
    when not exists (c.coding C where C.system.value + ' ' + C.code.value
        in { $smear_none_codes$ }) then
      (if exists (c.coding C where C.system.value + ' ' + C.code.value in { $smear_some_codes$ })
        then "Between"(0.0, true, 100.0, false) else null as VALUE)
    when exists (c.coding C where (C.system.value + ' ' + C.code.value
        in { $smear_none_codes$ }) is not true) then null as VALUE
    else "Between"(0.0, false, 0.0, false)
  end

define function "Factor"(unit String, kind String):
  case
$factors$
    else null as Decimal
  end

define function "Ceiling"(kind String):
  case
    when kind in { 'percent', 'smear' } then 100.0
    when kind = 'count' then $most_anc$
    when kind = 'platelet count' then $most_platelets$
    else 90000000.0
  end

// Decimals of CQL have eight digits after the point: what has more lies between two of them.
define function "Scaled"(x Decimal, comparator String, ceiling Decimal):
  if x is null or x = Round(x, 8) or comparator is not null then "Compared"(x, comparator, ceiling)
  else if x < 0.0 or x > ceiling then null as VALUE
  else "Between"(Round(x, 8) - 0.00000001, true, Round(x, 8) + 0.00000001, true)

define function "Of quantity"(q FHIR.Quantity, kind String):
  "Scaled"(
    q.value.value * "Factor"(Coalesce(q.code.value, q.unit.value), kind),
    q.comparator.value, "Ceiling"(kind))

define function "Of range"(r FHIR.Range, kind String):
  "Between"(
    r.low.value.value * "Factor"(Coalesce(r.low.code.value, r.low.unit.value), kind), false,
    r.high.value.value * "Factor"(Coalesce(r.high.code.value, r.high.unit.value), kind), false)

define function "Read"(o Observation, kind String):
  case
    when o.value is FHIR.Quantity then "Of quantity"(o.value as FHIR.Quantity, kind)
    when o.value is FHIR.Range then "Of range"(o.value as FHIR.Range, kind)
    when kind = 'percent' and o.value is FHIR.string then
      "Percent written"(ReplaceMatches(Lower((o.value as FHIR.string).value), '[ %]', ''))
    when kind = 'smear' and o.value is FHIR.string then
      "Smear written"(Lower((o.value as FHIR.string).value))
    when kind = 'smear' and o.value is FHIR.CodeableConcept then
      "Smear answered"(o.value as FHIR.CodeableConcept)
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
"""
