package dev.cleave.bench.house;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place that says where in {@code docs/spec} a fact stands: a file, and the sections that follow
 * its name as {@code §1, §2.3} or {@code §1 to §3}, over line ends of a comment as well.
 *
 * @param line where it begins, from 1
 * @param isOldForm whether the path does not begin at the project's root
 * @param file the file's name, without its folder
 * @param sections the numbers, as written
 */
record SpecCitation(int line, boolean isOldForm, String file, List<String> sections) {
  /** Blanks, and what a comment puts at the begin of a line. */
  private static final String GAP = "(?:\\s|\\*(?!/)|//)*";

  private static final Pattern SECTION =
      Pattern.compile("\\G[`})]*" + GAP + "(?:,|and|to)?" + GAP + "§(\\d+(?:\\.\\d+)?)");

  /** A link between documents is no citation: it is relative to the folder they stand in. */
  private static final Pattern FILE =
      Pattern.compile("(?<!\\]\\()(?<!docs/)(?<!\\w)(docs/)?spec/([A-Za-z0-9-]+\\.md)");

  static List<SpecCitation> in(String text) {
    List<SpecCitation> found = new ArrayList<>();
    Matcher file = FILE.matcher(text);
    Matcher section = SECTION.matcher(text);
    while (file.find()) {
      List<String> sections = new ArrayList<>();
      for (int at = file.end(); section.find(at); at = section.end()) {
        sections.add(section.group(1));
      }
      int line = 1 + (int) text.substring(0, file.start()).chars().filter(c -> c == '\n').count();
      found.add(new SpecCitation(line, file.group(1) == null, file.group(2), sections));
    }
    return found;
  }
}
