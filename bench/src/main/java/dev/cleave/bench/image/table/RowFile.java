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
 * domain's id and root; when it holds several address spaces, with the space's name.
 *
 * <p>Not thread-safe.
 */
public final class RowFile implements AutoCloseable {
  private static final List<String> DOMAIN_COLUMNS = List.of("domain_id", "root");
  private static final List<String> SPACE_COLUMNS = List.of("space");

  private final Csv csv;
  private final boolean several;
  private final boolean leaves;

  private RowFile(String name, List<String> inFront, boolean several, boolean leaves)
      throws IOException {
    List<String> columns = leaves ? LeafRow.COLUMNS : DirectoryRow.COLUMNS;
    this.csv =
        new Csv(
            Outputs.open(name),
            several ? Stream.concat(inFront.stream(), columns.stream()).toList() : columns);
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
    return new RowFile(name, DOMAIN_COLUMNS, several, true);
  }

  /**
   * Begins a leaves file of address spaces.
   *
   * @param name its path
   * @param several whether it will hold more than one
   * @return the file, with its header written
   * @throws IOException if writing fails
   */
  public static RowFile leavesOfSpaces(String name, boolean several) throws IOException {
    return new RowFile(name, SPACE_COLUMNS, several, true);
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
    return new RowFile(name, DOMAIN_COLUMNS, several, false);
  }

  /**
   * Who writes a domain's rows, of the kind that this file holds; the others are not for it.
   *
   * @param domainId how the domain is called
   * @param root physical address of its top table
   * @return a visitor that throws {@link UncheckedIOException} if writing fails
   */
  public TableVisitor rows(String domainId, long root) {
    return visitor(List.of(domainId, Numbers.hex(root)));
  }

  /** Who writes an address space's rows; see {@link #rows(String, long)}. */
  public TableVisitor rows(String space) {
    return visitor(List.of(space));
  }

  private TableVisitor visitor(List<String> inFront) {
    List<String> prefix = several ? inFront : List.of();
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
