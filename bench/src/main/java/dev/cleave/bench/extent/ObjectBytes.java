package dev.cleave.bench.extent;

/**
 * What objects take on the heap of a 64-bit HotSpot as it is by default below 32 GiB: headers of 12
 * bytes, references of 4, objects that begin at multiples of 8. Counted by these rules a structure
 * takes the same in every run, whatever a collector has left over.
 */
public final class ObjectBytes {
  /** Of a reference in an object or an array. */
  public static final int REFERENCE = 4;

  private static final int HEADER = 12;
  private static final int ARRAY_HEADER = 16;
  private static final int ALIGNMENT = 8;

  private ObjectBytes() {}

  /**
   * An object.
   *
   * @param fieldBytes of all its fields together, with the space that {@code long} fields need to
   *     begin at a multiple of 8
   */
  public static long object(int fieldBytes) {
    return aligned(HEADER + fieldBytes);
  }

  /**
   * An array.
   *
   * @param elementBytes of each element
   */
  public static long array(long length, int elementBytes) {
    return aligned(ARRAY_HEADER + length * elementBytes);
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
  }
}
