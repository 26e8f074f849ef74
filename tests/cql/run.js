// One line a patient: what cql-execution says of courses by one library.
//   node run.js ELM.json HELPERS.json VALUESETS.json COURSES.ndjson
// Every definition without operands is worked out once a patient: the engine itself keeps nothing.
const fs = require('fs');
const { createRequire } = require('module');
const load = createRequire(process.cwd() + '/');
const cql = load('cql-execution');
const fhir = load('cql-exec-fhir');

const [elm, helpers, sets, courses] = process.argv.slice(2, 6).map((file) => fs.readFileSync(file, 'utf8'));
let known = new Map();
const Reference = cql.ExpressionRef ?? load('cql-execution/lib/elm/reusable').ExpressionRef;
const work = Reference.prototype.exec;
Reference.prototype.exec = function (context) {
  if (this.libraryName !== undefined && this.libraryName !== null) return work.call(this, context);
  if (!known.has(this.name)) known.set(this.name, work.call(this, context));
  return known.get(this.name);
};

const library = new cql.Library(JSON.parse(elm), new cql.Repository({ helpers: JSON.parse(helpers) }));
const codes = new cql.CodeService(JSON.parse(sets));
const version = (one) => parseInt(one.meta?.versionId ?? '0', 10);
const people = new Map();
for (const line of courses.split('\n')) {
  if (!line.trim()) continue;
  const one = JSON.parse(line);
  const id = one.resourceType === 'Patient' ? one.id : one.subject.reference.split('/')[1];
  if (!people.has(id)) people.set(id, new Map());
  const held = people.get(id);
  const key = `${one.resourceType}/${one.id}`;
  if (!held.has(key) || version(held.get(key)) < version(one)) held.set(key, one);
}
const source = fhir.PatientSource.FHIRv401(); // parses the model: seconds, so once
(async () => {
  for (const [id, held] of people) {
    known = new Map();
    const entry = [...held.values()].map((resource) => ({ resource }));
    source._bundles = [];
    source._index = 0;
    source.loadBundles([{ resourceType: 'Bundle', type: 'collection', entry }]);
    const executor = new cql.Executor(library, codes, {});
    let said = {};
    try {
      const results = await executor.exec_expression('Category', source);
      said = { category: results.patientResults[id]?.Category ?? null };
    } catch (problem) {
      said = { error: String(problem.message).slice(0, 300) };
    }
    console.log(JSON.stringify({ patient: `Patient/${id}`, ...said }));
  }
})();
