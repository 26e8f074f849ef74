"""The part of a library that takes one definite course from marrow to marrow."""

from __future__ import annotations

TEXT = """
// ---- Every course that the record allows, from marrow to marrow ----

define function "World"(w WORLD, said Integer):
  Tuple { phase: w.phase, opened: w.opened, again: w.again, category: w.category, dayNo: w.dayNo,
    since: w.since, bloody: w.bloody, samples: w.samples, asked: w.asked,
    stands: w.stands, said: said }

define function "Now"(w WORLD):
  if w.phase = 'remission' and (w.bloody or w.asked is not null) then $suspected$ else w.stands

define function "Standing"(w WORLD, phase String, category Integer, dayNo Integer,
    since Integer):
  Tuple { phase: phase, opened: w.opened, again: w.again, category: category,
    dayNo: dayNo, since: since,
    bloody: false, samples: { } as List<Integer>, asked: null as Integer,
    stands: category, said: category }

define function "Calm"(w WORLD):
  Tuple { phase: w.phase, opened: w.opened, again: w.again, category: w.category, dayNo: w.dayNo,
    since: w.since, bloody: false, samples: { } as List<Integer>, asked: w.asked,
    stands: w.stands, said: w.said }

define function "Unasked"(w WORLD):
  Tuple { phase: w.phase, opened: w.opened, again: w.again, category: w.category, dayNo: w.dayNo,
    since: w.since, bloody: false, samples: { } as List<Integer>, asked: null as Integer,
    stands: w.stands, said: w.said }

define function "Bloody"(w WORLD, sample Integer, keeps Boolean, said Integer):
  Tuple { phase: w.phase, opened: w.opened, again: w.again, category: w.category, dayNo: w.dayNo,
    since: w.since, bloody: true,
    samples: flatten { if keeps then w.samples else { } as List<Integer>,
      if sample is null then { } as List<Integer> else { sample } },
    asked: if keeps then w.asked else null as Integer, stands: w.stands, said: said }

// Only counts that nobody has keep it from a remission: it may have been one; also after one that
// was taken back.
define function "May have been"(phase String):
  if phase = 'withdrawn' then 'unproved again' else 'unproved'

define function "Is unproved"(w WORLD):
  w.phase in { 'unproved', 'unproved again' }

// It was none after all.
define function "No longer"(w WORLD):
  "Standing"(w, if w.phase = 'unproved again' then 'withdrawn' else 'before',
    if w.category = $IND$ then $NE$ else w.category, w.dayNo, w.since)

define function "Unproved"(w WORLD):
  Tuple { phase: "May have been"(w.phase), opened: w.opened, again: w.again, category: w.category,
    dayNo: w.dayNo, since: w.since, bloody: w.bloody, samples: w.samples, asked: w.asked,
    stands: w.stands, said: w.said }

// Somebody's word on a remission was true: nobody knows which.
define function "As if"(w WORLD):
  "World"("Standing"(w, 'remission', $IND$, null as Integer, null as Integer), w.said)

// What ends a remission.
$relapse_rules$
define function "Ended"(w WORLD, dayNo Integer, ruled Boolean, answer Integer):
  if ruled then Tuple { phase: 'relapsed', opened: dayNo, again: true, category: $RELAPSE$,
    dayNo: dayNo, since: null as Integer, bloody: false, samples: { } as List<Integer>,
    asked: null as Integer, stands: $RELAPSE$, said: $RELAPSE$ }
  else "Standing"(w, 'withdrawn', answer, null as Integer, null as Integer)

define function "Completes"(w WORLD, dayNo Integer):
  $completes$

define function "Lesions since"(w WORLD):
  if w.again then w.opened else w.opened - $before_diagnosis$

// ---- A marrow before the first remission of its course ----

define function "Speaks against"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  case
    when $withholds$ and exists ("Cycles" C where C >= w.dayNo and C < m.dayNo) then true
    when not (w.category in { $claims$ }) then false
    when m.dayNo - w.dayNo < $repeat_marrow$
      and m.diseased = (w.category in { $early$ }) then true
    else exists (("Repeats"(m, ms)) N where N.diseased)
      or exists (ds D where D.dayNo > w.dayNo and D.dayNo <= m.dayNo and D.sign = 'present')
      or exists ("Lesion days" L where L > w.dayNo and L <= m.dayNo)
  end

// Not evaluable; the marrow before stands where nothing speaks against it.
define function "Passed over"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  { if w.dayNo is null or "Speaks against"(w, m, ms, ds) then "World"(w, $NE$)
    else "World"(w, w.stands) }

define function "Judged"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  (("Ways of window"(m, "In window"(m, ms, ds))) U
    return "Evaluated"("Answers"(m, "In window"(m, ms, ds), U, "Lesions since"(w),
      if w.again then "Baseline again"(w.opened) else "Baseline"(w.opened),
      w.phase in { 'remission', 'withdrawn', 'unproved again' },
      "Is early"(m) or ("Is contradicted"(m, ms) and not m.diseased))))

define function "Responded"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>, rank Integer,
    since Integer, perhaps Boolean, held Integer):
  case
    when rank in { $remissions$ } then { "Standing"(w, 'remission', rank, m.dayNo, since) }
    when rank = $NE$ then "Passed over"(
      if perhaps and w.phase in { 'before', 'relapsed', 'withdrawn' } then "Unproved"(w) else w,
      m, ms, ds)
    when not (rank in { $rows$ }) and "Is early"(m) then "Passed over"(w, m, ms, ds)
    when not (rank in { $rows$ }) and not m.diseased and "Is contradicted"(m, ms) then
      { "Standing"(w, w.phase, $NE$, m.dayNo, null as Integer) }
    else { "Standing"(w,
      if perhaps and w.phase in { 'before', 'withdrawn' } then "May have been"(w.phase)
        else w.phase, rank, m.dayNo, if perhaps then held else m.dayNo) }
  end

define function "Respond"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  if "Is early"(m) and m.diseased then "Passed over"(w, m, ms, ds)
  else flatten (("Judged"(w, m, ms, ds)) E
    return all flatten (E.ranks R
      return all "Responded"(w, m, ms, ds, R, E.since, E.perhaps, E.held)))

// ---- A marrow in a remission ----

define function "Asks repeat"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  $asks$

define function "Followed below"(w WORLD, m MARROW, rank Integer, dirty Boolean, ahead Boolean,
    today String, good Boolean, capped Boolean, early Boolean, since Integer):
  case
    when rank in { $remissions$ } and not capped then
      { "Standing"(w, 'remission', Min({ rank, w.category }), m.dayNo, w.since) }
    when dirty and not $blood_ruled$ then { "Ended"(w, m.dayNo, false, $NR$) }
    when dirty and good and not ahead then { "World"("Unasked"(w), "Now"("Unasked"(w))) }
    when dirty then { "Bloody"(w, if today = 'present' then m.dayNo else null as Integer,
      not good, $suspected$) }
    when rank = $NE$ or (early and not (rank in { $rows$ })) then { "World"(w, "Now"(w)) }
    when rank = $IND$ then { "World"(w, "Now"(w)) }
    when not (rank in { $rows$ }) then
      { "World"(if good then "Unasked"(w) else w, $IND$) }
    else (({ if good then "Unasked"(w) else w }) X
      let best: Tuple { phase: X.phase, opened: X.opened, again: X.again,
        category: Min({ rank, X.category }), dayNo: X.dayNo, since: X.since,
        bloody: X.bloody, samples: X.samples, asked: X.asked,
        stands: Min({ rank, X.category }), said: X.said }
      return all "World"(best, "Now"(best)))
  end

define function "Is good"(m MARROW):
  $good$

define function "Today"(m MARROW, ds List<DRAW>):
  if exists (ds D where D.dayNo = m.dayNo and D.sign = 'present') then 'present'
  else if exists (ds D where D.dayNo = m.dayNo and D.sign = 'absent') then 'absent'
  else 'silent'

define function "Follow below"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  flatten (("Judged"(w, m, ms, ds)) E
    return all flatten (E.ranks R
      return all flatten (("Either"("Is good"(m))) G
        return all "Followed below"(if "Today"(m, ds) = 'absent' then "Calm"(w) else w, m, R,
          "Is dirty"("In window"(m, ms, ds)), exists (("In window"(m, ms, ds)) D
            where D.sign = 'present' and D.dayNo >= m.dayNo), "Today"(m, ds), G,
          "Is early"(m) or "Is contradicted"(m, ms), "Is early"(m), E.since))))

define function "Followed"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>, asks Boolean):
  case
    when m.diseased and not asks and not "Is contradicted"(m, ms) then
      { "Ended"(w, m.dayNo, $marrow_ruled$, $NR$) }
    when exists ("Lesion days" L where L = m.dayNo) then
      { "Ended"(w, m.dayNo, $lesion_ruled$, $NR$) }
    when "Today"(m, ds) = 'present' and "Completes"(w, m.dayNo) then
      { "Ended"(w, m.dayNo, $blood_ruled$, $NR$) }
    when m.diseased and not "Is contradicted"(m, ms) then
      { Tuple { phase: w.phase, opened: w.opened, again: w.again,
        category: w.category, dayNo: w.dayNo, since: w.since, bloody: w.bloody, samples: w.samples,
        asked: Coalesce(w.asked, m.dayNo), stands: w.stands, said: $suspected$ } }
    when m.diseased then
      { if "Today"(m, ds) = 'present' then "Bloody"(w, m.dayNo, true, $IND$)
        else "World"(w, $IND$) }
    else "Follow below"(w, m, ms, ds)
  end

define function "Follow"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  flatten (("Asks repeat"(w, m, ms, ds)) A return all "Followed"(w, m, ms, ds, A))

// ---- Any marrow ----

define function "Claimed"(w WORLD, m MARROW):
  w.phase = 'before' and exists ("Remissions claimed" C
    where C.dayNo is null or (C.dayNo < m.dayNo and (not w.again or C.dayNo >= w.opened)))

// A marrow is a response only after leukaemia or a start of therapy is on record.
define function "Is evaluation"(m MARROW):
  case
    when exists ("Cycles" C where C < m.dayNo) then true
    when Coalesce("First sign on" < m.dayNo, false) then true
    when Coalesce(m.dayNo - "Diagnosed on" >= $treated_before_marrow$, false) then true
    when Coalesce("Possible sign on" < m.dayNo, false) then null as Boolean
    else false
  end

define function "Shows disease"(m MARROW, ms List<MARROW>, ds List<DRAW>):
  m.diseased or exists ("Lesion days" L where L = m.dayNo)
    or "Today"(m, ds) = 'present' or "Is dirty"("In window"(m, ms, ds))

define function "From phase"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  case
    when w.phase = 'remission' then "Follow"(w, m, ms, ds)
    when "Is unproved"(w) and "Shows disease"(m, ms, ds) then flatten {
      "Follow"("As if"(w), m, ms, ds), "Respond"("No longer"(w), m, ms, ds) }
    else "Respond"(w, m, ms, ds)
  end

// Until therapy after a relapse is known, disease wherever it shows is that relapse.
define function "Still relapsed"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>):
  case
    when exists ("Cycles" C where C >= w.opened and C < m.dayNo) then { false }
    when m.diseased or ($blood_ruled$ and "Is dirty"("In window"(m, ms, ds))) then { true }
    when not $lesion_ruled$ then { false }
    else (({ "Lesion"(Max(flatten { { m.dayNo }, ("In window"(m, ms, ds)) D return all D.dayNo }),
        w.opened) }) L
      return all (if L = 'present' then { true } else if L = 'unknown' then { true, false }
        else { false }))[0]
  end

define function "New course"(w WORLD):
  Tuple { phase: 'before', opened: w.opened, again: true, category: null as Integer,
    dayNo: null as Integer, since: null as Integer, bloody: false,
    samples: { } as List<Integer>, asked: null as Integer, stands: w.stands,
    said: null as Integer }

define function "In course"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>, told Boolean):
  case
    when "Claimed"(w, m) and exists ("Remissions claimed" C where C.dayNo is null return all 1)
      then flatten { "From phase"(w, m, ms, ds), "From phase"("As if"(w), m, ms, ds) }
    when "Claimed"(w, m) and w.again then { "World"(w, $beyond$) }
    when "Claimed"(w, m) and told then "From phase"("As if"(w), m, ms, ds)
    when "Claimed"(w, m) or w.phase != 'before' then "From phase"(w, m, ms, ds)
    when m.diseased and not w.again
      and Coalesce(m.dayNo <= "Last day before"(w.opened), false) then { "World"(w, $NE$) }
    when m.dayNo < w.opened then { "World"(w, $NE$) }
    else flatten (("Either"("Is evaluation"(m))) G
      return all (if G then "From phase"(w, m, ms, ds) else { "World"(w, $NE$) }))
  end

define function "At marrow"(w WORLD, m MARROW, ms List<MARROW>, ds List<DRAW>, told Boolean):
  if w.phase != 'relapsed' then "In course"(w, m, ms, ds, told)
  else flatten (("Still relapsed"(w, m, ms, ds)) S
    return all (if S then { "World"(w, $RELAPSE$) }
      else "In course"("New course"(w), m, ms, ds, told)))
"""
