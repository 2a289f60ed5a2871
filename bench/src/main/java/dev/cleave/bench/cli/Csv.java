package dev.cleave.bench.cli;

import java.io.IOException;
import java.io.Writer;
import java.util.List;

/**
 * A CSV file with a header. Fields are written as they are: none of ours holds a comma or a quote.
 *
 * <p>Not thread-safe.
 */
public final class Csv implements AutoCloseable {
  private final Writer out;

  /**
   * Begins a file.
   *
   * @param out where it goes; closed with this object
   * @param columns the header
   * @throws IOException if writing fails
   */
  public Csv(Writer out, List<String> columns) throws IOException {
    this.out = out;
    row(columns);
  }

  /**
   * Writes a row.
   *
   * @param fields one for each column
   * @throws IOException if writing fails
   */
  public void row(List<String> fields) throws IOException {
    String separator = "";
    for (String field : fields) {
      assert field.indexOf(',') < 0 && field.indexOf('"') < 0 : field;
      out.write(separator);
      out.write(field);
      separator = ",";
    }
    out.write('\n');
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
