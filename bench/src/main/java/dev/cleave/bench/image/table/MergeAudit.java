package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import java.util.function.LongPredicate;

/**
 * Finds leaves that could be one larger leaf: neighbours in iova and in paddr, equal but for
 * accessed and dirty, aligned to the larger size in both.
 *
 * <p>Works like the buddy allocator: a stack holds blocks that wait for their right neighbour, so
 * sizes fall from bottom to top and it is never deeper than there are sizes.
 *
 * <p>Not thread-safe.
 */
final class MergeAudit implements TableVisitor {
  /** A leaf, or leaves that could be one, at the first one's place. */
  private record Block(LeafRow first, int sizeLog2, int leaves) {
    long iovaEnd() {
      return first.site().iova() + (1L << sizeLog2);
    }

    long paddrEnd() {
      return first.paddr() + (1L << sizeLog2);
    }

    boolean isLeftHalf() {
      return ((first.site().iova() | first.paddr()) >>> sizeLog2 & 1) == 0;
    }
  }

  private final EntryFormat format;
  private final LongPredicate allowsLarge;
  private final Consumer<Finding> findings;
  private final Deque<Block> waiting = new ArrayDeque<>();

  /**
   * An audit.
   *
   * @param allowsLarge whether a leaf of 2 MiB or more may lead to a region of memory
   */
  MergeAudit(EntryFormat format, LongPredicate allowsLarge, Consumer<Finding> findings) {
    this.format = format;
    this.allowsLarge = allowsLarge;
    this.findings = findings;
  }

  @Override
  public void leaf(LeafRow row) {
    Block block = new Block(row, Long.numberOfTrailingZeros(row.sizeBytes()), 1);
    if (row.sizeBytes() != 1L << format.leafSizeLog2(row.site().entry(), row.site().level())) {
      // What is left of a sized leaf whose slots differ is an error, not an opportunity.
      end();
      return;
    }
    if (!waiting.isEmpty() && !continues(waiting.peek(), row)) {
      end();
    }
    while (!waiting.isEmpty() && waiting.peek().sizeLog2 == block.sizeLog2) {
      Block left = waiting.pop();
      block = new Block(left.first, left.sizeLog2 + 1, left.leaves + block.leaves);
    }
    waiting.push(block);
    if (!block.isLeftHalf() || block.sizeLog2 + 1 > largestLog2() || !mayGrow(block)) {
      end();
    }
  }

  /** Only the step from 1 MiB to 2 MiB changes how a leaf is checked. */
  private boolean mayGrow(Block block) {
    return block.sizeLog2 + 1 != Geometry.REGION_LOG2 || allowsLarge.test(block.first.paddr());
  }

  private boolean continues(Block left, LeafRow row) {
    return left.iovaEnd() == row.site().iova()
        && left.paddrEnd() == row.paddr()
        && left.first.access() == row.access()
        && format.attributesOf(left.first.site().entry())
            == format.attributesOf(row.site().entry());
  }

  @Override
  public void end() {
    while (!waiting.isEmpty()) {
      Block block = waiting.pollLast();
      long sizes = format.leafSizes() & (2L << block.sizeLog2) - 1;
      int betterLog2 = Long.SIZE - 1 - Long.numberOfLeadingZeros(sizes);
      int fewest = 1 << (block.sizeLog2 - betterLog2);
      if (block.leaves > fewest) {
        findings.accept(
            new Finding(
                Rule.MERGEABLE,
                block.first.site(),
                "%d leaves could be %s of %s"
                    .formatted(block.leaves, words(fewest), Numbers.size(1L << betterLog2))));
      }
    }
  }

  private static String words(int count) {
    return switch (count) {
      case 1 -> "one";
      case 2 -> "two";
      default -> Integer.toString(count);
    };
  }

  private int largestLog2() {
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(format.leafSizes());
  }
}
