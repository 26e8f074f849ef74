import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.DataFormatException;
import ca.uhn.fhir.parser.StrictErrorHandler;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.commons.lang3.tuple.Pair;
import org.cqframework.cql.cql2elm.CqlTranslator;
import org.cqframework.cql.cql2elm.LibraryManager;
import org.cqframework.cql.cql2elm.ModelManager;
import org.cqframework.cql.cql2elm.StringLibrarySourceProvider;
import org.cqframework.cql.cql2elm.quick.FhirLibrarySourceProvider;
import org.hl7.elm.r1.VersionedIdentifier;
import org.hl7.fhir.r4.model.*;
import org.opencds.cqf.cql.engine.data.CompositeDataProvider;
import org.opencds.cqf.cql.engine.execution.CqlEngine;
import org.opencds.cqf.cql.engine.execution.Environment;
import org.opencds.cqf.cql.engine.fhir.model.R4FhirModelResolver;
import org.opencds.cqf.cql.engine.retrieve.RetrieveProvider;
import org.opencds.cqf.cql.engine.runtime.Code;
import org.opencds.cqf.cql.engine.terminology.CodeSystemInfo;
import org.opencds.cqf.cql.engine.terminology.TerminologyProvider;
import org.opencds.cqf.cql.engine.terminology.ValueSetInfo;

/** Translates libraries to ELM, and runs one of them on the engine of the JVM. */
public class CqlLane {
  static final String FHIR = "http://hl7.org/fhir";

  public static void main(String[] given) throws Exception {
    if (given[0].equals("translate")) {
      System.exit(translate(List.of(given).subList(1, given.length)));
    }
    run(Path.of(given[1]), Path.of(given[2]), Path.of(given[3]));
  }

  /** Writes FILE.elm.json beside each FILE.cql, and FHIRHelpers; prints all the translator says. */
  static int translate(List<String> files) throws Exception {
    int said = 0;
    for (String file : files) {
      CqlTranslator done = CqlTranslator.fromText(Files.readString(Path.of(file)), libraries(List.of()));
      for (var one : done.getExceptions()) {
        said++;
        System.out.println(file + ": " + one.getSeverity() + ": " + one.getMessage());
      }
      Files.writeString(Path.of(file.replace(".cql", ".elm.json")), done.toJson());
    }
    var helpers = new VersionedIdentifier().withId("FHIRHelpers").withVersion("4.0.1");
    String text = new String(new FhirLibrarySourceProvider().getLibrarySource(helpers).readAllBytes());
    Path beside = Path.of(files.get(0)).toAbsolutePath().resolveSibling("FHIRHelpers.elm.json");
    Files.writeString(beside, CqlTranslator.fromText(text, libraries(List.of())).toJson());
    System.out.println(files.size() + " libraries, " + said + " errors and warnings");
    return said == 0 ? 0 : 1;
  }

  static LibraryManager libraries(List<String> texts) {
    LibraryManager made = new LibraryManager(new ModelManager());
    made.getLibrarySourceLoader().registerProvider(new FhirLibrarySourceProvider());
    if (!texts.isEmpty()) {
      made.getLibrarySourceLoader().registerProvider(new StringLibrarySourceProvider(texts));
    }
    return made;
  }

  /** One line a patient: what the library says. */
  static void run(Path cql, Path sets, Path courses) throws Exception {
    Map<String, Set<String>> codes = new LinkedHashMap<>();
    var json = new com.fasterxml.jackson.databind.ObjectMapper();
    json.readTree(sets.toFile()).fields().forEachRemaining(one -> {
      Set<String> held = codes.computeIfAbsent(one.getKey(), key -> new java.util.HashSet<>());
      one.getValue().get("1").forEach(code ->
          held.add(code.get("system").asText() + " " + code.get("code").asText()));
    });
    // Whose record is no FHIR of R4 gets no answer: it would be an answer to a part of it.
    Map<String, String> unreadable = new LinkedHashMap<>();
    Map<String, Map<String, Resource>> people = new LinkedHashMap<>();
    var parser = FhirContext.forR4Cached().newJsonParser();
    parser.setParserErrorHandler(new StrictErrorHandler());
    for (String line : Files.readAllLines(courses)) {
      if (line.isBlank()) continue;
      var tree = json.readTree(line);
      String id = tree.get("resourceType").asText().equals("Patient")
          ? tree.get("id").asText()
          : tree.get("subject").get("reference").asText().split("/")[1];
      Resource one;
      try {
        one = (Resource) parser.parseResource(line);
      } catch (DataFormatException damaged) {
        unreadable.put(id, damaged.getMessage());
        continue;
      }
      var held = people.computeIfAbsent(id, key -> new LinkedHashMap<>());
      String key = one.fhirType() + "/" + one.getIdElement().getIdPart();
      Resource before = held.get(key);
      if (before == null || version(before) < version(one)) held.put(key, one);
    }
    List<Resource> current = new ArrayList<>();
    RetrieveProvider retrieve = (context, path, value, type, template, codePath, asked, set, d1, d2, d3, range) -> {
      List<Object> found = new ArrayList<>();
      for (Resource one : current) {
        if (one.fhirType().equals(type) && (set == null || has(one, codes.get(set)))) found.add(one);
      }
      return found;
    };
    TerminologyProvider terms = new TerminologyProvider() {
      public boolean in(Code code, ValueSetInfo set) {
        return codes.get(set.getId()).contains(code.getSystem() + " " + code.getCode());
      }
      public Iterable<Code> expand(ValueSetInfo set) {
        List<Code> all = new ArrayList<>();
        for (String one : codes.get(set.getId())) {
          String[] parts = one.split(" ");
          all.add(new Code().withSystem(parts[0]).withCode(parts[1]));
        }
        return all;
      }
      public Code lookup(Code code, CodeSystemInfo system) { return code; }
    };
    String text = Files.readString(cql);
    var name = java.util.regex.Pattern.compile("(?m)^library (\\S+) version '(.*)'$").matcher(text);
    name.find();
    var data = new CompositeDataProvider(new R4FhirModelResolver(), retrieve);
    var engine = new CqlEngine(
        new Environment(libraries(List.of(text)), Map.of(FHIR, data), terms),
        Set.of(CqlEngine.Options.EnableExpressionCaching));
    var library = new VersionedIdentifier().withId(name.group(1)).withVersion(name.group(2));
    people.keySet().removeAll(unreadable.keySet());
    for (var one : unreadable.entrySet()) {
      System.out.println("{\"patient\":\"Patient/" + one.getKey() + "\",\"category\":null,\"why\":"
          + json.writeValueAsString(List.of(one.getValue())) + "}");
    }
    for (var person : people.entrySet()) {
      current.clear();
      current.addAll(person.getValue().values());
      String said;
      try {
        engine.getCache().getExpressions().clear();
        var done = engine.evaluate(library, Set.of("Category"), Pair.of("Patient", (Object) person.getKey()));
        Object value = done.forExpression("Category").value();
        said = "\"category\":" + json.writeValueAsString(value);
        if (value == null) {
          var why = engine.evaluate(library, Set.of("Refused because"), Pair.of("Patient", (Object) person.getKey()));
          said += ",\"why\":" + json.writeValueAsString(why.forExpression("Refused because").value());
        }
      } catch (Exception problem) {
        said = "\"error\":" + json.writeValueAsString(String.valueOf(problem.getMessage()));
      }
      System.out.println("{\"patient\":\"Patient/" + person.getKey() + "\"," + said + "}");
    }
    System.exit(0);
  }

  static int version(Resource one) {
    String held = one.getMeta().getVersionId();
    return held == null ? 0 : Integer.parseInt(held);
  }

  static boolean has(Resource one, Set<String> wanted) {
    CodeableConcept code = one instanceof Observation o ? o.getCode()
        : one instanceof Condition c ? c.getCode()
        : one instanceof Procedure p ? p.getCode() : new CodeableConcept();
    return code.getCoding().stream().anyMatch(c -> wanted.contains(c.getSystem() + " " + c.getCode()));
  }
}
