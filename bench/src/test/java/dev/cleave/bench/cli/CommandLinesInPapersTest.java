package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.house.ProjectTree;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** The command lines that the papers show are understood: commands and options exist. */
class CommandLinesInPapersTest {
  private static final Pattern SHOWN = Pattern.compile("^ {4}.*?\\./cleave ");
  private static final Pattern COMMAND = Pattern.compile("\\./cleave ([^#|&;>\\n]*)");

  @Test
  void every_command_line_that_a_paper_shows_is_understood() {
    List<String> refused = new ArrayList<>();
    int count = 0;
    for (Path paper : ProjectTree.papers()) {
      for (String line : ProjectTree.read(paper).lines().toList()) {
        if (!SHOWN.matcher(line).find()) {
          continue;
        }
        for (Matcher command = COMMAND.matcher(line); command.find(); count++) {
          String problem = problemOf(command.group(1).strip());
          if (problem != null) {
            refused.add("%s: %s: %s".formatted(ProjectTree.name(paper), command.group(), problem));
          }
        }
      }
    }
    assertEquals(List.of(), refused);
    assertTrue(count > 20, "this test looked at too little: " + count + " command lines");
  }

  @Test
  void an_option_that_does_not_exist_is_found() {
    assertEquals("Unknown option: '--levelz'", problemOf("replay --levelz 3 TRACE"));
  }

  private static String problemOf(String arguments) {
    try {
      var _ =
          new CommandLine(Main.class)
              .registerConverter(long.class, new NumberConverter())
              .registerConverter(Long.class, new NumberConverter())
              .parseArgs(arguments.split("\\s+"));
      return null;
    } catch (ParameterException e) {
      return e.getMessage();
    }
  }
}
