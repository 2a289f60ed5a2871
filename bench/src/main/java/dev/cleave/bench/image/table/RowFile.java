package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Csv;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Outputs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.Stream;

/**
 * A leaves file or a directories file. When it holds several domains, each row begins with the
 * domain's id and root.
 *
 * <p>Not thread-safe.
 */
public final class RowFile implements AutoCloseable {
  private static final List<String> DOMAIN_COLUMNS = List.of("domain_id", "root");

  private final Csv csv;
  private final boolean several;
  private final boolean leaves;

  private RowFile(String name, boolean several, boolean leaves) throws IOException {
    List<String> columns = leaves ? LeafRow.COLUMNS : DirectoryRow.COLUMNS;
    this.csv =
        new Csv(
            Outputs.open(name),
            several ? Stream.concat(DOMAIN_COLUMNS.stream(), columns.stream()).toList() : columns);
    this.several = several;
    this.leaves = leaves;
  }

  /**
   * Begins a leaves file.
   *
   * @param name its path
   * @param several whether it will hold more than one domain
   * @return the file, with its header written
   * @throws IOException if writing fails
   */
  public static RowFile leaves(String name, boolean several) throws IOException {
    return new RowFile(name, several, true);
  }

  /**
   * Begins a directories file.
   *
   * @param name its path
   * @param several whether it will hold more than one domain
   * @return the file, with its header written
   * @throws IOException if writing fails
   */
  public static RowFile directories(String name, boolean several) throws IOException {
    return new RowFile(name, several, false);
  }

  /**
   * Who writes a domain's rows, of the kind that this file holds; the others are not for it.
   *
   * @param domainId how the domain is called
   * @param root physical address of its top table
   * @return a visitor that throws {@link UncheckedIOException} if writing fails
   */
  public TableVisitor rows(String domainId, long root) {
    List<String> prefix = several ? List.of(domainId, Numbers.hex(root)) : List.of();
    return new TableVisitor() {
      @Override
      public void leaf(LeafRow row) {
        if (leaves) {
          write(prefix, row.fields());
        }
      }

      @Override
      public void directory(DirectoryRow row) {
        if (!leaves) {
          write(prefix, row.fields());
        }
      }
    };
  }

  private void write(List<String> prefix, List<String> fields) {
    try {
      csv.row(prefix, fields);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    csv.close();
  }
}
