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
      case Unmap _, Clear _ -> Kind.UNMAP;
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
      case Clear e -> e.first();
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

  /** Whether it is about page states, which no address space has to itself. */
  default boolean isPageState() {
    return this instanceof Share || this instanceof Unshare;
  }

  /** The address space that it happened in; {@link AddressSpace#UNSAID} for page states. */
  default AddressSpace space() {
    return AddressSpace.UNSAID;
  }

  /** The same event in another address space; page states have none and stay what they are. */
  default TraceEvent in(AddressSpace other) {
    return switch (this) {
      case Map e -> new Map(e.line, other, e.iova, e.paddr, e.length, e.access);
      case Unmap e -> new Unmap(e.line, other, e.iova, e.length, e.isReport);
      case Clear e -> new Clear(e.line, other, e.first, e.last);
      case Split e -> new Split(e.line, other, e.iova, e.length, e.largestLeafBytes);
      case Merge e -> new Merge(e.line, other, e.iova, e.length, e.largestLeafBytes);
      case Translate e -> new Translate(e.line, other, e.iova);
      case Dma e -> new Dma(e.line, other, e.iova, e.length, e.access);
      case Share _, Unshare _ -> this;
    };
  }

  /**
   * {@code [iova, iova + length)} translates from now on.
   *
   * @param paddr the output address, empty where the log does not tell it (QEMU gives the address
   *     in its own process, which no table holds)
   * @param access flags of {@link dev.cleave.engine.format.Access}
   */
  record Map(long line, AddressSpace space, long iova, OptionalLong paddr, long length, int access)
      implements TraceEvent {
    /** A map in a space that is not said. */
    public Map(long line, long iova, OptionalLong paddr, long length, int access) {
      this(line, AddressSpace.UNSAID, iova, paddr, length, access);
    }

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
  record Unmap(long line, AddressSpace space, long iova, long length, boolean isReport)
      implements TraceEvent {
    /** An unmap in a space that is not said. */
    public Unmap(long line, long iova, long length, boolean isReport) {
      this(line, AddressSpace.UNSAID, iova, length, isReport);
    }
  }

  /**
   * Whatever is mapped from {@code first} to {@code last} translates no longer, and nothing need
   * be: how a whole address space is emptied, whose 2^64 bytes no length can say.
   */
  record Clear(long line, AddressSpace space, long first, long last) implements TraceEvent {
    /** All of a space. */
    static Clear all(long line, AddressSpace space) {
      return new Clear(line, space, 0, -1);
    }
  }

  /** The guest pages in {@code [gpa, gpa + length)} went from private to shared. */
  record Share(long line, long gpa, long length) implements TraceEvent {}

  /** The guest pages in {@code [gpa, gpa + length)} went from shared to private. */
  record Unshare(long line, long gpa, long length) implements TraceEvent {}

  /** Leaves in {@code [iova, iova + length)} shall be no larger than the size given. */
  record Split(long line, AddressSpace space, long iova, long length, long largestLeafBytes)
      implements TraceEvent {
    /** A split in a space that is not said. */
    public Split(long line, long iova, long length, long largestLeafBytes) {
      this(line, AddressSpace.UNSAID, iova, length, largestLeafBytes);
    }
  }

  /** Leaves in {@code [iova, iova + length)} shall grow, to the size given at most. */
  record Merge(long line, AddressSpace space, long iova, long length, long largestLeafBytes)
      implements TraceEvent {
    /** A merge in a space that is not said. */
    public Merge(long line, long iova, long length, long largestLeafBytes) {
      this(line, AddressSpace.UNSAID, iova, length, largestLeafBytes);
    }
  }

  /** The output address of one iova is asked for. */
  record Translate(long line, AddressSpace space, long iova) implements TraceEvent {
    /** A translation in a space that is not said. */
    public Translate(long line, long iova) {
      this(line, AddressSpace.UNSAID, iova);
    }
  }

  /**
   * A device accesses {@code [iova, iova + length)}.
   *
   * @param access {@code READ} or {@code WRITE} of {@link dev.cleave.engine.format.Access}
   */
  record Dma(long line, AddressSpace space, long iova, long length, int access)
      implements TraceEvent {
    /** An access in a space that is not said. */
    public Dma(long line, long iova, long length, int access) {
      this(line, AddressSpace.UNSAID, iova, length, access);
    }
  }
}
