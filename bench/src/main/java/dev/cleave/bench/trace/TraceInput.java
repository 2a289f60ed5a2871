package dev.cleave.bench.trace;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** Where the bytes of a trace come from, and what their failures are called. */
final class TraceInput {
  private static final String GZIP_SUFFIX = ".gz";
  private static final int GZIP_BUFFER_BYTES = 1 << 16;

  private TraceInput() {}

  /** Opens a file; one whose name ends in {@code .gz} is read as gzip. */
  @SuppressWarnings("resource") // the file is closed with what is returned, or here on failure
  static InputStream open(String file) throws TraceException {
    InputStream in;
    try {
      in = Files.newInputStream(Path.of(file));
    } catch (IOException e) {
      throw new TraceException(file, problem(e), e);
    } catch (InvalidPathException e) {
      throw new TraceException(file, "not a file name: " + e.getReason(), e);
    }
    return file.endsWith(GZIP_SUFFIX) ? gunzip(file, in) : in;
  }

  /** Standard input, which stays open when the stream returned is closed. */
  static InputStream standardInput() {
    return new FilterInputStream(System.in) {
      @Override
      public void close() {
        // The process owns it.
      }
    };
  }

  /** A failure to read in words for people. */
  static String problem(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file";
      case AccessDeniedException _ -> "permission denied";
      case EOFException _ -> "the gzip data ends too early: the file is truncated";
      case ZipException _ -> "the gzip data is damaged: " + e.getMessage();
      default -> "cannot be read: " + e.getMessage();
    };
  }

  private static InputStream gunzip(String file, InputStream in) throws TraceException {
    try {
      return new GZIPInputStream(in, GZIP_BUFFER_BYTES);
    } catch (IOException e) {
      try {
        in.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw new TraceException(file, 1, problem(e), e);
    }
  }
}
