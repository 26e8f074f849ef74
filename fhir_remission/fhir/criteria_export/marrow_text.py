"""The part of a library that judges one marrow with its window, and says the answer."""

from __future__ import annotations

TEXT = """
// ---- One marrow in the course ----

define function "Next marrow"(m MARROW):
  First("Marrows" N where N.at > m.at sort by at)

define function "Next cycle"(m MARROW):
  Min("Cycles" C where C >= m.dayNo)

define function "Is early"(m MARROW):
  Coalesce(m.dayNo - Max("Cycles" C where C < m.dayNo) < $early_marrow$, false)

define function "Is cleared"(m MARROW):
  "Below"(m.blasts, $disease_blasts$)

// A marrow is a response evaluation only after leukaemia or a start of therapy is on record.
define function "Is evaluation"(m MARROW):
  (Coalesce("First sign on" < m.dayNo, false)
      or Coalesce(m.dayNo - "Diagnosed on" >= $treated_before_marrow$, false))
    and not ("Treated on" is null and Coalesce(m.dayNo = "First blasts on", false)
      and m.dayNo = Min("Marrows" N return all N.dayNo))

// Of two marrows close together that disagree the later decides.
define function "Is contradicted"(m MARROW):
  exists ("Marrows" N
    where N.at > m.at and N.dayNo - m.dayNo < $repeat_marrow$
      and Coalesce("Next cycle"(m) >= N.dayNo, true)
      and ("Is cleared"(N) is null
        or ("Is cleared"(N) and "Is cleared"(m) is false)
        or (not "Is cleared"(N) and "Is cleared"(m) is not false)))

define function "In window"(m MARROW):
  "Draws" D
    let next: "Next marrow"(m), cycle: "Next cycle"(m)
    where D.dayNo >= m.dayNo - $window_before$ and D.dayNo <= m.dayNo + $window_after$
      and (next is null or D.dayNo < next.dayNo
        or (D.dayNo = next.dayNo and not D.dateOnly and D.at < next.at))
      and (cycle is null or D.dayNo <= cycle)

define function "Sign of blood blasts"(
    blasts Integer, doubt Integer, lastClear Integer, chance Integer,
    smeared Boolean, clear Boolean):
  case
    when blasts is not null and Coalesce(chance <= blasts, true) then 'present'
    when doubt is not null and Coalesce(lastClear <= doubt, true) then 'unknown'
    when clear then 'absent'
    when blasts is null and doubt is null then 'silent'
    else 'unknown'
  end

// Blasts in the blood of the window stand until a later draw reports none.
define function "Blood blasts"(m MARROW, moment Integer, smeared Boolean, clear Boolean):
  "Sign of blood blasts"(
    Max(("In window"(m)) D
      where "Above"(D.blood, 0.0) is true return all D.at),
    Max(("In window"(m)) D
      where D.smeared and "Above"(D.blood, 0.0) is null return all D.at),
    Max(("In window"(m)) D
      where D.at <= moment and D.smeared and D.blood.high = 0.0 return all D.at),
    Max(("In window"(m)) D
      where D.at <= moment and D.smeared and "Above"(D.blood, 0.0) is not true return all D.at),
    smeared, clear)

// A lesion stands for $extramedullary_silence$ days after it was last told, then it is not known.
define function "Lesion"(dayNo Integer):
  case
    when not exists ("Lesion statements" S where S.dayNo <= dayNo) then 'silent'
    when not exists ("Lesion statements" S
      where S.present
        and S.dayNo = Max("Lesion statements" T where T.dayNo <= dayNo return all T.dayNo))
      then 'absent'
    when dayNo - Max("Lesion statements" S where S.dayNo <= dayNo return all S.dayNo)
      <= $extramedullary_silence$ then 'present'
    else 'unknown'
  end

// Counts before the marrow prove nothing once a later draw up to its day is lower.
define function "Has fallen"(m MARROW, dayNo Integer, moment Integer, count VALUE, has Boolean,
    isANC Boolean):
  exists ("Draws" E
    where dayNo < m.dayNo and E.at > moment and E.dayNo <= m.dayNo and has
      and (if isANC then E.hasANC else E.hasPlatelets)
      and (if isANC then E.anc.low >= count.high else E.platelets.low >= count.high)
        is not true)

define function "Usable draws"(m MARROW):
  ("In window"(m)) D
    where not "Has fallen"(m, D.dayNo, D.at, D.anc, D.hasANC, true)
      and not "Has fallen"(m, D.dayNo, D.at, D.platelets, D.hasPlatelets, false)
    return all Tuple { dayNo: Max({ D.dayNo, m.dayNo }), at: D.at,
      anc: D.anc, platelets: D.platelets,
      smeared: D.smeared, clear: D.smeared and Coalesce(D.blood.high = 0.0, false) }

define function "Views"(m MARROW):
  (if exists "Usable draws"(m) then "Usable draws"(m)
   else { Tuple { dayNo: m.dayNo, at: null as Integer, anc: null as VALUE, platelets: null as VALUE,
     smeared: false, clear: false } }) D
    return all Tuple { anc: D.anc, platelets: D.platelets,
      bloodBlasts: "Blood blasts"(m, D.at, D.smeared, D.clear), lesion: "Lesion"(D.dayNo) }

// A sign that was never told is taken as absent, unless nothing may be assumed.
define function "Is absent"(sign String, silence Boolean):
  case
    when sign = 'absent' then true
    when sign = 'present' then false
    when sign = 'silent' then silence
    else null as Boolean
  end

// "exists" passes over nulls: what is unknown is counted by something that is not null.
define function "Any"(verdicts List<Boolean>):
  if exists (verdicts V where V is true) then true
  else if exists (verdicts V where V is null return all true) then null as Boolean
  else false
"""

ANSWERS = """
// ---- The answer of one marrow, and of the record ----

define function "Best category"(m MARROW, prior Boolean):
  case
$best$
    else null as String
  end

// A category that is neither proved nor excluded leaves the answer open.
define function "Is open"(m MARROW, prior Boolean):
  exists (("Judged"(m, prior)) J where $open$)

define function "But for quality"(m MARROW, prior Boolean):
  "Any"(("Judged"(m, prior)) J return all J.butForQuality)

define function "Best possible when early"(m MARROW, prior Boolean):
  "Any"({ $earliest$ })

define function "Blasts in every draw"(m MARROW):
  not exists (("Views"(m)) V where V.bloodBlasts != 'present')

define function "Is remission"(m MARROW):
  if not "Is evaluation"(m) or "Is contradicted"(m) then false
  else "Any"({ $remissions$ })

define function "Prior"(proved Boolean, claimed Boolean):
  if proved then true else if claimed then null as Boolean else proved

define function "Prior remission"(m MARROW):
  "Prior"(
    "Any"("Marrows" N where N.at < m.at return all "Is remission"(N)),
    Coalesce("Remission claimed on" <= m.dayNo, false))

define function "Answer after"(m MARROW, prior Boolean):
  case
    when not "Is evaluation"(m) then $NE$
    when "Is cleared"(m) is true then case
      when "Blasts in every draw"(m) and prior is null then $IND$
      when "Blasts in every draw"(m) and prior then $suspected$
      when "Best category"(m, prior) is not null then "Best category"(m, prior)
      when "Is open"(m, prior) then $IND$
      when "Is early"(m) then $NE$
      when "But for quality"(m, prior) is true then $NE$
      when "But for quality"(m, prior) is null then $IND$
      when prior is null then $IND$
      else $NR$
    end
    when prior is true and "Is cleared"(m) is false then $relapse$
    when prior is true or prior is null then $IND$
    when "Is early"(m) and ("Is cleared"(m) is false
      or "Best possible when early"(m, prior) is false) then $NE$
    when "Is cleared"(m) is false then case
      when "Best category"(m, prior) is not null then "Best category"(m, prior)
      when "Is open"(m, prior) then $IND$
      else $NR$
    end
    when "Is early"(m) or "Is open"(m, prior) then $IND$
    when "But for quality"(m, prior) is null then $IND$
    else $NR$
  end

define function "Answer"(m MARROW):
  "Answer after"(m, "Prior remission"(m))

define "Latest evaluable marrow":
  Last("Marrows" M where "Answer"(M) != $NE$ and not "Is contradicted"(M) sort by at)

define function "Verdict"(m MARROW, answer String, remitted Boolean):
  case
    when "Is beyond this library" then null as String
    when exists "APL confirmed" then $NE$
    when exists "Other leukaemia confirmed" and not exists "AML confirmed" then $NE$
    when exists "Other leukaemia confirmed" and exists "Marrows" then $IND$
    when not exists "AML confirmed" and exists "AML doubted" and exists "Marrows" then $IND$
    when not exists "AML confirmed" and exists "Marrows"
      and not exists ("Marrows" M where "Below"(M.blasts, $lineage_blasts$) is false) then $IND$
    when m is null then $NE$
    when $withholds$ and "Next cycle"(m) is not null and remitted is false then $NE$
    when $withholds$ and "Next cycle"(m) is not null and remitted is null then $IND$
    else answer
  end

/* The category of the latest evaluable marrow with its window. */
define "Category":
  "Verdict"("Latest evaluable marrow", "Answer"("Latest evaluable marrow"),
    "Any"({ "Is remission"("Latest evaluable marrow"),
      "Prior remission"("Latest evaluable marrow") }))
"""
