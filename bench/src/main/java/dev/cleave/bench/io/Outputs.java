package dev.cleave.bench.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.BufferedOutputStream;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/** Files that commands write: a name ending in {@code .gz} is written as gzip. */
public final class Outputs {
  private static final Gson JSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().serializeNulls().create();

  private Outputs() {}

  /**
   * Opens a file to write text.
   *
   * @param name a path; what was there is replaced
   * @return a buffered writer in UTF-8; the caller closes it
   * @throws BadInput if it cannot be created
   */
  public static Writer open(String name) {
    try {
      OutputStream raw = new BufferedOutputStream(Files.newOutputStream(Path.of(name)), 1 << 16);
      OutputStream bytes = name.endsWith(".gz") ? new GZIPOutputStream(raw, 1 << 16) : raw;
      return new BufferedWriter(new OutputStreamWriter(bytes, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw BadInput.cannotUse(name, e);
    }
  }

  /**
   * Refuses a file that cannot be made, before work is done that would be lost with it.
   *
   * @param name a path, or null for none
   * @throws BadInput if its directory is not there, or it is a directory itself
   */
  public static void check(@Nullable String name) {
    if (name == null) {
      return;
    }
    Path path = Path.of(name).toAbsolutePath();
    if (Files.isDirectory(path)) {
      throw BadInput.in(name, "is a directory, expected a file to write");
    }
    if (path.getParent() != null && !Files.isDirectory(path.getParent())) {
      throw BadInput.in(name, "no such directory " + path.getParent());
    }
  }

  /**
   * Refuses a directory that cannot be made.
   *
   * @param option that names it
   * @param name a path, or null for none
   * @throws BadInput if a file has its place
   */
  public static void checkDirectory(String option, @Nullable String name) {
    if (name != null && Files.exists(Path.of(name)) && !Files.isDirectory(Path.of(name))) {
      throw new BadInput(option + ": '" + name + "' is a file, expected a directory to write");
    }
  }

  /**
   * Writes a value as JSON.
   *
   * @param name a path
   * @param value records, maps, lists, strings and numbers
   * @throws BadInput if the file cannot be created
   * @throws IOException if writing fails
   */
  public static void json(String name, Object value) throws IOException {
    try (Writer out = open(name)) {
      JSON.toJson(value, out);
      out.write('\n');
    }
  }

  /**
   * Writes rows as CSV.
   *
   * @param name a path, or null to write nothing
   * @param columns the header
   * @param rows a field for each column
   * @throws BadInput if the file cannot be created
   * @throws IOException if writing fails
   */
  public static void csv(@Nullable String name, List<String> columns, List<List<String>> rows)
      throws IOException {
    if (name == null) {
      return;
    }
    try (Csv csv = new Csv(open(name), columns)) {
      for (List<String> row : rows) {
        csv.row(List.of(), row);
      }
    }
  }
}
