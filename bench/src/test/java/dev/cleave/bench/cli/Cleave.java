package dev.cleave.bench.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;

/** The command as a test runs it. */
public final class Cleave {
  /** How a run ended. */
  public record Result(int code, String out, String err) {
    public List<String> errLines() {
      return err.lines().toList();
    }
  }

  private Cleave() {}

  public static Result run(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        Main.run(
            new PrintWriter(out),
            new PrintWriter(err),
            Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    return new Result(code, out.toString(), err.toString());
  }
}
