package dev.cleave.engine.memory;

/**
 * Tells readers without a lock whether what was a table may have become another meanwhile.
 *
 * <p>A reader takes the count, which marks it, looks at tables, and looks at the count again. Who
 * is going to reuse pages moves a marked count on. One that is not marked it leaves alone: nobody
 * has looked since the last time, and who begins to look now finds none of the pages. So writers
 * share no cache line that they write to while nobody reads (benchmark {@code
 * TwoThreads.runsByTwo}: 205 against 195 ns, and where the host's cores lie far apart 300 against
 * 195).
 *
 * <p>That needs a full fence on either side: pages are out of the tree before a writer looks for
 * the mark, and a reader marks before it looks at the tree. One of them sees what the other has
 * done.
 *
 * <p>Thread-safe. It has its cache line for itself.
 */
final class ReclaimCount extends ReclaimState {
  @SuppressWarnings("unused")
  private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7;
}
