package dev.cleave.bench.ioas;

import dev.cleave.bench.image.table.LeafRow;
import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The leaves of several tables at one moment, table by table; without what a kernel chooses: domain
 * ids, roots, and where tables lie. Tables with nothing mapped do not show.
 *
 * @param tables for each table, its rows by iova, each as in the leaves file
 */
record LeafDump(List<Map<String, String>> tables) {
  private static final String DOMAIN = "domain_id";
  private static final String ROOT = "root";
  private static final String PERMISSIONS = "perm";

  /** Reads a file with all columns of the leaves file, and a domain and root before them. */
  static LeafDump read(String file) {
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(Inputs.open(file), StandardCharsets.ISO_8859_1))) {
      String header = in.readLine();
      List<String> columns = header == null ? List.of() : List.of(header.strip().split(",", -1));
      int[] wanted = LeafRow.COLUMNS.stream().mapToInt(columns::indexOf).toArray();
      int domain = columns.indexOf(DOMAIN);
      int root = columns.indexOf(ROOT);
      int permissions = columns.indexOf(PERMISSIONS);
      if (domain < 0 || root < 0 || Arrays.stream(wanted).anyMatch(column -> column < 0)) {
        throw BadInput.at(
            file,
            1,
            "the header must have the columns domain_id, root, "
                + String.join(", ", LeafRow.COLUMNS));
      }
      Map<String, Map<String, String>> byRoot = new LinkedHashMap<>();
      long number = 1;
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        number++;
        String[] fields = line.strip().split(",", -1);
        if (fields.length < columns.size()) {
          throw BadInput.at(file, number, "a row must have %d fields".formatted(columns.size()));
        }
        fields[permissions] = withoutGaps(fields[permissions]);
        List<String> row = Arrays.stream(wanted).mapToObj(column -> fields[column]).toList();
        byRoot
            .computeIfAbsent(fields[domain] + "," + fields[root], _ -> new LinkedHashMap<>())
            .put(row.getFirst(), String.join(",", row));
      }
      return new LeafDump(new ArrayList<>(byRoot.values()));
    } catch (IOException e) {
      throw BadInput.cannotUse(file, e);
    }
  }

  /** Permissions as the leaves file has them, of {@code r-} and {@code -w} as dumps have them. */
  private static String withoutGaps(String permissions) {
    String letters = permissions.replace("-", "");
    return letters.isEmpty() ? permissions : letters;
  }

  /** Decodes tables as they lie in memory. */
  static LeafDump decode(PhysicalMemory memory, List<PageTable> tables) {
    List<Map<String, String>> decoded = new ArrayList<>();
    for (PageTable table : tables) {
      Map<String, String> rows = new LinkedHashMap<>();
      TableRoot root =
          TableRoot.of(table.format(), table.root(), table.levels(), Access.READ_WRITE);
      TableDecoder.decode(
          memory,
          root,
          new TableVisitor() {
            @Override
            public void leaf(LeafRow row) {
              List<String> fields = row.fields();
              rows.put(fields.getFirst(), String.join(",", fields));
            }
          });
      if (!rows.isEmpty()) {
        decoded.add(rows);
      }
    }
    return new LeafDump(decoded);
  }

  /**
   * Compares with what was expected. Tables come in no order: those that are equal are set aside,
   * the others are compared one by one.
   *
   * @return what differs, a line each
   */
  List<String> differencesFrom(LeafDump expected) {
    List<Map<String, String>> here = new ArrayList<>(tables);
    List<Map<String, String>> there = new ArrayList<>();
    for (Map<String, String> table : expected.tables) {
      if (!here.remove(table)) {
        there.add(table);
      }
    }
    List<String> differences = new ArrayList<>();
    for (int i = 0; i < Math.max(here.size(), there.size()); i++) {
      compare(
          i < there.size() ? there.get(i) : Map.of(),
          i < here.size() ? here.get(i) : Map.of(),
          differences);
    }
    return differences;
  }

  private static void compare(
      Map<String, String> expected, Map<String, String> found, List<String> differences) {
    expected.forEach((iova, row) -> {
      String other = found.get(iova);
      if (!row.equals(other)) {
        differences.add(
            "expected the leaf %s, found %s".formatted(row, other == null ? "none" : other));
      }
    });
    found.forEach((iova, row) -> {
      if (!expected.containsKey(iova)) {
        differences.add("expected no leaf at %s, found %s".formatted(iova, row));
      }
    });
  }
}
