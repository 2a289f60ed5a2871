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

/** A paper that names a class, or links to a file, names one that is there. */
class NamesInPapersTest {
  private static final Pattern TYPE =
      Pattern.compile("\\b(?:class|interface|enum|record) ([A-Z]\\w*)");
  private static final Pattern NAME = Pattern.compile("`([A-Z]\\w*[a-z]\\w*)(?=[.(#`])");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^):#]+)(?:#[^)]*)?\\)");

  @Test
  void every_class_that_a_paper_names_exists() {
    Set<String> types = typesOfTheTree();
    List<String> missing = new ArrayList<>();
    int names = 0;
    for (Path paper : ProjectTree.papers()) {
      for (Matcher name = NAME.matcher(ProjectTree.read(paper)); name.find(); names++) {
        String type = name.group(1);
        boolean isThere = types.contains(type) || types.contains(type + "Event") || isJavas(type);
        if (!isThere) {
          missing.add(ProjectTree.name(paper) + ": " + type);
        }
      }
    }
    assertEquals(List.of(), missing);
    assertTrue(names > 50, "this test looked at too little: " + names + " names");
  }

  private static Set<String> typesOfTheTree() {
    Set<String> types = new HashSet<>();
    for (Path file : ProjectTree.filesEnding(".java")) {
      for (Matcher type = TYPE.matcher(ProjectTree.read(file)); type.find(); ) {
        types.add(type.group(1));
      }
    }
    return types;
  }

  private static boolean isJavas(String name) {
    try {
      Class.forName("java.lang." + name);
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  @Test
  void every_file_that_a_paper_links_to_exists() {
    List<String> missing = new ArrayList<>();
    int links = 0;
    for (Path paper : ProjectTree.filesEnding(".md")) {
      for (Matcher link = LINK.matcher(ProjectTree.read(paper)); link.find(); links++) {
        if (!Files.exists(paper.resolveSibling(link.group(1)))) {
          missing.add(ProjectTree.name(paper) + ": " + link.group(1));
        }
      }
    }
    assertEquals(List.of(), missing);
    assertTrue(links > 20, "this test looked at too little: " + links + " links");
  }
}
