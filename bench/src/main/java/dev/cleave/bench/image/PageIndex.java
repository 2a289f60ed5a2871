package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Geometry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;

/** {@code pages.idx}: one hexadecimal physical address a line, ascending, each of a whole page. */
final class PageIndex {
  private static final Pattern ADDRESS = Pattern.compile("(?:0[xX])?([0-9a-fA-F]{1,16})");
  private static final int LONGEST_LINE = 80;

  private final Object file;
  private long[] addresses = new long[1024];
  private int count;
  private long line;

  private PageIndex(Object file) {
    this.file = file;
  }

  /** The addresses, in the order of the pages. */
  static long[] read(Path file) throws IOException {
    try (InputStream in = Inputs.open(file.toString())) {
      return parse(file, in);
    }
  }

  /**
   * Reads an index.
   *
   * @param file what to call it
   * @throws BadInput if it is none
   */
  static long[] parse(Object file, InputStream in) throws IOException {
    PageIndex index = new PageIndex(file);
    for (String text = index.next(in); text != null; text = index.next(in)) {
      index.add(text);
    }
    if (index.count == 0) {
      throw BadInput.in(file, "lists no page");
    }
    return Arrays.copyOf(index.addresses, index.count);
  }

  /** The next line, null at the end; a line that cannot be an address is not read to its end. */
  private String next(InputStream in) throws IOException {
    StringBuilder text = new StringBuilder();
    line++;
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        return text.isEmpty() ? null : text.toString();
      }
      text.append((char) c);
      if (text.length() > LONGEST_LINE) {
        throw notAnAddress(text + "…");
      }
    }
    return text.toString();
  }

  private void add(String text) {
    var matcher = ADDRESS.matcher(text.strip());
    if (!matcher.matches()) {
      throw notAnAddress(text);
    }
    long address = Long.parseUnsignedLong(matcher.group(1), 16);
    if ((address & Geometry.offsetMask(Geometry.PAGE_LOG2)) != 0) {
      throw BadInput.at(file, line, Numbers.hex(address) + " is not 4096-byte aligned");
    }
    if (count > 0 && Long.compareUnsigned(addresses[count - 1], address) >= 0) {
      throw BadInput.at(
          file,
          line,
          "%s follows %s, expected ascending addresses without repetition"
              .formatted(Numbers.hex(address), Numbers.hex(addresses[count - 1])));
    }
    if (count == addresses.length) {
      addresses = Arrays.copyOf(addresses, 2 * count);
    }
    addresses[count++] = address;
  }

  private BadInput notAnAddress(String text) {
    return BadInput.at(
        file, line, "'" + text.strip() + "' is not a page's physical address in hexadecimal");
  }
}
