package dev.cleave.bench.io;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.regex.Pattern;
import java.util.zip.ZipException;

/**
 * What the user gave cannot be used: the command ends with exit code 2 and this message, one line
 * that says where it was, what was wrong and what was expected.
 */
public final class BadInput extends RuntimeException {
  private static final long serialVersionUID = 1;
  private static final Pattern NOT_PRINTED =
      Pattern.compile("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]");

  /**
   * A refusal that belongs to no file.
   *
   * @param message what was wrong and what was expected
   */
  public BadInput(String message) {
    super(oneLine(message));
  }

  private BadInput(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** What is quoted may hold anything: nothing of it ends the line or moves a cursor. */
  private static String oneLine(String message) {
    return NOT_PRINTED.matcher(message).replaceAll("?");
  }

  /**
   * A refusal of a whole file.
   *
   * @param file the file as the user named it
   * @param wrong what was wrong and what was expected
   * @return the exception to throw
   */
  public static BadInput in(Object file, String wrong) {
    return new BadInput(file + ": " + wrong);
  }

  /**
   * A refusal of one line.
   *
   * @param file the file as the user named it
   * @param line number of the line, from 1
   * @param wrong what was wrong and what was expected
   * @return the exception to throw
   */
  public static BadInput at(Object file, long line, String wrong) {
    return new BadInput(file + ":" + line + ": " + wrong);
  }

  /**
   * A file that cannot be opened, read or written.
   *
   * @param file the file as the user named it
   * @param cause what the system said
   * @return the exception to throw
   */
  public static BadInput cannotUse(Object file, IOException cause) {
    return new BadInput(file + ": " + reason(cause), cause);
  }

  /**
   * A file that cannot be read beyond a line.
   *
   * @param file the file as the user named it
   * @param line number of the line, from 1
   * @param cause what the system said
   * @return the exception to throw
   */
  public static BadInput cannotRead(Object file, long line, IOException cause) {
    return new BadInput(file + ":" + line + ": " + reason(cause), cause);
  }

  /** The system's words, where Java's own message would be only the name of the file. */
  private static String reason(IOException cause) {
    return switch (cause) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case EOFException _ -> "the gzip data ends too early: the file is truncated";
      case ZipException e -> "the gzip data is damaged: " + e.getMessage();
      case FileSystemException e when e.getReason() != null -> e.getReason();
      default -> cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    };
  }
}
