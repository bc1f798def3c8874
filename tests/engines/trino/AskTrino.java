import com.fasterxml.jackson.databind.ObjectMapper;
import io.trino.Session;
import io.trino.plugin.memory.MemoryPlugin;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import io.trino.testing.QueryRunner;
import io.trino.testing.StandaloneQueryRunner;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import static io.trino.testing.TestingSession.testSessionBuilder;

/** Answers statements, one JSON text a line, with one JSON document a line: types and rows, or what Trino said. */
public class AskTrino {
    public static void main(String[] arguments) throws Exception {
        // The library writes its log to System.out.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        ObjectMapper json = new ObjectMapper();
        Session session = testSessionBuilder().setCatalog("awsdatacatalog").setSchema("default").build();
        QueryRunner trino = new StandaloneQueryRunner(session);
        trino.installPlugin(new MemoryPlugin());
        trino.createCatalog("awsdatacatalog", "memory", Map.of());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(json.writeValueAsString(answer(trino, session, json.readValue(line, String.class))));
        }
        System.exit(0);
    }

    private static Map<String, Object> answer(QueryRunner trino, Session session, String statement) {
        try {
            MaterializedResult result = trino.execute(session, statement);
            List<List<String>> rows = new ArrayList<>();
            for (MaterializedRow row : result.getMaterializedRows()) {
                List<String> cells = new ArrayList<>();
                for (Object cell : row.getFields()) {
                    cells.add(cell == null ? null : cell.toString());
                }
                rows.add(cells);
            }
            return Map.of("types", result.getTypes().stream().map(Object::toString).toList(), "rows", rows);
        }
        catch (RuntimeException error) {
            return Map.of("error", String.valueOf(error.getMessage()));
        }
    }
}
