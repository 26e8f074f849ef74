"""The part of a library that judges one marrow with the draws of its window."""

from __future__ import annotations

WAYS = """
// ---- What cannot be read turns out one way or another: every way is tried ----

define function "Unless empty"(low Decimal, lowOpen Boolean, high Decimal, highOpen Boolean):
  if low > high or (low = high and (lowOpen or highOpen)) then null as VALUE
  else Tuple { low: low, lowOpen: lowOpen, high: high, highOpen: highOpen }

// What a value and a range have in common; a value that nobody can read may be anything.
define function "Common"(v VALUE, p VALUE):
  if v is null then p
  else "Unless empty"(
    Max({ v.low, p.low }),
    (v.low >= p.low and v.lowOpen) or (p.low >= v.low and p.lowOpen),
    Min({ v.high, p.high }),
    (v.high <= p.high and v.highOpen) or (p.high <= v.high and p.highOpen))

// The parts of a value that the criteria of the set tell apart.
define function "Parts"(v VALUE, ranges List<VALUE>):
  (ranges R let part: "Common"(v, R) where part is not null return all part)

define function "Either"(verdict Boolean):
  if verdict is null then { true, false } else { verdict }

define function "On a side"(m MARROW, p VALUE, diseased Boolean):
  Tuple { dayNo: m.dayNo, blasts: "Common"(m.blasts, p), cells: m.cells, counted: m.counted,
    sure: true, diseased: diseased }

define function "Sides"(m MARROW):
  flatten {
    if "Below"(m.blasts, $disease_blasts$) is false then { } as List<List<MARROW>>
    else { { "On a side"(m, "Between"(0.0, false, $disease_blasts$, true), false) } },
    if "Below"(m.blasts, $disease_blasts$) is true then { } as List<List<MARROW>>
    else { { "On a side"(m, "Between"($disease_blasts$, false, 100.0, false), true) } },
    if m.sure then { } as List<List<MARROW>> else { { } as List<MARROW> } }

define function "Seen as"(d DRAW, sign String):
  Tuple { at: d.at, dayNo: d.dayNo, anc: d.anc, hasANC: d.hasANC, ownANC: d.ownANC,
    platelets: d.platelets, hasPlatelets: d.hasPlatelets, ownPlatelets: d.ownPlatelets,
    sign: sign }

define function "Looks"(d DRAW):
  if d.sign = 'unknown' then { "Seen as"(d, 'absent'), "Seen as"(d, 'present') } else { d }

// A sign that was never told is taken as absent, unless nothing may be assumed.
define function "Is absent"(sign String, silence Boolean):
  case
    when sign = 'absent' then true
    when sign = 'present' then false
    when sign = 'silent' then silence
    else null as Boolean
  end
"""

TEXT = """
define "Ways of marrows":
  "Marrows" M
    aggregate R starting ({ { } as List<MARROW> }):
      flatten (R L return all (("Sides"(M)) S return all flatten { L, S }))

define "Ways of draws":
  "Draws" D
    aggregate R starting ({ { } as List<DRAW> }):
      flatten (R L return all (("Looks"(D)) S return all flatten { L, { S } }))

// ---- The window of a marrow ----

define function "Is early"(m MARROW):
  Coalesce(m.dayNo - Max("Cycles" C where C < m.dayNo) + 1 < $early_marrow$, false)

// Marrows so soon after this one, with no start between, that they decide for it.
define function "Repeats"(m MARROW, ms List<MARROW>):
  ms N
    where N.dayNo > m.dayNo and N.dayNo - m.dayNo < $repeat_marrow$
      and not exists ("Cycles" C where C >= m.dayNo and C < N.dayNo)

define function "Is contradicted"(m MARROW, ms List<MARROW>):
  exists (("Repeats"(m, ms)) N where N.diseased != m.diseased)

// Cut by the next marrow, the next cycle and a new lesion.
define function "Window end"(m MARROW, ms List<MARROW>):
  Min({ m.dayNo + $window_after$,
    Min(ms N where N.dayNo > m.dayNo return all N.dayNo) - 1,
    Min("Cycles" C where C >= m.dayNo),
    Min("Lesion days" L where L > m.dayNo) - 1 })

define function "In window"(m MARROW, ms List<MARROW>, ds List<DRAW>):
  ds D where D.dayNo >= m.dayNo - $window_before$ and D.dayNo <= "Window end"(m, ms)

// Whether a count was lower in a later draw; null where that cannot be told.
define function "Has fallen"(earlier VALUE, later List<VALUE>):
  if exists (later L where L is not null and earlier is not null
    and (L.high < earlier.low or (L.high = earlier.low and earlier.lowOpen)))
  then true
  else if exists (later L where (L.low >= earlier.high) is not true return all 1)
  then null as Boolean
  else false

// Counts before the marrow prove nothing once a later draw up to its day is lower.
define function "Has nadir after"(m MARROW, d DRAW, window List<DRAW>):
  if d.dayNo >= m.dayNo then false
  else (d.hasANC and "Has fallen"(d.anc,
      window E where E.at > d.at and E.dayNo <= m.dayNo and E.ownANC return all E.anc))
    or (d.hasPlatelets and "Has fallen"(d.platelets,
      window E where E.at > d.at and E.dayNo <= m.dayNo and E.ownPlatelets
        return all E.platelets))

define function "Ways of window"(m MARROW, window List<DRAW>):
  window D
    aggregate R starting ({ { } as List<DRAW> }):
      flatten (R L return all
        (("Either"("Has nadir after"(m, D, window))) F
          return all (if F then L else flatten { L, { D } })))

// Blasts anywhere in the window stand until a later draw reports none; a draw that reports none
// on the marrow's day or later stands against blasts that come after it.
define function "Blood blasts"(m MARROW, d DRAW, window List<DRAW>):
  case
    when not exists (window X where X.sign = 'present') then Coalesce(d.sign, 'silent')
    when d is null then 'present'
    when d.sign = 'absent' and d.dayNo >= m.dayNo
      and not exists (window X
        where X.sign = 'present' and X.dayNo >= m.dayNo and X.dayNo <= d.dayNo) then 'absent'
    when exists (window X
      where X.sign = 'absent' and X.at <= d.at
        and not exists (window Y where Y.sign = 'present' and Y.at >= X.at))
      then (if d.sign = 'absent' then 'absent' else 'unknown')
    else 'present'
  end

define function "Is dirty"(window List<DRAW>):
  exists (window X where X.sign = 'present')
    and not exists (window X
      where X.sign = 'absent' and X.at > Max(window Y where Y.sign = 'present' return all Y.at))

// A lesion stands for its days of silence after it was last told, then it is not known;
// a denial stands for its own time only.
define function "Lesion"(dayNo Integer, since Integer):
  case
    when not exists ("Lesion statements" S where S.dayNo <= dayNo) then 'silent'
    when not exists ("Lesion statements" S
      where S.present
        and S.dayNo = Max("Lesion statements" T where T.dayNo <= dayNo return all T.dayNo))
      then (if dayNo - Max("Lesion statements" S where S.dayNo <= dayNo return all S.dayNo)
        <= $extramedullary_denial$ then 'absent' else 'silent')
    when Max("Lesion statements" S where S.dayNo <= dayNo return all S.dayNo)
      < since then 'silent'
    when dayNo - Max("Lesion statements" S where S.dayNo <= dayNo return all S.dayNo)
      <= $extramedullary_silence$ then 'present'
    else 'unknown'
  end

define function "Views"(m MARROW, window List<DRAW>, usable List<DRAW>, since Integer):
  if exists usable then
    (usable D return all Tuple { dayNo: Max({ D.dayNo, m.dayNo }), anc: D.anc,
      platelets: D.platelets, blood: "Blood blasts"(m, D, window),
      lesion: "Lesion"(Max({ D.dayNo, m.dayNo }), since) })
  else { Tuple { dayNo: m.dayNo, anc: null as VALUE, platelets: null as VALUE,
    blood: "Blood blasts"(m, null as DRAW, window), lesion: "Lesion"(m.dayNo, since) } }

// ---- The course: what every decrease is measured against ----

define function "First start"(opened Integer):
  Min("Cycles" C where C >= opened)

define function "Before start"(opened Integer):
  Last("Marrows" M where M.dayNo >= opened and M.dayNo <= "First start"(opened) sort by dayNo)

define function "After start"(opened Integer):
  First("Marrows" M
    where M.dayNo > "First start"(opened)
      and M.dayNo <= "First start"(opened) + $baseline_after_start$ sort by dayNo)

define function "First diseased"(opened Integer):
  Min("Marrows" M where M.dayNo >= opened and "Below"(M.blasts, $disease_blasts$) is not true
    return all M.dayNo)

define function "Early marrows"(opened Integer):
  "Marrows" M
    where M.dayNo >= "First diseased"(opened)
      and M.dayNo <= "First diseased"(opened) + $baseline_inferred$

define function "Baseline"(opened Integer):
  case
    when "Surely opened on" is null and "First start"(opened) is not null then null as VALUE
    when "First start"(opened) is not null then
      Coalesce("Before start"(opened), "After start"(opened)).blasts
    when exists (("Early marrows"(opened)) M
      where "Below"(M.blasts, $disease_blasts$) is null return all 1) then null as VALUE
    else Last(("Early marrows"(opened)) M
      where "Below"(M.blasts, $disease_blasts$) is false sort by dayNo).blasts
  end

define function "Baseline again"(opened Integer):
  Last("Marrows" M
    where M.dayNo >= opened and M.dayNo <= Coalesce("First start"(opened), opened)
    sort by dayNo).blasts

// Marrows up to this day are no responses.
define function "Last day before"(opened Integer):
  if "First start"(opened) is not null then
    (if "Before start"(opened) is null and "After start"(opened) is not null
     then "After start"(opened).dayNo else "First start"(opened))
  else Max(("Early marrows"(opened)) M
    where "Below"(M.blasts, $disease_blasts$) is false return all M.dayNo)

// ---- What one marrow with its window proves: the best that one draw is sure to prove ----

define function "Answers"(m MARROW, window List<DRAW>, usable List<DRAW>, since Integer,
    base VALUE, prior Boolean, capped Boolean):
  (("Views"(m, window, usable, since)) V
    return all Tuple {
      dayNo: V.dayNo, uncounted: $uncounted$,
      whole: "Ways of draw"(m, V, base, prior, capped, false),
      ranks: if $uncounted$ and not capped
        then (if $lacks_lower$ and exists (("Ways of draw"(m, V, base, prior, capped, false)) R
            where R in { $remissions$ })
          then flatten { { $IND$ }, ("Ways of draw"(m, V, base, prior, capped, false)) R
            where not (R in { $remissions$ }) }
          else "Ways of draw"(m, V, base, prior, capped, true))
        else "Ways of draw"(m, V, base, prior, capped, false) })

define function "Floor"(answers List<ANSWERS>):
  Min(answers A return all Max(A.ranks))

define function "Evaluated"(answers List<ANSWERS>):
  Tuple {
    ranks: distinct flatten { { "Floor"(answers) },
      flatten (answers A return all (A.ranks R where R < "Floor"(answers))) },
    perhaps: exists (answers A where A.uncounted and exists (A.whole R
      where R in { $remissions$ } and R < "Floor"(answers)
        and not exists (answers B where R in B.ranks))),
    held: Min(answers A where A.uncounted and exists (A.whole R where R in { $remissions$ })
      return all A.dayNo),
    since: Coalesce(
      Min(answers A where not exists (A.ranks R where not (R in { $remissions$ }))
        return all A.dayNo),
      Min(answers A where exists (A.ranks R where R in { $remissions$ }) return all A.dayNo)) }
"""
