package dev.cleave.bench.report;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.zip.GZIPOutputStream;

/**
 * Numbers in as few bytes as they need, seven bits in each, the lowest first; all but the last have
 * the top bit set.
 *
 * <p>Not thread-safe.
 */
final class Varints {
  private static final int BITS = 7;
  private static final int MORE = 1 << BITS;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Adds a number that is not negative. */
  Varints add(long value) {
    long rest = value;
    for (; rest >= MORE; rest >>>= BITS) {
      bytes.write((int) rest | MORE);
    }
    bytes.write((int) rest);
    return this;
  }

  /** Adds a number of either sign, near 0 if it is to be short. */
  Varints addSigned(long value) {
    return add(value << 1 ^ value >> (Long.SIZE - 1));
  }

  int size() {
    return bytes.size();
  }

  /** All of it as text: base64 of gzip. */
  String text() {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      bytes.writeTo(gzip);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Base64.getEncoder().encodeToString(packed.toByteArray());
  }
}
