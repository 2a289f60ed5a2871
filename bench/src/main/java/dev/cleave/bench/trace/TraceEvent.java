package dev.cleave.bench.trace;

import java.util.Locale;
import java.util.OptionalLong;

/**
 * Something that happened to an address space. Addresses and lengths are unsigned, in bytes, as the
 * line gave them: whether they are aligned or in range is for the table to say.
 *
 * <p>Thread-safe: values.
 */
public sealed interface TraceEvent {
  /** The kinds of event, and the words by which op lines and result files call them. */
  enum Kind {
    MAP,
    UNMAP,
    SHARE,
    UNSHARE,
    SPLIT,
    MERGE,
    TRANSLATE,
    DMA;

    private final String word = name().toLowerCase(Locale.ROOT);

    /** The word that begins an op line of this kind. */
    public String word() {
      return word;
    }
  }

  /** The number of the line that told of the event; the first line of a file is 1. */
  long line();

  /** What kind of event this is. */
  default Kind kind() {
    return switch (this) {
      case Map _ -> Kind.MAP;
      case Unmap _ -> Kind.UNMAP;
      case Share _ -> Kind.SHARE;
      case Unshare _ -> Kind.UNSHARE;
      case Split _ -> Kind.SPLIT;
      case Merge _ -> Kind.MERGE;
      case Translate _ -> Kind.TRANSLATE;
      case Dma _ -> Kind.DMA;
    };
  }

  /** Where it happened: its first address. */
  default long address() {
    return switch (this) {
      case Map e -> e.iova();
      case Unmap e -> e.iova();
      case Share e -> e.gpa();
      case Unshare e -> e.gpa();
      case Split e -> e.iova();
      case Merge e -> e.iova();
      case Translate e -> e.iova();
      case Dma e -> e.iova();
    };
  }

  /** Bytes from there on. */
  default long length() {
    return 1;
  }

  /**
   * {@code [iova, iova + length)} translates from now on.
   *
   * @param paddr the output address, empty where the log does not tell it (QEMU gives the address
   *     in its own process, which no table holds)
   * @param access flags of {@link dev.cleave.engine.format.Access}
   */
  record Map(long line, long iova, OptionalLong paddr, long length, int access)
      implements TraceEvent {
    /**
     * The output address, or the iova plus an offset where the log does not tell it.
     *
     * @param base added to the iova, modulo 2^64
     */
    public long paddrOr(long base) {
      return paddr.orElse(iova + base);
    }
  }

  /**
   * What is mapped in {@code [iova, iova + length)} translates no longer.
   *
   * @param isReport whether the log says that all of it was mapped, rather than asking to unmap
   *     what is
   */
  record Unmap(long line, long iova, long length, boolean isReport) implements TraceEvent {}

  /** The guest pages in {@code [gpa, gpa + length)} went from private to shared. */
  record Share(long line, long gpa, long length) implements TraceEvent {}

  /** The guest pages in {@code [gpa, gpa + length)} went from shared to private. */
  record Unshare(long line, long gpa, long length) implements TraceEvent {}

  /** Leaves in {@code [iova, iova + length)} shall be no larger than the size given. */
  record Split(long line, long iova, long length, long largestLeafBytes) implements TraceEvent {}

  /** Leaves in {@code [iova, iova + length)} shall grow, to the size given at most. */
  record Merge(long line, long iova, long length, long largestLeafBytes) implements TraceEvent {}

  /** The output address of one iova is asked for. */
  record Translate(long line, long iova) implements TraceEvent {}

  /**
   * A device accesses {@code [iova, iova + length)}.
   *
   * @param access {@code READ} or {@code WRITE} of {@link dev.cleave.engine.format.Access}
   */
  record Dma(long line, long iova, long length, int access) implements TraceEvent {}
}
