package dev.cleave.engine.published;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertLinesMatch;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One program, {@code src/it/program}, in every surrounding that it may be given: it does the same
 * in all of them, and Java and the engine warn of exactly what is named here.
 */
@Tag("slow")
class ConsumersIT {
  private static final Path JAR = Installed.engine(".jar");
  private static final Path PROJECTS = Path.of("src", "it").toAbsolutePath();
  private static final Path PROGRAM = PROJECTS.resolve("program", "consumer", "Consumer.java");
  private static final Path MODULE = PROJECTS.resolve("module", "module-info.java");
  private static final String MAIN = "consumer.Consumer";
  private static final String MODULE_MAIN = "consumer/" + MAIN;
  private static final String VECTOR = "jdk.incubator.vector";

  private static final List<String> PRINTED =
      List.of(
          "map: 1 leaves, translates to 0x100200123",
          "flush 0x40000000, 2^30 bytes",
          "split: 19 leaves, translates to 0x100200123",
          "fit: 11 leaves, translates to 0x100200123",
          "flush 0x40000000, 2^30 bytes",
          "merge: 1 leaves, translates to 0x100200123");

  /** Of the compiler, where the engine is a module: it may use the Vector API. */
  private static final List<String> COMPILER =
      List.of(
          "warning: \\[incubating\\] using incubating module\\(s\\): jdk\\.incubator\\.vector",
          "1 warning");

  /** Of the engine, with the Vector API or without: it says nothing that nobody asked for. */
  private static final List<String> NOTHING = List.of();

  /** Of Java, where nobody enabled native access. */
  private static final List<String> NATIVE =
      List.of(
          "WARNING: A restricted method in java\\.lang\\.foreign\\.Linker has been called",
          "WARNING: java\\.lang\\.foreign\\.Linker::downcallHandle has been called by .*",
          "WARNING: Use --enable-native-access=.* to avoid a warning .*",
          "WARNING: Restricted methods will be blocked .*");

  /** Of Java, where the Vector API is there. */
  private static final List<String> INCUBATOR =
      List.of("WARNING: Using incubator modules: jdk\\.incubator\\.vector");

  @TempDir private static Path project;
  @TempDir private static Path module;
  private static List<String> moduleWarnings;

  @TempDir private Path directory;

  @BeforeAll
  static void compile() throws IOException, InterruptedException {
    buildWithMaven();
    moduleWarnings =
        Tool.run(module, "javac", "-p", JAR, "-d", module.resolve("consumer"), PROGRAM, MODULE)
            .err();
  }

  /** Maven finds the engine by its coordinates, and all that compiling with it takes. */
  private static void buildWithMaven() throws IOException, InterruptedException {
    Path maven = Path.of(System.getProperty("cleave.maven"));
    Path ours = Path.of(System.getProperty("cleave.maven.repository"));
    Tool.runOf(
        maven,
        project,
        "mvn",
        "-B",
        "-q",
        "-ntp",
        "-f",
        PROJECTS.resolve("pom.xml"),
        "-s",
        PROJECTS.resolve("settings.xml"),
        "-Dour.repository=" + ours.toUri(),
        "-Dmaven.repo.local=" + Installed.REPOSITORY,
        "-Dcleave.version=" + Installed.VERSION,
        "-Dconsumer.directory=" + project,
        "compile");
  }

  private static String classPath() {
    return project.resolve("classes") + File.pathSeparator + JAR;
  }

  private static String modulePath() {
    return module.resolve("consumer") + File.pathSeparator + JAR;
  }

  private static void assertDone(Tool.Output output, List<String> warnings) {
    assertEquals(PRINTED, output.out());
    assertLinesMatch(warnings, output.err());
  }

  @Test
  void aClassPathProjectRunsWithoutAnyFlag() throws IOException, InterruptedException {
    assertDone(Tool.run(directory, "java", "-cp", classPath(), MAIN), NATIVE);
  }

  @Test
  void aClassPathProjectWithTheVectorApiHearsOnlyThatItIncubates()
      throws IOException, InterruptedException {
    Tool.Output output =
        Tool.run(
            directory,
            "java",
            "--add-modules=" + VECTOR,
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath(),
            MAIN);
    assertDone(output, INCUBATOR);
  }

  @Test
  void aModuleThatNamesOnlyTheEngineCompilesWithOneWarning() {
    assertLinesMatch(COMPILER, moduleWarnings);
  }

  @Test
  void aModularProjectRunsWithoutAnyFlag() throws IOException, InterruptedException {
    assertDone(Tool.run(directory, "java", "-p", modulePath(), "-m", MODULE_MAIN), NATIVE);
  }

  @Test
  void aJdkWithoutTheVectorModuleIsEnough() throws IOException, InterruptedException {
    Tool.Output output =
        Tool.run(
            directory,
            "java",
            "--limit-modules=java.base",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath(),
            MAIN);
    assertDone(output, NOTHING);
  }

  @Test
  void deniedNativeAccessIsEnough() throws IOException, InterruptedException {
    Tool.Output output =
        Tool.run(
            directory,
            "java",
            "--illegal-native-access=deny",
            "-p",
            modulePath(),
            "-m",
            MODULE_MAIN);
    assertDone(output, NOTHING);
  }

  @Test
  void aRunTimeImageTakesTheEngineAndItsFlagsAlong() throws IOException, InterruptedException {
    Path image = directory.resolve("image");
    Tool.run(
        directory,
        "jlink",
        "-p",
        modulePath(),
        "--add-modules=consumer",
        "--add-options=--enable-native-access=dev.cleave.engine",
        "--launcher=consume=" + MODULE_MAIN,
        "--output=" + image);
    assertDone(Tool.runOf(image, directory, "consume"), NOTHING);
  }
}
