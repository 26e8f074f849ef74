import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.flow.VersionedConnection;
import org.apache.nifi.flow.VersionedParameter;
import org.apache.nifi.flow.VersionedProcessor;
import org.apache.nifi.processor.Processor;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.registry.flow.VersionedFlowSnapshot;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;

/**
 * {@code Flow FILE PARAMETER=VALUE...}: the processors of a flow definition under NiFi's TestRunner, one after another
 * along its connections, until nothing moves. Prints what is wrong with the file, and what went where, as one JSON.
 *
 * <p>The scheduler of NiFi is not here: repeating of `retriedRelationships` is done by this class, without its pauses.
 */
public final class Flow {
    private static final int MANY = 200;

    private final Map<String, TestRunner> runners = new LinkedHashMap<>();
    private final Map<String, VersionedProcessor> described = new HashMap<>();
    private final List<VersionedConnection> connections = new ArrayList<>();
    private final List<String> wrong = new ArrayList<>();
    private final Map<String, Integer> went = new TreeMap<>();

    private Flow() {}

    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper(); // refuses a name that the class does not have
        VersionedFlowSnapshot file = json.readValue(new File(arguments[0]), VersionedFlowSnapshot.class);
        Map<String, String> parameters = new HashMap<>();
        file.getParameterContexts().values().forEach(context -> {
            for (VersionedParameter one : context.getParameters()) {
                parameters.put(one.getName(), one.getValue());
            }
        });
        for (int i = 1; i < arguments.length; i++) {
            String[] pair = arguments[i].split("=", 2);
            if (parameters.replace(pair[0], pair[1]) == null) {
                throw new IllegalArgumentException("no such parameter: " + pair[0]);
            }
        }
        Flow flow = new Flow();
        flow.connections.addAll(file.getFlowContents().getConnections());
        for (VersionedProcessor one : file.getFlowContents().getProcessors()) {
            flow.add(one, parameters);
        }
        if (flow.wrong.isEmpty()) {
            flow.run();
        }
        System.out.println(json.writeValueAsString(Map.of("wrong", flow.wrong, "went", flow.went)));
        System.exit(0);
    }

    /** A processor with its properties, each of which it has to know. */
    private void add(VersionedProcessor one, Map<String, String> parameters) throws Exception {
        Processor processor =
                (Processor) Class.forName(one.getType()).getDeclaredConstructor().newInstance();
        TestRunner runner = TestRunners.newTestRunner(processor);
        runners.put(one.getIdentifier(), runner);
        described.put(one.getIdentifier(), one);
        Set<String> known = new TreeSet<>();
        for (PropertyDescriptor descriptor : processor.getPropertyDescriptors()) {
            known.add(descriptor.getName());
        }
        one.getProperties().forEach((name, value) -> {
            if (!known.contains(name)) {
                went.put(one.getName() + " | dynamic " + name, 1);
            }
            if (value != null) {
                runner.setProperty(name, filled(one, value, parameters));
            }
        });
        try {
            runner.assertValid();
        } catch (AssertionError error) {
            wrong.add(one.getName() + ": " + error.getMessage());
        }
        Set<String> has = new TreeSet<>();
        for (Relationship relationship : processor.getRelationships()) {
            has.add(relationship.getName());
        }
        Set<String> led = new TreeSet<>(one.getAutoTerminatedRelationships());
        for (VersionedConnection connection : connections) {
            if (connection.getSource().getId().equals(one.getIdentifier())) {
                led.addAll(connection.getSelectedRelationships());
            }
        }
        if (!led.equals(has)) {
            wrong.add(one.getName() + ": it has " + has + ", the file leads " + led);
        }
        if (!has.containsAll(one.getRetriedRelationships())) {
            wrong.add(one.getName() + ": it has no " + one.getRetriedRelationships());
        }
    }

    private String filled(VersionedProcessor one, String value, Map<String, String> parameters) {
        String found = value;
        for (Map.Entry<String, String> parameter : parameters.entrySet()) {
            found = found.replace("#{" + parameter.getKey() + "}", parameter.getValue());
        }
        if (found.contains("#{")) {
            wrong.add(one.getName() + ": a parameter nobody gives: " + value);
        }
        return found;
    }

    private record Waiting(String processor, byte[] content, Map<String, String> attributes, int tries) {}

    private void run() {
        ArrayDeque<Waiting> queue = new ArrayDeque<>();
        for (String name : runners.keySet()) {
            if (connections.stream().noneMatch(c -> c.getDestination().getId().equals(name))) {
                queue.add(new Waiting(name, null, Map.of(), 0));
            }
        }
        for (int moved = 0; !queue.isEmpty(); moved++) {
            if (moved > MANY) {
                wrong.add("it never comes to rest");
                return;
            }
            step(queue.poll(), queue);
        }
    }

    private void step(Waiting waiting, ArrayDeque<Waiting> queue) {
        TestRunner runner = runners.get(waiting.processor());
        VersionedProcessor one = described.get(waiting.processor());
        runner.clearTransferState();
        if (waiting.content() != null) {
            runner.enqueue(waiting.content(), waiting.attributes());
        }
        runner.run();
        for (Relationship relationship : runner.getProcessor().getRelationships()) {
            for (MockFlowFile file : runner.getFlowFilesForRelationship(relationship)) {
                String name = relationship.getName();
                String status = file.getAttributes().getOrDefault("invokehttp.status.code", "");
                went.merge((one.getName() + " | " + name + " " + status).trim(), 1, Integer::sum);
                boolean again = one.getRetriedRelationships().contains(name) && waiting.tries() < one.getRetryCount();
                if (again) {
                    queue.add(new Waiting(waiting.processor(), file.toByteArray(), file.getAttributes(), waiting.tries() + 1));
                } else {
                    lead(waiting.processor(), name, file, queue);
                }
            }
        }
    }

    private void lead(String from, String name, MockFlowFile file, ArrayDeque<Waiting> queue) {
        for (VersionedConnection connection : connections) {
            if (connection.getSource().getId().equals(from) && connection.getSelectedRelationships().contains(name)) {
                queue.add(new Waiting(connection.getDestination().getId(), file.toByteArray(), file.getAttributes(), 0));
            }
        }
    }
}
