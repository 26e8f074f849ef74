// One line a patient: what cql-execution says of courses by one library.
//   node run.js ELM.json HELPERS.json VALUESETS.json COURSES.ndjson
// Every definition without operands is worked out once a patient: the engine itself keeps nothing.
const fs = require('fs');
const { createRequire } = require('module');
const load = createRequire(process.cwd() + '/');
const cql = load('cql-execution');
const fhir = load('cql-exec-fhir');

const [elm, helpers, sets, courses] = process.argv.slice(2, 6).map((file) => fs.readFileSync(file, 'utf8'));
// Places in the text, for a coverage report: keeping each one's result is a sixth of the time.
const read = (text) => JSON.parse(text, (key, value) => (['localId', 'locator', 'annotation'].includes(key) ? undefined : value));
let known = new Map();
const Reference = cql.ExpressionRef ?? load('cql-execution/lib/elm/reusable').ExpressionRef;
const work = Reference.prototype.exec;
Reference.prototype.exec = function (context) {
  if (this.libraryName !== undefined && this.libraryName !== null) return work.call(this, context);
  if (!known.has(this.name)) known.set(this.name, work.call(this, context));
  return known.get(this.name);
};

const library = new cql.Library(read(elm), new cql.Repository({ helpers: read(helpers) }));
const codes = new cql.CodeService(JSON.parse(sets));
const version = (one) => parseInt(one.meta?.versionId ?? '0', 10);
// An engine of R4 passes over what R4 does not have: whose record holds it gets no answer.
const foreign = new Map();
const source = fhir.PatientSource.FHIRv401(); // parses the model: seconds, so once
const unread = (one) => {
  const type = source._modelInfo.findClass(one.resourceType);
  return Object.keys(one).find((name) => name !== 'resourceType' && !type.findElement(name.replace(/^_/, ''), true));
};
const people = new Map();
for (const line of courses.split('\n')) {
  if (!line.trim()) continue;
  const one = JSON.parse(line);
  const id = one.resourceType === 'Patient' ? one.id : one.subject.reference.split('/')[1];
  if (!people.has(id)) people.set(id, new Map());
  const held = people.get(id);
  const key = `${one.resourceType}/${one.id}`;
  const lost = unread(one);
  if (lost) foreign.set(id, `${one.resourceType}.${lost} is no element of R4`);
  if (!held.has(key) || version(held.get(key)) < version(one)) held.set(key, one);
}
// An element is read from its JSON once, as a resource does not change.
source.loadBundles([{ resourceType: 'Bundle', type: 'collection', entry: [{ resource: { resourceType: 'Patient', id: 'none' } }] }]);
const Person = Object.getPrototypeOf(source.currentPatient());
const Element = Object.getPrototypeOf(Person);
const once = (kind, name) => {
  const work = kind[name];
  const held = Symbol(name);
  kind[name] = function (key, ...more) {
    if (this[held] === undefined) Object.defineProperty(this, held, { value: new Map() });
    if (!this[held].has(key)) this[held].set(key, work.call(this, key, ...more));
    return this[held].get(key);
  };
};
once(Element, 'get');
once(Person, 'findRecords');
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
      if (foreign.has(id)) {
        said = { category: null, why: [foreign.get(id)] };
      } else {
        const results = await executor.exec_expression('Category', source);
        said = { category: results.patientResults[id]?.Category ?? null };
        if (said.category === null) {
          source._index = 0;
          const reasons = await executor.exec_expression('Refused because', source);
          said.why = reasons.patientResults[id]['Refused because'];
        }
      }
    } catch (problem) {
      said = { error: String(problem.message).slice(0, 300) };
    }
    console.log(JSON.stringify({ patient: `Patient/${id}`, ...said }));
  }
})();
