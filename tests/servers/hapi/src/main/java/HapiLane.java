import static java.nio.charset.StandardCharsets.UTF_8;

import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.ClientIdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.IdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binary.api.IBinaryStorageSvc;
import ca.uhn.fhir.jpa.binstore.MemoryBinaryStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.searchparam.config.NicknameServiceConfig;
import ca.uhn.fhir.jpa.searchparam.submit.config.SearchParamSubmitterConfig;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.subscription.match.config.SubscriptionProcessorConfig;
import ca.uhn.fhir.jpa.subscription.match.deliver.email.IEmailSender;
import ca.uhn.fhir.jpa.subscription.submit.config.SubscriptionSubmitterConfig;
import ca.uhn.fhir.jpa.util.LoggingEmailSender;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.persistence.EntityManagerFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirDefaultPolicyAdvisor;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.dstu2.model.Subscription.SubscriptionChannelType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Resource;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.utils.validation.IResourceValidator;
import org.hl7.fhir.r5.utils.validation.IValidatorResourceFetcher;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;
import org.hl7.fhir.utilities.npm.NpmPackage;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * HAPI FHIR for tests, R4. {@code serve PORT}: the JPA server on H2 in memory, until stdin closes.
 * {@code validate ALLOWED [--package TGZ] FILE...}: one JSON line per resource; exit 1 if any is
 * refused. With a package, a resource of a type that it has a profile of must conform to that.
 * {@code definitions DIRECTORY}: the official StructureDefinitions and value sets as JSON files.
 */
public final class HapiLane {

    private static final List<String> DEFINITION_FILES =
            List.of(
                    "profile/profiles-types.xml",
                    "profile/profiles-resources.xml",
                    "valueset/valuesets.xml",
                    "valueset/v3-codesystems.xml");

    @Configuration
    @Import({
        JpaR4Config.class,
        HapiJpaConfig.class,
        JpaBatch2Config.class,
        Batch2JobsConfig.class,
        ThreadPoolFactoryConfig.class,
        NicknameServiceConfig.class,
        SubscriptionSubmitterConfig.class,
        SubscriptionChannelConfig.class,
        SearchParamSubmitterConfig.class
    })
    static class Storage {

        /** HAPI's defaults, except where a test must see a write at once or name an id itself. */
        @Bean
        JpaStorageSettings storageSettings() {
            JpaStorageSettings settings = new JpaStorageSettings();
            settings.setResourceClientIdStrategy(ClientIdStrategyEnum.ANY);
            settings.setResourceServerIdStrategy(IdStrategyEnum.UUID);
            settings.setReuseCachedSearchResultsForMillis(null);
            settings.setHibernateSearchIndexSearchParams(false);
            // Sites whose laboratory deletes have this off: cited evidence may disappear.
            settings.setEnforceReferentialIntegrityOnDelete(false);
            return settings;
        }

        @Bean
        PartitionSettings partitionSettings() {
            return new PartitionSettings();
        }

        @Bean
        SubscriptionSettings subscriptionSettings() {
            SubscriptionSettings settings = new SubscriptionSettings();
            if (notifies) {
                settings.addSupportedSubscriptionType(SubscriptionChannelType.RESTHOOK);
            }
            return settings;
        }

        @Bean
        IBinaryStorageSvc binaryStorage() {
            return new MemoryBinaryStorageSvcImpl();
        }

        @Bean(destroyMethod = "close")
        DataSource dataSource() {
            BasicDataSource source = new BasicDataSource();
            source.setDriver(new org.h2.Driver());
            source.setUrl("jdbc:h2:mem:fhir;DB_CLOSE_DELAY=-1");
            source.setUsername("sa");
            source.setPassword("");
            source.setMaxTotal(12);
            return source;
        }

        @Bean
        LocalContainerEntityManagerFactoryBean entityManagerFactory(
                ConfigurableListableBeanFactory beans,
                FhirContext fhir,
                JpaStorageSettings settings,
                DataSource source) {
            LocalContainerEntityManagerFactoryBean factory =
                    HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, settings);
            Properties jpa = new Properties();
            jpa.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            jpa.put("hibernate.hbm2ddl.auto", "create");
            jpa.put("hibernate.search.enabled", "false");
            jpa.put("hibernate.jdbc.batch_size", "20");
            factory.setPersistenceUnitName("hapi");
            factory.setDataSource(source);
            factory.setJpaProperties(jpa);
            return factory;
        }

        @Bean
        @Primary
        JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }
    }

    /** What calls the addresses of Subscriptions; most tests have none, and need not wait for it. */
    @Configuration
    @Import(SubscriptionProcessorConfig.class)
    static class Notifying {

        /** The processor asks for one, though no Subscription of a test sends mail. */
        @Bean
        IEmailSender emailSender() {
            return new LoggingEmailSender();
        }
    }

    private static boolean notifies;

    private HapiLane() {}

    private static RestfulServer restfulServer(ApplicationContext beans, String base) {
        IFhirSystemDao<?, ?> system = beans.getBean(IFhirSystemDao.class);
        RestfulServer server = new RestfulServer(beans.getBean(FhirContext.class));
        server.setServerAddressStrategy(new HardcodedServerAddressStrategy(base));
        server.setDefaultResponseEncoding(EncodingEnum.JSON);
        server.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
        server.registerProvider(beans.getBean(JpaSystemProvider.class));
        DatabaseBackedPagingProvider pages = beans.getBean(DatabaseBackedPagingProvider.class);
        // As the JPA starter has it; the library's own cap of 50 makes four times the requests.
        pages.setDefaultPageSize(20);
        pages.setMaximumPageSize(200);
        server.setPagingProvider(pages);
        JpaCapabilityStatementProvider metadata =
                new JpaCapabilityStatementProvider(
                        server,
                        system,
                        beans.getBean(JpaStorageSettings.class),
                        beans.getBean(ISearchParamRegistry.class),
                        beans.getBean("myJpaValidationSupport", IValidationSupport.class));
        metadata.setImplementationDescription("HAPI FHIR JPA on H2 in memory, for tests");
        server.setServerConformanceProvider(metadata);
        return server;
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    /** Starts on the port (0: any free one), says so in one line, serves until stdin closes. */
    private static void serve(int wanted) throws Exception {
        int port = wanted == 0 ? freePort() : wanted;
        String base = "http://127.0.0.1:" + port + "/fhir";
        ApplicationContext beans =
                notifies
                        ? new AnnotationConfigApplicationContext(Storage.class, Notifying.class)
                        : new AnnotationConfigApplicationContext(Storage.class);

        Server jetty = new Server();
        ServerConnector connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        jetty.addConnector(connector);
        ServletContextHandler context = new ServletContextHandler("/");
        context.addServlet(new ServletHolder(restfulServer(beans, base)), "/fhir/*");
        jetty.setHandler(context);
        jetty.start();

        System.out.println("ready " + base);
        System.out.flush();
        while (System.in.read() != -1) {
            // the launcher holds stdin open: when it dies, so does this server
        }
    }

    /** A row of allowed.tsv: a finding that does not refuse a resource. */
    private record Allowed(String name, String severity, Pattern id, Pattern place, Pattern message) {

        static Allowed of(String[] cells) {
            return new Allowed(
                    cells[0],
                    cells[2],
                    Pattern.compile(cells[3]),
                    Pattern.compile(cells[4]),
                    Pattern.compile(cells[5]));
        }

        boolean covers(SingleValidationMessage issue) {
            return issue.getSeverity().getCode().equals(severity)
                    && id.matcher(Objects.toString(issue.getMessageId(), "")).matches()
                    && place.matcher(Objects.toString(issue.getLocationString(), "")).find()
                    && message.matcher(issue.getMessage()).find();
        }
    }

    private static List<Allowed> readAllowed(Path table) throws IOException {
        return Files.readAllLines(table).stream()
                .map(line -> line.split("\t"))
                .filter(cells -> cells.length > 5 && cells[1].equals("hl7"))
                .map(Allowed::of)
                .toList();
    }

    /** HAPI ignores what a reference points at unless told otherwise; its type is checked here. */
    private static final class TargetTypes extends FhirDefaultPolicyAdvisor {

        @Override
        public ReferenceValidationPolicy policyForReference(
                IResourceValidator validator,
                Object context,
                String path,
                String url,
                ReferenceDestinationType destination) {
            return ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS;
        }
    }

    /** Stands in for a target by the type that the reference names; fetches nothing. */
    private static final class NoFetching implements IValidatorResourceFetcher {

        private static final Pattern REFERENCE = Pattern.compile("(?:.*/)?([A-Z][A-Za-z]+)/[^/?]+(?:/_history/[^/?]+)?");

        @Override
        public Element fetch(IResourceValidator validator, Object context, String url) {
            Matcher local = REFERENCE.matcher(url);
            return local.matches() ? new Element(local.group(1)).setType(local.group(1)) : null;
        }

        @Override
        public boolean resolveURL(
                IResourceValidator validator,
                Object context,
                String path,
                String url,
                String type,
                boolean canonical,
                List<CanonicalType> targets) {
            return true;
        }

        @Override
        public byte[] fetchRaw(IResourceValidator validator, String url) {
            throw new UnsupportedOperationException(url);
        }

        @Override
        public IValidatorResourceFetcher setLocale(Locale locale) {
            return this;
        }

        @Override
        public CanonicalResource fetchCanonicalResource(
                IResourceValidator validator, Object context, String url) {
            return null;
        }

        @Override
        public boolean fetchesCanonicalResource(IResourceValidator validator, String url) {
            return false;
        }

        @Override
        public Set<ResourceVersionInformation> fetchCanonicalResourceVersions(
                IResourceValidator validator, Object context, String url) {
            return Set.of();
        }
    }

    /** A validator, and the profile that each type must conform to. */
    private record Judge(FhirValidator validator, Map<String, String> profiles) {

        List<SingleValidationMessage> issues(String text) throws IOException {
            String type = new ObjectMapper().readTree(text).path("resourceType").asText();
            ValidationOptions options = new ValidationOptions();
            if (profiles.containsKey(type)) {
                options.addProfile(profiles.get(type));
            }
            return validator.validateWithResult(readable(type, text), options).getMessages();
        }
    }

    /** HAPI stops at a system of a ValueSet that is an OID: it has nothing to look one up in. */
    private static String readable(String type, String text) {
        return type.equals("ValueSet") ? text.replaceAll("\"urn:oid:([0-9.]+)\"", "\"http://oid.invalid/$1\"") : text;
    }

    /** Everything that the package defines, read as any reader of npm-style packages does. */
    private static Map<String, String> load(Path archive, PrePopulatedValidationSupport into)
            throws IOException {
        Map<String, String> profiles = new LinkedHashMap<>();
        NpmPackage held;
        try (InputStream bytes = Files.newInputStream(archive)) {
            held = NpmPackage.fromPackage(bytes);
        }
        for (String name : held.listResources("StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap")) {
            try (InputStream text = held.load("package", name)) {
                Resource one = (Resource) FhirContext.forR4Cached().newJsonParser().parseResource(text);
                into.addResource(one);
                if (one instanceof StructureDefinition profile) {
                    profiles.put(profile.getType(), profile.getUrl());
                }
            }
        }
        if (profiles.isEmpty()) {
            throw new IllegalArgumentException(archive + " has no profile");
        }
        return profiles;
    }

    private static Judge judge(Path archive) throws IOException {
        FhirContext fhir = FhirContext.forR4Cached();
        PrePopulatedValidationSupport ours = new PrePopulatedValidationSupport(fhir);
        Map<String, String> profiles = archive == null ? Map.of() : load(archive, ours);
        return new Judge(validator(ours), profiles);
    }

    private static FhirValidator validator(PrePopulatedValidationSupport ours) {
        FhirContext fhir = FhirContext.forR4Cached();
        IValidationSupport chain =
                new ValidationSupportChain(
                        new DefaultProfileValidationSupport(fhir),
                        ours,
                        new CommonCodeSystemsTerminologyService(fhir),
                        new InMemoryTerminologyServerValidationSupport(fhir),
                        new SnapshotGeneratingValidationSupport(fhir));
        FhirInstanceValidator module = new FhirInstanceValidator(chain);
        module.setErrorForUnknownProfiles(true);
        module.setValidatorPolicyAdvisor(new TargetTypes());
        module.setValidatorResourceFetcher(new NoFetching());
        return fhir.newValidator().registerValidatorModule(module);
    }

    /** Every line of an NDJSON file, or the whole of another file, by its place. */
    private static Map<String, String> resources(Path file) throws IOException {
        Map<String, String> found = new LinkedHashMap<>();
        if (!file.toString().endsWith(".ndjson")) {
            found.put(file.toString(), Files.readString(file));
            return found;
        }
        int number = 0;
        for (String line : Files.readAllLines(file)) {
            number++;
            if (!line.isBlank()) {
                found.put(file + ":" + number, line);
            }
        }
        return found;
    }

    private static boolean report(Judge judge, List<Allowed> allowed, String place, String text)
            throws IOException {
        List<Map<String, Object>> issues = new ArrayList<>();
        boolean refused = false;
        for (SingleValidationMessage issue : judge.issues(text)) {
            String name =
                    allowed.stream().filter(row -> row.covers(issue)).map(Allowed::name).findFirst().orElse("");
            Map<String, Object> shown = new LinkedHashMap<>();
            shown.put("severity", issue.getSeverity().getCode());
            shown.put("location", issue.getLocationString());
            shown.put("message", issue.getMessage());
            shown.put("id", issue.getMessageId());
            shown.put("allowed", name);
            issues.add(shown);
            refused |= name.isEmpty() && issue.getSeverity() != ResultSeverityEnum.INFORMATION;
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("source", place);
        line.put("refused", refused);
        line.put("issues", issues);
        System.out.println(new ObjectMapper().writeValueAsString(line));
        return refused;
    }

    private static int validate(Path table, List<String> given) throws IOException {
        boolean packaged = given.get(0).equals("--package");
        Judge judge = judge(packaged ? Path.of(given.get(1)) : null);
        List<String> names = packaged ? given.subList(2, given.size()) : given;
        List<Allowed> allowed = readAllowed(table);
        boolean refused = false;
        for (String name : names) {
            try (Stream<Path> files = Files.walk(Path.of(name))) {
                for (Path file : files.filter(HapiLane::isInput).sorted().toList()) {
                    for (Map.Entry<String, String> one : resources(file).entrySet()) {
                        refused |= report(judge, allowed, one.getKey(), one.getValue());
                    }
                }
            }
        }
        return refused ? 1 : 0;
    }

    /** A resource; not the manifest of a package, nor the index of one of its folders. */
    private static boolean isInput(Path file) {
        String name = file.getFileName().toString();
        boolean listed = name.equals("package.json") || name.equals(".index.json");
        return !listed && (name.endsWith(".json") || name.endsWith(".ndjson"));
    }

    /** The official definitions that HAPI carries as XML, one JSON file each, for other validators. */
    private static void definitions(Path directory) throws IOException {
        FhirContext fhir = FhirContext.forR4Cached();
        for (String file : DEFINITION_FILES) {
            Bundle bundle;
            try (InputStream xml = HapiLane.class.getResourceAsStream("/org/hl7/fhir/r4/model/" + file)) {
                bundle = fhir.newXmlParser().parseResource(Bundle.class, new InputStreamReader(xml, UTF_8));
            }
            for (Bundle.BundleEntryComponent entry : bundle.getEntry()) {
                Resource found = entry.getResource();
                Path to = directory.resolve(found.fhirType() + "-" + found.getIdPart() + ".json");
                Files.writeString(to, fhir.newJsonParser().encodeResourceToString(found));
            }
        }
    }

    /** {@code serve PORT [notify]}, {@code validate ALLOWED [--package TGZ] FILE...} or {@code definitions DIRECTORY}. */
    public static void main(String[] arguments) throws Exception {
        List<String> given = List.of(arguments);
        if (given.size() >= 2 && given.get(0).equals("serve")) {
            notifies = given.contains("notify");
            serve(Integer.parseInt(given.get(1)));
            System.exit(0);
        }
        if (given.size() > 2 && given.get(0).equals("validate")) {
            System.exit(validate(Path.of(given.get(1)), given.subList(2, given.size())));
        }
        if (given.size() == 2 && given.get(0).equals("definitions")) {
            definitions(Path.of(given.get(1)));
            System.exit(0);
        }
        System.err.println("usage: serve PORT [notify] | validate ALLOWED [--package TGZ] FILE... | definitions DIRECTORY");
        System.exit(2);
    }
}
