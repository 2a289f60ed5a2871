package dev.cleave.bench.house;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A Java block of a document, and what the document says that it prints.
 *
 * @param line where its code begins, from 1
 * @param code as it stands there
 * @param output the next {@code text} block before another Java block; null if there is none
 */
record Example(int line, String code, String output) {
  private static final String FENCE = "```";

  /** What a block adds to the program that the examples of a document make together. */
  enum Kind {
    IMPORTS,
    TYPE,
    STATEMENTS
  }

  Kind kind() {
    String first = code.lines().filter(line -> !line.isBlank()).findFirst().orElse("");
    if (first.startsWith("import ")) {
      return Kind.IMPORTS;
    }
    return first.startsWith("/**") ? Kind.TYPE : Kind.STATEMENTS;
  }

  /** The examples of a Markdown file, in order. */
  static List<Example> in(Path document) {
    List<Example> examples = new ArrayList<>();
    List<String> lines = ProjectTree.read(document).lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      String language = lines.get(i).startsWith(FENCE) ? lines.get(i).substring(3).strip() : null;
      if (language == null) {
        continue;
      }
      int begin = i + 1;
      StringBuilder text = new StringBuilder();
      for (i = begin; !lines.get(i).equals(FENCE); i++) {
        text.append(lines.get(i)).append('\n');
      }
      if (language.equals("java")) {
        examples.add(new Example(begin + 1, text.toString(), null));
      } else if (language.equals("text") && !examples.isEmpty()) {
        Example latest = examples.removeLast();
        if (latest.output != null) {
          throw new IllegalStateException(
              "%s:%d: the example at line %d prints something already"
                  .formatted(document, begin, latest.line));
        }
        examples.add(new Example(latest.line, latest.code, text.toString()));
      }
    }
    return examples;
  }
}
