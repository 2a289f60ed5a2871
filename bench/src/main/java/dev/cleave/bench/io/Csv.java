package dev.cleave.bench.io;

import java.io.IOException;
import java.io.Writer;
import java.util.List;

/**
 * A CSV file with a header, as RFC 4180 has it: a field that holds a comma, a quote or the end of a
 * line stands between quotes.
 *
 * <p>Not thread-safe.
 */
public final class Csv implements AutoCloseable {
  private final Writer out;
  private final StringBuilder row = new StringBuilder();

  /**
   * Begins a file.
   *
   * @param out where it goes; closed with this object
   * @param columns the header
   * @throws IOException if writing fails
   */
  public Csv(Writer out, List<String> columns) throws IOException {
    this.out = out;
    row(List.of(), columns);
  }

  /**
   * Writes a row.
   *
   * @param first the fields that the row begins with, perhaps none
   * @param rest the fields that follow; with the first, one for each column
   * @throws IOException if writing fails
   */
  public void row(List<String> first, List<String> rest) throws IOException {
    for (String field : first) {
      field(field);
    }
    for (String field : rest) {
      field(field);
    }
    row.setLength(Math.max(0, row.length() - 1));
    row.append('\n');
    out.append(row);
    row.setLength(0);
  }

  private void field(String field) {
    if (field.indexOf(',') < 0 && field.indexOf('"') < 0 && field.indexOf('\n') < 0) {
      row.append(field).append(',');
    } else {
      row.append('"').append(field.replace("\"", "\"\"")).append("\",");
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
