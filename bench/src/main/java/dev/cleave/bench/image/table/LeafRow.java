package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import java.util.List;

/**
 * A leaf, as the leaves file has it. Where the slots of a sized leaf differ, each run of equal
 * slots is a row of its own, of the size that the run translates.
 *
 * @param site its first slot
 * @param paddr output address of its first byte
 * @param sizeBytes the bytes that its slots translate
 * @param leafBytes the bytes that the leaf is meant to translate: more, where its slots differ
 * @param access {@link Access} flags that the device table entry, directories and leaf allow; in
 *     the file only those to read and write, while NX is bit 63 of the raw entry
 * @param nextLevel the raw NextLevel field, 0 where the format has none
 * @param slots number of slots
 */
public record LeafRow(
    Site site, long paddr, long sizeBytes, long leafBytes, int access, int nextLevel, int slots) {
  /** The columns of the leaves file. */
  public static final List<String> COLUMNS =
      List.of(
          "iova",
          "phys",
          "size",
          "perm",
          "raw_pte_hex",
          "level",
          "next_level_field",
          "slots",
          "index");

  /**
   * The fields of the leaves file.
   *
   * @return one for each of {@link #COLUMNS}
   */
  public List<String> fields() {
    return List.of(
        Numbers.hex(site.iova()),
        Numbers.hex(paddr),
        Numbers.hex(sizeBytes),
        Access.permissions(access),
        Numbers.hex(site.entry()),
        Integer.toString(site.level()),
        Integer.toString(nextLevel),
        Integer.toString(slots),
        Integer.toString(site.index()));
  }
}
