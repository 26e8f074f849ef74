"""The part of a library that walks every course that a record allows, and says what they share."""

from __future__ import annotations

TEXT = """
// ---- Blood and lesions between marrows ----

define function "In remission between"(w WORLD, sign Boolean):
  case
    when w.phase = 'remission' then { w }
    when "Is unproved"(w) and sign then { "As if"(w),
      "World"("No longer"(w), null as Integer) }
    else { w }
  end

define function "At blood"(w WORLD, d DRAW):
  if w.phase != 'remission' then { "World"(w, null as Integer) }
  else case
    when d.sign = 'absent' then
      { "World"("Calm"(w), if w.bloody then "Now"("Calm"(w)) else null as Integer) }
    when "Completes"(w, d.dayNo) then { "Ended"(w, d.dayNo, $blood_ruled$, $NE$) }
    else { "Bloody"(w, d.dayNo, true, $suspected$) }
  end

define function "At lesion"(w WORLD, dayNo Integer):
  if w.phase != 'remission' then { "World"(w, null as Integer) }
  else { "Ended"(w, dayNo, $lesion_ruled$, $NE$) }

// By one key: engine 3.26 of the JVM sorts by the last of several. A day of a marrow has no other.
define function "Points"(ms List<MARROW>, ds List<DRAW>):
  (flatten {
    ms M return all Tuple { dayNo: M.dayNo, kind: 0, at: M.dayNo * 86400, m: M, d: null as DRAW },
    "Lesion days" L where not exists (ms M where M.dayNo = L)
      return all Tuple { dayNo: L, kind: 1, at: L * 86400, m: null as MARROW, d: null as DRAW },
    ds D where D.sign != 'silent' and not exists (ms M where M.dayNo = D.dayNo)
        and not exists ("Lesion days" L where L = D.dayNo)
      return all Tuple { dayNo: D.dayNo, kind: 2, at: D.at, m: null as MARROW, d: D } }) P
    return all P sort by at

define function "Step"(w WORLD, p POINT, ms List<MARROW>, ds List<DRAW>, told Boolean):
  case
    when p.kind = 0 then "At marrow"(w, p.m, ms, ds, told)
    when Coalesce(p.dayNo <= w.since, false) then { "World"(w, null as Integer) }
    else flatten (("In remission between"(w, p.kind = 1 or p.d.sign = 'present')) X
      return all (if p.kind = 1 then "At lesion"(X, p.dayNo) else "At blood"(X, p.d)))
  end

// Where any course has a word to say, all say how they stand; else what was said stays.
define function "After"(shown List<Integer>, worlds List<WORLD>):
  Tuple { worlds: worlds,
    shown: if exists (worlds W where W.said is not null)
      then (worlds W return Coalesce(W.said, "Now"(W))) else shown }

define function "Begun"(opened Integer):
  Tuple { phase: 'before', opened: opened, again: false,
    category: null as Integer, dayNo: null as Integer, since: null as Integer,
    bloody: false, samples: { } as List<Integer>,
    asked: null as Integer, stands: $NE$, said: null as Integer }

define function "Walked"(opened Integer, told Boolean, ms List<MARROW>, ds List<DRAW>):
  ("Points"(ms, ds)) P
    aggregate R starting (Tuple { worlds: { "Begun"(opened) }, shown: { $NE$ } }):
      "After"(R.shown, distinct flatten (R.worlds W return all "Step"(W, P, ms, ds, told)))

define "Walks":
  flatten ("Begun on" B
    return all flatten ((if exists ("Remissions claimed" C where C.dayNo is not null)
        then { true, false } else { false }) T
      return all flatten ("Ways of marrows" M
        return all ("Ways of draws" D return all "Walked"(B, T, M, D)))))

/* Every answer that the record allows. */
define "Possible ranks":
  distinct flatten ("Walks" W return all W.shown)

// Claims of one side of the line: the lowest is said. Anything else that differs is undecided.
define "Agreed rank":
  case
    when Count("Possible ranks") = 1 then First("Possible ranks")
    when not exists ("Possible ranks" R where not (R in { $one_side$ })) then
      Max("Possible ranks")
    else $IND$
  end

define "Waits":
  $withholds$ and not ("Agreed rank" in { $NE$, $RELAPSE$ })
    and exists ("Walks" W where exists (W.worlds X where X.phase != 'remission'))
    and exists ("Cycles" C where C >= Coalesce(Max("Marrow days"), 0))

define "May be in remission":
  exists ("Walks" W where exists (W.worlds X where X.phase = 'remission' or "Is unproved"(X)))

define "Verdict":
  case
    when exists "Not read" then $beyond$
    when exists "APL confirmed" then $NE$
    when exists "Other leukaemia confirmed" and not exists "AML confirmed" then $NE$
    when exists "Other leukaemia confirmed" and exists "Marrows" then $IND$
    when not exists "AML confirmed" and exists "AML doubted" and exists "Marrows" then $IND$
    when not exists "AML confirmed" and exists "Marrows"
      and not exists ("Marrows" M where "Below"(M.blasts, $lineage_blasts$) is false) then $IND$
    when $beyond$ in "Possible ranks" then $beyond$
    when "Waits" and "May be in remission" then $IND$
    when "Waits" then $NE$
    else "Agreed rank"
  end

/* Why there is no answer. */
define "Refused because":
  case
    when exists "Not read" then "Not read"
    when "Verdict" = $beyond$ then { 'a remission that somebody coded after a relapse' }
    else { } as List<String>
  end

/* What the record proves; null where it holds what this library does not read. */
define "Category":
  case
$names$
    else null as String
  end
"""
