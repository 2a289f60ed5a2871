package dev.cleave.bench.trace;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Cuts bytes into lines. Any bytes will do, each one a character, and no line takes more memory
 * than {@value #MAX_LINE_BYTES} bytes: the rest of a longer one is passed over.
 */
final class LineSource implements AutoCloseable {
  static final int MAX_LINE_BYTES = 1 << 14;

  private static final int BUFFER_BYTES = 1 << 16;

  private final InputStream in;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int position;
  private int limit;
  private final byte[] line = new byte[MAX_LINE_BYTES];
  private int lineBytes;
  private boolean wasCut;

  LineSource(InputStream in) {
    this.in = in;
  }

  /** What kind of file it is if it is no text, to be asked before the first line; null for text. */
  @Nullable BinaryKind binaryKind() throws IOException {
    while (limit < BinaryKind.PREFIX_BYTES) {
      int read = in.read(buffer, limit, BUFFER_BYTES - limit);
      if (read <= 0) {
        break;
      }
      limit += read;
    }
    return BinaryKind.of(buffer, limit);
  }

  /** The next line without its end ({@code \n} or {@code \r\n}), null after the last one. */
  @Nullable String next() throws IOException {
    lineBytes = 0;
    wasCut = false;
    boolean isAny = false;
    while (position < limit || fill()) {
      isAny = true;
      int start = position;
      while (position < limit && buffer[position] != '\n') {
        position++;
      }
      append(start, position);
      if (position < limit) {
        position++;
        return text();
      }
    }
    return isAny ? text() : null;
  }

  /** Whether the line that {@link #next} returned is only the beginning of what was there. */
  boolean wasCut() {
    return wasCut;
  }

  private void append(int start, int end) {
    int taken = Math.min(end - start, MAX_LINE_BYTES - lineBytes);
    System.arraycopy(buffer, start, line, lineBytes, taken);
    lineBytes += taken;
    wasCut |= taken < end - start;
  }

  private String text() {
    boolean hasReturn = !wasCut && lineBytes > 0 && line[lineBytes - 1] == '\r';
    // ISO 8859-1 has a character for every byte, so nothing fails and nothing is lost.
    return new String(line, 0, hasReturn ? lineBytes - 1 : lineBytes, StandardCharsets.ISO_8859_1);
  }

  private boolean fill() throws IOException {
    position = 0;
    limit = 0;
    int read = in.read(buffer);
    limit = Math.max(read, 0);
    return read > 0;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
