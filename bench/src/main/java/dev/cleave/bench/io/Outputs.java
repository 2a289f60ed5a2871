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
import java.util.zip.GZIPOutputStream;

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
}
