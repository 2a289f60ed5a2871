package dev.cleave.bench.house;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The project's own files, from the root down, without what a build or git put there. */
public final class ProjectTree {
  private static final Set<String> NOT_OURS = Set.of("target", ".git");
  private static final Path ROOT = root();

  private ProjectTree() {}

  private static Path root() {
    Path module = Path.of("").toAbsolutePath(); // tests of a module run in its directory
    Path root = module.endsWith("bench") ? module.getParent() : module;
    if (!Files.isRegularFile(root.resolve("build"))) {
      throw new IllegalStateException("no project root at " + root);
    }
    return root;
  }

  /**
   * A file of the project.
   *
   * @param path from the root, with slashes
   */
  public static Path file(String path) {
    return ROOT.resolve(path);
  }

  /** Path from the root, with slashes. */
  public static String name(Path file) {
    return ROOT.relativize(file).toString().replace('\\', '/');
  }

  /** All of a file's text. */
  public static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The papers that say how things are now: not the changelog, and not what is told of others. */
  public static List<Path> papers() {
    return filesEnding(".md").stream()
        .filter(file -> !file.endsWith("CHANGELOG.md"))
        .filter(file -> !name(file).matches("docs/spec/(?!README).*"))
        .toList();
  }

  /** All files whose name ends so, in order of their names. */
  public static List<Path> filesEnding(String... endings) {
    try (var files = Files.find(ROOT, Integer.MAX_VALUE, (file, _) -> isOurs(file, endings))) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isOurs(Path file, String... endings) {
    for (Path part : ROOT.relativize(file)) {
      if (NOT_OURS.contains(part.toString())) {
        return false;
      }
    }
    for (String ending : endings) {
      if (file.toString().endsWith(ending)) {
        return true;
      }
    }
    return false;
  }
}
