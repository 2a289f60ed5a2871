package dev.cleave.bench.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The lines of a text, whatever its bytes: each is a character, and of a line that is longer than
 * {@value #LONGEST} bytes the rest is passed over, so that memory is bounded. A line ends at {@code
 * \n} or {@code \r\n}.
 *
 * <p>May be iterated once. Not thread-safe.
 */
public final class TextLines implements Iterable<String>, AutoCloseable {
  private static final int LONGEST = 1 << 14;

  private final String name;
  private final InputStream in;
  private final byte[] line = new byte[LONGEST];
  private long number;

  /**
   * The lines of a stream, which {@link #close} closes.
   *
   * @param name what to call it
   * @param in where they come from, buffered
   */
  public TextLines(String name, InputStream in) {
    this.name = name;
    this.in = in;
  }

  /**
   * The lines of a file.
   *
   * @param name a path, read as gzip when it ends in {@code .gz}, or {@code -}
   * @throws BadInput if it cannot be opened
   */
  public static TextLines open(String name) {
    return new TextLines(
        name.equals(Inputs.STANDARD_INPUT) ? "standard input" : name, Inputs.open(name));
  }

  /** What to call the text. */
  public String name() {
    return name;
  }

  /** The number of the line that was returned last, from 1. */
  public long number() {
    return number;
  }

  /** Throws {@link BadInput} where the text cannot be read any further. */
  @Override
  public Iterator<String> iterator() {
    return new Iterator<>() {
      private String next = read();

      @Override
      public boolean hasNext() {
        return next != null;
      }

      @Override
      public String next() {
        if (next == null) {
          throw new NoSuchElementException();
        }
        String line = next;
        number++;
        next = read();
        return line;
      }
    };
  }

  private String read() {
    try {
      int c = in.read();
      if (c < 0) {
        return null;
      }
      int length = 0;
      for (; c >= 0 && c != '\n'; c = in.read()) {
        if (length < LONGEST) {
          line[length++] = (byte) c;
        }
      }
      boolean hasReturn = length > 0 && length < LONGEST && line[length - 1] == '\r';
      return new String(line, 0, hasReturn ? length - 1 : length, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw BadInput.cannotRead(name, number + 1, e);
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
