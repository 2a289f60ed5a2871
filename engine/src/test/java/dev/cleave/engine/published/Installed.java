package dev.cleave.engine.published;

import java.nio.file.Path;

/** The engine as somebody else gets it: from a Maven repository that the build has filled. */
final class Installed {
  /** The engine's version. */
  static final String VERSION = System.getProperty("cleave.version");

  /** The repository, filled with the engine alone. */
  static final Path REPOSITORY = Path.of(System.getProperty("cleave.repository")).toAbsolutePath();

  private Installed() {}

  /** The artefact that ends so, such as {@code .pom} or {@code -sources.jar}. */
  static Path engine(String end) {
    return REPOSITORY.resolve(
        "dev", "cleave", "cleave-engine", VERSION, "cleave-engine-" + VERSION + end);
  }
}
