package dev.cleave.engine.format;

/**
 * What the bits of an entry mean. Every present entry is one of two kinds: a <em>directory</em>
 * that points at a table, or a <em>leaf</em> that translates; a leaf whose size is not its level's
 * own stands in several slots, with the identical entry in each.
 *
 * <p>Bits lie side by side: a directory, and a leaf of one slot, are an address, attributes and
 * constants of their level ORed together, and what {@link #tablePaddr} and {@link #attributesOf}
 * give back lies under a mask. So code that goes over many entries need not ask for each.
 *
 * <p>Implementations are immutable and thread-safe. There are few of them by design, so that the
 * JIT can inline each at every call.
 */
public sealed interface EntryFormat permits AmdV1, X86 {
  /**
   * The fewest levels a table can have.
   *
   * @return number of levels
   */
  int minLevels();

  /** {@return the most levels a table can have} */
  int maxLevels();

  /**
   * Whether a table may get another top above its top while it is in use.
   *
   * @return false when its number of levels is fixed
   */
  boolean canGrow();

  /**
   * {@return the leaf sizes that the hardware accepts, a bitmap: bit {@code s} stands for 2^s
   * bytes}
   */
  long leafSizes();

  /**
   * Width of an output address.
   *
   * @return number of bits
   */
  int outputBits();

  /**
   * {@return the one bit that makes an entry count: without it the entry is a hole, whatever else
   * it holds}
   */
  long presentMask();

  /**
   * Whether hardware looks at an entry at all.
   *
   * @param entry a raw entry
   * @return false for a hole
   */
  default boolean isPresent(long entry) {
    return (entry & presentMask()) != 0;
  }

  /**
   * The bits that tell what an entry is. Under this mask all directories of a level are one value,
   * all its leaves of one slot are another, and no hole is either, whatever their other bits say; a
   * leaf of several slots is neither.
   *
   * @param level hardware level of the table that the entry stands in; the mask is the same for all
   *     from 2 on
   * @return a mask that has {@link #presentMask}
   */
  long kindMask(int level);

  /**
   * Whether a present entry translates, at a level where it can be of either kind.
   *
   * @param entry a raw entry, present
   * @param level hardware level of the table that it stands in
   * @return true for a leaf, false for a directory
   */
  boolean isLeaf(long entry, int level);

  /**
   * The entry that points at a table.
   *
   * @param tablePaddr physical address of the table, 4 KiB-aligned
   * @param tableLevel hardware level of that table
   * @return a raw entry
   */
  long directory(long tablePaddr, int tableLevel);

  /**
   * The table that a directory points at.
   *
   * @param entry a raw directory entry
   * @return physical address of the table
   */
  long tablePaddr(long entry);

  /**
   * What stands in a slot whose table was taken out and waits for a flush: the directory, not
   * present any more. Hardware sees a hole and ignores the rest.
   *
   * @param directory a raw directory entry, present
   * @return a raw entry, not present
   */
  default long remnant(long directory) {
    return directory & ~presentMask();
  }

  /**
   * Whether a table that waits for a flush stood in a slot. {@link #tablePaddr} says which.
   *
   * @param entry a raw entry
   * @return false for a present entry and for a hole without remnant
   */
  default boolean isRemnant(long entry) {
    return !isPresent(entry) && (entry & ~statusMask()) != 0;
  }

  /**
   * A leaf entry, to be stored in each of its slots. Entries of consecutive leaves of one size
   * differ by exactly that size.
   *
   * @param paddr output address, aligned to the size
   * @param sizeLog2 logarithm of the leaf's bytes, one of {@link #leafSizes}
   * @param attributes what {@link #attributes} or {@link #attributesOf} returned, with or without
   *     {@link #statusMask} bits
   * @return a raw entry
   */
  long leaf(long paddr, int sizeLog2, long attributes);

  /**
   * Size of a leaf.
   *
   * @param entry a raw leaf entry
   * @param level hardware level of the table that it stands in
   * @return logarithm of its bytes
   */
  int leafSizeLog2(long entry, int level);

  /**
   * Output address of a leaf's first byte.
   *
   * @param entry a raw leaf entry
   * @param level hardware level of the table that it stands in
   * @return physical address, without the C-bit
   */
  long leafPaddr(long entry, int level);

  /**
   * Whether a leaf can allow precisely this.
   *
   * @param access any set of flags
   * @return false when it lacks what every leaf allows, or has a flag that is unknown here; {@link
   *     Access#ENCRYPTED} alone is judged by {@link #attributes}
   */
  boolean canExpress(int access);

  /**
   * What {@link #canExpress} asks for.
   *
   * @return a sentence for an error message
   */
  String accessRule();

  /**
   * The bits of a leaf that say what it allows, and with which status it is born.
   *
   * @param access a set of {@link Access} flags that {@link #canExpress}
   * @return the leaf's bits besides its address and size
   * @throws IllegalArgumentException if the set names {@link Access#ENCRYPTED} and the format has
   *     no C-bit
   */
  long attributes(int access);

  /**
   * The bits of a leaf besides address, size, accessed and dirty: two leaves may become one only
   * when these are equal.
   *
   * @param entry a raw leaf entry
   * @return what {@link #leaf} takes to make another like it
   */
  long attributesOf(long entry);

  /**
   * What a leaf allows.
   *
   * @param entry a raw leaf entry
   * @return {@link Access} flags
   */
  int access(long entry);

  /**
   * The same leaf with other permissions.
   *
   * @param entry a raw leaf entry
   * @param access {@link Access} flags that {@link #canExpress}, of which {@link Access#ENCRYPTED}
   *     does not count
   * @return a raw leaf entry, equal in everything else
   */
  long withPermissions(long entry, int access);

  /** {@return the accessed and dirty bits, which hardware sets at any moment} */
  long statusMask();

  /**
   * The dirty bit among them.
   *
   * @return a mask of one bit
   */
  long dirtyMask();
}
