package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.WorkFailed;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * How the command ends when something is wrong: one line on standard error that begins with {@code
 * cleave:}, no stack trace, and an exit code.
 */
final class ExitPolicy implements IParameterExceptionHandler, IExecutionExceptionHandler {
  /** The work was done. */
  static final int OK = 0;

  /** The work itself failed. */
  static final int FAILED = 1;

  /** Bad usage or bad input. */
  static final int BAD = 2;

  /** The user ended the work early (Ctrl-C); what was done by then has been shown. */
  static final int INTERRUPTED = 130;

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    say(
        command.getErr(),
        e.getMessage() + "; see " + command.getCommandSpec().qualifiedName() + " --help");
    return BAD;
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed) {
    return end(e, command.getErr());
  }

  /** Says what went wrong and returns the exit code that goes with it. */
  static int end(Throwable failure, PrintWriter err) {
    return switch (failure) {
      case BadInput e -> end(BAD, e.getMessage(), err);
      case WorkFailed e -> end(FAILED, e.getMessage(), err);
      case UncheckedIOException e -> end(e.getCause(), err);
      case IOException e -> end(FAILED, "input or output failed: " + e.getMessage(), err);
      case OutOfMemoryError _ -> end(FAILED, "out of memory; give Java more with -Xmx", err);
      default -> end(FAILED, "internal error: " + failure, err);
    };
  }

  private static int end(int code, String message, PrintWriter err) {
    say(err, message);
    return code;
  }

  /** A name from the command line may hold anything, and the promise is one line. */
  private static void say(PrintWriter err, String message) {
    err.println("cleave: " + message.replaceAll("\\p{Cntrl}+", " ").strip());
    err.flush();
  }
}
