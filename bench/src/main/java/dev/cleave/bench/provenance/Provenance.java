package dev.cleave.bench.provenance;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * What has to be known of a result to make it again.
 *
 * @param version of the program
 * @param commit what it was built from, with {@code -dirty} behind it if the tree had changes;
 *     {@code unknown} if it was not built in a repository
 * @param command the command line, to be pasted into a shell
 * @param date when the result was ready, UTC
 * @param seed what random choices depended on; null where there were none
 * @param machine as {@link Machine#describe}, and what the command adds
 */
public record Provenance(
    String version,
    String commit,
    String command,
    String date,
    @Nullable Long seed,
    Map<String, Object> machine) {
  private static final Properties BUILD = build();

  /**
   * The provenance of a result that is ready now.
   *
   * @param command the command line
   * @param seed what random choices depended on; null where there were none
   */
  public static Provenance now(String command, @Nullable Long seed) {
    return new Provenance(
        programVersion(),
        BUILD.getProperty("commit"),
        command,
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        seed,
        Machine.describe());
  }

  /** The program's version. */
  public static String programVersion() {
    return BUILD.getProperty("version");
  }

  /** What the build wrote. */
  private static Properties build() {
    Properties build = new Properties();
    try (InputStream in = Provenance.class.getResourceAsStream("build.properties")) {
      build.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return build;
  }
}
