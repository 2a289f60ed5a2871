package dev.cleave.bench.conform;

import java.util.List;

/**
 * QEMU and an expectation disagree, or the machine shows damage; it ends its case.
 *
 * <p>Thread-safe: immutable.
 */
final class Difference extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient List<String> lines;

  /**
   * A difference.
   *
   * @param lines what was done, then each answer
   */
  Difference(List<String> lines) {
    super(String.join("; ", lines));
    this.lines = List.copyOf(lines);
  }

  List<String> lines() {
    return lines;
  }
}
