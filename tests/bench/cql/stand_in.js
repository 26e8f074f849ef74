// The stand-in rule as ELM, run by cql-execution over patients of cql-exec-fhir.
//
//   node stand_in.js FILE        prints how many patients have which answer
//
// The ELM is written by hand (a translator would need Java), in the shape a translator gives it.
// Lines without one of the three codes are dropped before anything is parsed.
"use strict";
process.env.TZ = "UTC";
const fs = require("fs");
const readline = require("readline");
const cql = require("cql-execution");
const { PatientSource } = require("cql-exec-fhir");

const [MARROW, NEUTROPHILS, PLATELETS] = ["11150-0", "751-8", "777-3"];
const WEEK = 7 * 86400;
const FHIR = (name) => `{http://hl7.org/fhir}${name}`;
const SYSTEM = (name) => `{urn:hl7-org:elm-types:r1}${name}`;

const number = (value) => ({ type: "Literal", valueType: SYSTEM("Decimal"), value: String(value) });
const whole = (value) => ({ type: "Literal", valueType: SYSTEM("Integer"), value: String(value) });
const text = (value) => ({ type: "Literal", valueType: SYSTEM("String"), value });
const ref = (name) => ({ type: "ExpressionRef", name });
const alias = (name) => ({ type: "AliasRef", name });
const property = (source, path) => ({ type: "Property", path, source });
const path = (source, ...names) => names.reduce(property, source);
const binary = (type, left, right) => ({ type, operand: [left, right] });
const all = (...terms) => terms.reduce((left, right) => binary("And", left, right));
const any = (...terms) => terms.reduce((left, right) => binary("Or", left, right));
const unary = (type, operand) => ({ type, operand });
const when = (condition, then, otherwise) => ({ type: "If", condition, then, else: otherwise });
const last = (source) => ({ type: "Last", source });
const tuple = (elements) => ({
  type: "Tuple",
  element: Object.entries(elements).map(([name, value]) => ({ name, value })),
});
const query = (name, expression, where, returned, sortBy) => ({
  type: "Query",
  source: [{ alias: name, expression }],
  relationship: [],
  where,
  return: { distinct: false, expression: returned },
  ...(sortBy && { sort: { by: sortBy.map((path) => ({ type: "ByColumn", path, direction: "asc" })) } }),
});

const between = (one, other) => ({
  type: "DurationBetween",
  precision: "Second",
  operand: [one, other],
});
const EPOCH = {
  type: "DateTime",
  year: whole(2000), month: whole(1), day: whole(1), hour: whole(0), minute: whole(0),
  second: whole(0), millisecond: whole(0), timezoneOffset: number(0),
};

// Seconds, because a sort takes two equal DateTimes for different ones (cql-execution 3.3.2) and
// never comes to the second column. A day alone is its first moment; left as it is, durations from
// it would be uncertain.
function moment(source) {
  const part = (precision) => ({ type: "DateTimeComponentFrom", precision, operand: source });
  const or0 = (precision) => ({ type: "Coalesce", operand: [part(precision), whole(0)] });
  const complete = {
    type: "DateTime",
    year: part("Year"), month: part("Month"), day: part("Day"),
    hour: or0("Hour"), minute: or0("Minute"), second: or0("Second"), millisecond: or0("Millisecond"),
    timezoneOffset: { type: "TimezoneOffsetFrom", operand: source },
  };
  return between(EPOCH, complete);
}

const O = alias("O");
const value = path(O, "value", "value", "value");
const inUnit = when(
  binary("Equal", path(O, "value", "unit", "value"), text("/uL")),
  binary("Divide", value, number(1000)),
  value
);
const timed = (code) =>
  query(
    "O",
    ref("Results"),
    binary("Equal", path({ type: "First", source: path(O, "code", "coding") }, "code", "value"), text(code)),
    tuple({ t: moment(path(O, "effective", "value")), v: inUnit }),
    ["t", "v"]
  );
const away = unary(
  "Abs",
  binary("Subtract", path(ref("Marrow"), "t"), path(alias("C"), "t"))
);
const nearest = (counts) =>
  last(
    query(
      "C",
      ref(counts),
      binary("LessOrEqual", away, whole(WEEK)),
      tuple({
        near: unary("Negate", away),
        t: path(alias("C"), "t"),
        v: path(alias("C"), "v"),
      }),
      ["near", "t", "v"]
    )
  );
const atLeast = (name, limit) => binary("GreaterOrEqual", path(ref(name), "v"), number(limit));
const status = path(O, "status", "value");

const definitions = {
  Patient: { type: "SingletonFrom", operand: { type: "Retrieve", dataType: FHIR("Patient") } },
  Results: query(
    "O",
    { type: "Retrieve", dataType: FHIR("Observation") },
    all(
      any(...["final", "amended", "corrected"].map((one) => binary("Equal", status, text(one)))),
      { type: "Is", isType: FHIR("Quantity"), operand: property(O, "value") }
    ),
    O
  ),
  Marrows: timed(MARROW),
  "All neutrophils": timed(NEUTROPHILS),
  "All platelets": timed(PLATELETS),
  Marrow: last(ref("Marrows")),
  Neutrophils: nearest("All neutrophils"),
  Platelets: nearest("All platelets"),
  Answer: when(
    unary("IsNull", ref("Marrow")),
    { type: "Null" },
    when(
      atLeast("Marrow", 5),
      text("NR"),
      when(
        any(unary("IsNull", ref("Neutrophils")), unary("IsNull", ref("Platelets"))),
        text("IND"),
        when(
          all(atLeast("Neutrophils", 1), atLeast("Platelets", 100)),
          text("CR"),
          when(
            all(atLeast("Neutrophils", 0.5), atLeast("Platelets", 50)),
            text("CRh"),
            when(any(atLeast("Neutrophils", 1), atLeast("Platelets", 100)), text("CRi"), text("MLFS"))
          )
        )
      )
    )
  ),
};
const library = {
  library: {
    identifier: { id: "StandIn", version: "1" },
    schemaIdentifier: { id: "urn:hl7-org:elm", version: "r1" },
    usings: { def: [
      { localIdentifier: "System", uri: "urn:hl7-org:elm-types:r1" },
      { localIdentifier: "FHIR", uri: "http://hl7.org/fhir", version: "4.0.1" },
    ] },
    statements: {
      def: Object.entries(definitions).map(([name, expression]) => ({
        name, context: "Patient", accessLevel: "Public", expression,
      })),
    },
  },
};

async function bundles(file) {
  const wanted = [MARROW, NEUTROPHILS, PLATELETS].map((code) => `"${code}"`);
  const people = new Map();
  for await (const line of readline.createInterface({ input: fs.createReadStream(file) })) {
    if (!wanted.some((code) => line.includes(code))) continue;
    const resource = JSON.parse(line);
    const reference = resource.subject.reference;
    if (!people.has(reference)) {
      const patient = { resourceType: "Patient", id: reference.split("/").pop() };
      people.set(reference, [{ resource: patient }]);
    }
    people.get(reference).push({ resource });
  }
  return [...people.values()].map((entry) => ({ resourceType: "Bundle", type: "collection", entry }));
}

async function main() {
  const source = PatientSource.FHIRv401();
  source.loadBundles(await bundles(process.argv[2]));
  const executor = new cql.Executor(new cql.Library(library));
  const found = await executor.exec_expression("Answer", source);
  const counts = {};
  for (const result of Object.values(found.patientResults)) {
    if (result.Answer != null) counts[result.Answer] = (counts[result.Answer] || 0) + 1;
  }
  console.log(JSON.stringify(counts));
}

main();
