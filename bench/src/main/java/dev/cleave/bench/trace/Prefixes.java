package dev.cleave.bench.trace;

import dev.cleave.bench.trace.LogLine.Kind;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tells the prefix of a line from its body: what ftrace, trace-cmd and perf print before a
 * tracepoint, what QEMU prints before an event, and what syslog and the journal print before
 * either.
 *
 * <p>A task's name may hold anything, so ftrace's prefix is looked for from the right.
 */
final class Prefixes {
  /** {@code [003] d..1. 58.769038: }, of which old kernels and trace-cmd leave out the flags. */
  private static final Pattern FTRACE =
      Pattern.compile("\\[\\d{2,5}\\] +(?:[.#\\w]{4,8} +)?(\\d+(?:\\.\\d+)?): ");

  /** {@code qemu 4242/4243 12.345678: iommu:map: }, as perf prints it without a processor. */
  private static final Pattern PERF =
      Pattern.compile(" (\\d+(?:/\\d+)?) +(\\d+\\.\\d+): +(?:\\d+ +)?(?=\\w+:\\w+: )");

  /** What perf puts before the name of the event: a period, and the name of the subsystem. */
  private static final Pattern SUBSYSTEM = Pattern.compile("\\G *(?:\\d+ +)?(?:\\w+:(?=\\w+: ))?");

  private static final Pattern TRACEPOINT = Pattern.compile("\\G *(\\w+): *");

  /** What a program wrote into the kernel's log of events. */
  private static final Pattern MARK =
      Pattern.compile("\\G *(?:tracing_mark_write: *|print: *(?:\\S+: )?)");

  /** QEMU's own lines may begin with such a time too: the journal's have the process's number. */
  private static final Pattern SYSLOG =
      Pattern.compile(
          "\\G(?:<\\d+>)?(?:[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)? \\S+"
              + " [\\w./@-]+(?:\\[\\d+\\])?: |"
              + "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[\\d.,]*(?:Z|[+-]\\d\\d:?\\d\\d) \\S+"
              + " [\\w./@-]+\\[\\d+\\]: )");

  private static final Pattern THREAD_AND_TIME = Pattern.compile("\\G(\\d+)@(\\d+\\.\\d+):");

  private static final Pattern ISO_TIME =
      Pattern.compile("\\G(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z) ");

  /** {@code [guest] qemu-system-x86_64: (4242:main): }, or only the program. */
  private static final Pattern PROGRAM =
      Pattern.compile("\\G(?:\\S+ )?[\\w./-]+: (?:\\((\\d+):[^)]*\\): )?");

  private static final Pattern MESSAGE = Pattern.compile("\\G(?:kernel: )?\\[ *\\d+\\.\\d+\\] ");

  private static final Pattern NAME = Pattern.compile("\\G(\\w+_\\w+)(?=[ (:]|$)");

  private Prefixes() {}

  /** Takes a line apart. */
  static LogLine split(long number, String text) {
    Matcher matcher = FTRACE.matcher(text);
    int end = -1;
    String task = "";
    String time = "";
    while (matcher.find()) {
      task = task(text, matcher.start());
      time = matcher.group(1);
      end = matcher.end();
    }
    if (end < 0 && matcher.usePattern(PERF).reset().find()) {
      task = text.substring(0, matcher.end(1)).strip();
      time = matcher.group(2);
      end = matcher.end();
    }
    return end < 0
        ? program(number, text)
        : tracepoint(new LogLine(number, text, "", end, task, time, Kind.TRACEPOINT), matcher);
  }

  /** The last word before the processor that is no thread group: a name and a number. */
  private static String task(String text, int end) {
    String before = text.substring(0, end).strip();
    int group = before.endsWith(")") ? before.lastIndexOf('(') : -1;
    return group > 0 ? before.substring(0, group).strip() : before;
  }

  private static LogLine tracepoint(LogLine line, Matcher matcher) {
    int at = line.body();
    if (lookingAt(matcher, MARK, at)) {
      return name(line.at("", matcher.end()), matcher);
    }
    if (lookingAt(matcher, SUBSYSTEM, at)) {
      at = matcher.end();
    }
    return lookingAt(matcher, TRACEPOINT, at)
        ? line.at(matcher.group(1), matcher.end())
        : line.at("", at);
  }

  private static LogLine program(long number, String text) {
    Matcher matcher = SYSLOG.matcher(text);
    int at = lookingAt(matcher, SYSLOG, 0) ? matcher.end() : 0;
    String task = "";
    String time = "";
    if (lookingAt(matcher, THREAD_AND_TIME, at)) {
      task = matcher.group(1);
      time = matcher.group(2);
      at = matcher.end();
    } else {
      if (lookingAt(matcher, ISO_TIME, at)) {
        time = matcher.group(1);
        at = matcher.end();
      }
      if (lookingAt(matcher, PROGRAM, at) && matcher.group(1) != null) {
        task = matcher.group(1);
        at = matcher.end();
      }
    }
    boolean isMessage = time.isEmpty() && lookingAt(matcher, MESSAGE, at);
    Kind kind = isMessage ? Kind.MESSAGE : time.isEmpty() ? Kind.OTHER : Kind.PROGRAM;
    return name(new LogLine(number, text, "", at, task, time, kind), matcher);
  }

  /** Looks for the name of a program's event; what stands after it may be anything. */
  private static LogLine name(LogLine line, Matcher matcher) {
    boolean isNamed = lookingAt(matcher, NAME, line.body());
    return new LogLine(
        line.number(),
        line.text(),
        isNamed ? matcher.group(1) : "",
        isNamed ? matcher.end(1) : line.body(),
        line.task(),
        line.time(),
        line.isTracepoint() || (isNamed && line.kind() == Kind.OTHER) ? Kind.PROGRAM : line.kind());
  }

  private static boolean lookingAt(Matcher matcher, Pattern pattern, int at) {
    matcher.usePattern(pattern);
    return matcher.find(at);
  }
}
