package dev.cleave.engine.published;

import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.reflect.Method;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The public face of the engine is what {@code engine/api.txt} says, so that a review sees when it
 * changes.
 */
class ApiListingTest {
  private static final Path LISTING = Path.of("api.txt");
  private static final String REFRESH = "cleave.api.refresh";
  private static final Set<String> PACKAGES =
      Set.of(
          "dev.cleave.engine",
          "dev.cleave.engine.format",
          "dev.cleave.engine.ioas",
          "dev.cleave.engine.rmp");

  /** A type of a package of the engine that nobody outside can name. */
  private static final Pattern INTERNAL =
      Pattern.compile("\\bdev\\.cleave\\.engine\\.(?!(format|ioas|rmp)\\.)[a-z]\\w*\\.");

  private static Path classes() throws URISyntaxException {
    return Path.of(PageTable.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static ModuleDescriptor module() throws IOException, URISyntaxException {
    try (InputStream in = Files.newInputStream(classes().resolve("module-info.class"))) {
      return ModuleDescriptor.read(in);
    }
  }

  @Test
  void thePublicFaceIsTheOneThatIsWrittenDown() throws IOException, URISyntaxException {
    List<String> now = ApiListing.of(classes(), PACKAGES);
    if (Boolean.getBoolean(REFRESH)) {
      Files.write(LISTING, now);
      return;
    }
    List<String> then = Files.exists(LISTING) ? Files.readAllLines(LISTING) : List.of();
    String differences =
        Stream.concat(
                then.stream().filter(line -> !now.contains(line)).map(line -> "- " + line),
                now.stream().filter(line -> !then.contains(line)).map(line -> "+ " + line))
            .reduce("", (all, line) -> all + line + '\n');
    if (!now.equals(then)) {
      fail(
          "the public face is not what engine/api.txt says:\n"
              + differences
              + "If that is meant: ./build -q -pl engine test -Dtest=ApiListingTest -D"
              + REFRESH
              + "=true");
    }
  }

  @Test
  void fourPackagesAreExportedToAllAndNoneIsOpen() throws IOException, URISyntaxException {
    Set<String> exported =
        module().exports().stream()
            .filter(export -> !export.isQualified())
            .map(ModuleDescriptor.Exports::source)
            .collect(toSet());
    assertEquals(PACKAGES, exported);
    assertEquals(Set.of(), module().opens());
    assertEquals(Set.of(), module().provides());
  }

  @Test
  void nothingButTheBaseModuleIsNeededAtRunTime() throws IOException, URISyntaxException {
    Set<String> needed =
        module().requires().stream()
            .filter(requires -> !requires.modifiers().contains(Requires.Modifier.STATIC))
            .map(Requires::name)
            .collect(toSet());
    assertEquals(Set.of("java.base"), needed);
  }

  /** One factory is the exception, for this project's own tests; see its Javadoc. */
  @Test
  void signaturesNameOnlyTypesThatAreExported() throws IOException, URISyntaxException {
    List<String> internal =
        ApiListing.of(classes(), PACKAGES).stream()
            .filter(line -> INTERNAL.matcher(line).find())
            .toList();
    assertEquals(
        List.of(
            "dev.cleave.engine.TableMemory.of(dev.cleave.engine.memory.TablePages)"
                + " public static dev.cleave.engine.TableMemory"),
        internal);
  }

  @Test
  void tableMemoryShowsNoLockNoRecordAndNoEntry() {
    Pattern protocol =
        Pattern.compile("(?i)lock|record|entry|slot|load|store|exchange|acquire|release|live");
    List<String> methods =
        Arrays.stream(TableMemory.class.getMethods())
            .filter(method -> method.getDeclaringClass() == TableMemory.class)
            .map(Method::getName)
            .filter(name -> protocol.matcher(name).find())
            .toList();
    assertEquals(List.of(), methods);
  }
}
