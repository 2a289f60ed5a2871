package dev.cleave.bench.processor;

/**
 * What a core looks like: how long that takes of which it can do several things at a time, by the
 * time of one {@linkplain Chains chain} of additions, of which it can do one. On a core of our own
 * both are the same to a hundredth in every JVM and at every clock rate. A neighbour on it takes of
 * what there is several times, and leaves the chain alone.
 *
 * @param adding time of four chains side by side
 * @param copying time of copies in the first cache
 */
public record CoreLook(double adding, double copying) {
  /** As nobody has seen it. */
  public static final CoreLook UNKNOWN =
      new CoreLook(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

  private static final double MORE_ADDING = 1.03;
  private static final double MORE_COPYING = 1.06;
  private static final String SEPARATOR = ";";

  /** What is on a line of text, as {@link #text} has it. */
  public static CoreLook of(String text) {
    String[] parts = text.split(SEPARATOR, -1);
    return new CoreLook(Double.parseDouble(parts[0]), Double.parseDouble(parts[1]));
  }

  /** {@return itself on a line} */
  public String text() {
    return adding + SEPARATOR + copying;
  }

  /** {@return the less of either} */
  public CoreLook least(CoreLook other) {
    return new CoreLook(Math.min(adding, other.adding), Math.min(copying, other.copying));
  }

  /** Whether a core that looks so is one's own, if one's own looks like another. */
  public boolean isOwn(CoreLook own) {
    return isOwn(adding, copying, own.adding, own.copying);
  }

  static boolean isOwn(double adding, double copying, double ownAdding, double ownCopying) {
    return adding <= ownAdding * MORE_ADDING && copying <= ownCopying * MORE_COPYING;
  }
}
