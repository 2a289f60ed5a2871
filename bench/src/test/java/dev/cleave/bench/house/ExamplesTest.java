package dev.cleave.bench.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Java in the papers compiles, runs, and prints what they say. */
class ExamplesTest {
  private static final String GUIDE = "docs/library.md";

  @ParameterizedTest
  @ValueSource(strings = {GUIDE, "README.md"})
  void every_example_compiles_runs_and_prints_what_the_paper_says(
      String document, @TempDir Path classes) throws Throwable {
    List<Example> examples = new ArrayList<>(Example.in(ProjectTree.file(document)));
    assertTrue(!examples.isEmpty(), "no example in " + document);
    if (!document.equals(GUIDE)) {
      Example.in(ProjectTree.file(GUIDE)).stream()
          .filter(example -> example.kind() == Example.Kind.IMPORTS)
          .forEach(examples::addFirst);
    }
    try (ExampleProgram program = ExampleProgram.compile(examples, classes)) {
      for (Example example : examples) {
        if (example.kind() == Example.Kind.STATEMENTS) {
          assertEquals(
              Objects.requireNonNullElse(example.output(), ""),
              program.run(example),
              "%s:%d".formatted(document, example.line()));
        }
      }
    }
  }

  @Test
  void an_example_that_prints_something_else_is_found(@TempDir Path classes) throws Throwable {
    Example example = new Example(7, "System.out.println(6 * 7);\n", "41\n");
    try (ExampleProgram program = ExampleProgram.compile(List.of(example), classes)) {
      assertEquals("42\n", program.run(example));
    }
  }

  @Test
  void an_example_that_does_not_compile_is_found(@TempDir Path classes) {
    Example example = new Example(7, "PageTable table = null;\n", null);
    AssertionError failure =
        org.junit.jupiter.api.Assertions.assertThrows(
            AssertionError.class, () -> ExampleProgram.compile(List.of(example), classes).close());
    assertTrue(failure.getMessage().contains("PageTable table = null;"), failure.getMessage());
  }
}
