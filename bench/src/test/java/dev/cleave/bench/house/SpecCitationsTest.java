package dev.cleave.bench.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What code and papers cite of {@code docs/spec} is there to be looked up. */
class SpecCitationsTest {
  private static final String SPEC =
      "docs/spec/"; // apart, or this file would cite what is not there

  private static final Pattern HEADING =
      Pattern.compile("^#{2,3} (\\d+(?:\\.\\d+)?)\\.? ", Pattern.MULTILINE);

  @Test
  void every_citation_leads_to_a_section_that_exists() {
    List<String> defects = new ArrayList<>();
    int citations = 0;
    for (Path file : ProjectTree.filesEnding(".java", ".md")) {
      String name = ProjectTree.name(file);
      for (SpecCitation citation : SpecCitation.in(ProjectTree.read(file))) {
        citations++;
        for (String defect : defects(citation, name.endsWith(".java"))) {
          defects.add("%s:%d: %s".formatted(name, citation.line(), defect));
        }
      }
    }
    assertEquals(List.of(), defects);
    assertTrue(citations >= 30, "this test looked at too little: " + citations + " citations");
  }

  @Test
  void a_citation_is_read_over_the_ends_of_lines() {
    String text =
        " * Source: {@code\n * " + SPEC + "rmp.md} §1,\n * §4.2 and §3. Also {@code " + SPEC;
    assertEquals(
        List.of(
            new SpecCitation(2, false, "rmp.md", List.of("1", "4.2", "3")),
            new SpecCitation(3, false, "qemu.md", List.of("6"))),
        SpecCitation.in(text + "qemu.md} §6; not §7."));
  }

  @Test
  void a_citation_that_leads_nowhere_is_found() {
    assertEquals(List.of("docs/spec has no none.md"), defectsOf(SPEC + "none.md §1"));
    assertEquals(
        List.of(SPEC + "rmp.md has no section §99", SPEC + "rmp.md has no section §3.7"),
        defectsOf(SPEC + "rmp.md §3 to §99, §3.7"));
    assertEquals(List.of("names no section"), defectsOf(SPEC + "rmp.md, section 3"));
    assertEquals(
        List.of("a path begins at the root: " + SPEC + "rmp.md"), defectsOf("spec/" + "rmp.md §3"));
  }

  private static List<String> defectsOf(String text) {
    return SpecCitation.in(text).stream().flatMap(c -> defects(c, true).stream()).toList();
  }

  private static List<String> defects(SpecCitation citation, boolean needsSection) {
    Path file = ProjectTree.file("docs/spec/" + citation.file());
    if (citation.isOldForm()) {
      return List.of("a path begins at the root: docs/spec/" + citation.file());
    }
    if (!Files.isRegularFile(file)) {
      return List.of("docs/spec has no " + citation.file());
    }
    if (needsSection && citation.sections().isEmpty()) {
      return List.of("names no section");
    }
    Set<String> sections = sections(ProjectTree.read(file));
    return citation.sections().stream()
        .filter(section -> !sections.contains(section))
        .map(section -> "docs/spec/%s has no section §%s".formatted(citation.file(), section))
        .toList();
  }

  private static Set<String> sections(String text) {
    Set<String> numbers = new HashSet<>();
    for (Matcher heading = HEADING.matcher(text); heading.find(); ) {
      numbers.add(heading.group(1));
    }
    return numbers;
  }
}
