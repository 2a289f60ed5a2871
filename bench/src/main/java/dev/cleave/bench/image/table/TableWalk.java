package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * What one address translates to, with every entry on the way: at most six, for NextLevel must
 * fall.
 *
 * @param iova the address
 * @param steps the entries met, from the top; each site's iova is where its entry begins
 * @param outcome what came of it
 */
public record TableWalk(long iova, List<Site> steps, Outcome outcome) {
  /** What came of a walk. */
  public sealed interface Outcome {}

  /**
   * The address translates.
   *
   * @param paddr what it translates to
   * @param access the permissions of the device table entry, all directories and the leaf
   * @param leafBytes size of the leaf
   */
  public record Translated(long paddr, int access, long leafBytes) implements Outcome {}

  /**
   * The address does not translate.
   *
   * @param reason why
   */
  public record Refused(String reason) implements Outcome {}

  /**
   * Walks.
   *
   * @param memory where the table lies
   * @param format its format
   * @param root its top
   * @param iova the address to translate
   * @return the walk
   */
  public static TableWalk of(PhysicalMemory memory, AmdV1 format, TableRoot root, long iova) {
    List<Site> steps = new ArrayList<>();
    return new TableWalk(iova, steps, walk(memory, format, root, iova, steps));
  }

  private static Outcome walk(
      PhysicalMemory memory, AmdV1 format, TableRoot root, long iova, List<Site> steps) {
    EntryRules rules = new EntryRules(format);
    if (!Geometry.reaches(root.levels(), iova)) {
      return new Refused("a table of %d levels does not reach it".formatted(root.levels()));
    }
    long table = root.paddr();
    int access = root.access();
    int level = root.levels();
    while (memory.isBacked(table)) {
      int index = Geometry.index(iova, level);
      long entry = memory.getLong(table + ((long) index << Geometry.ENTRY_BYTES_LOG2));
      long offset = iova & Geometry.offsetMask(Geometry.entryLog2(level));
      steps.add(new Site(table, level, index, iova - offset, entry));
      if (!format.isPresent(entry)) {
        return new Refused("the entry is not present");
      }
      Rule refusal = rules.refusal(entry, level);
      if (refusal != null) {
        return new Refused(refusal + ": " + rules.detail(refusal, entry, level));
      }
      access &= format.access(entry);
      if (format.isLeaf(entry, level)) {
        int sizeLog2 = format.leafSizeLog2(entry, level);
        long paddr = format.leafPaddr(entry, level) + (iova & Geometry.offsetMask(sizeLog2));
        return new Translated(paddr, access, 1L << sizeLog2);
      }
      int nextLevel = AmdV1.nextLevel(entry);
      if (!Geometry.reaches(nextLevel, offset)) {
        return new Refused(
            "address bits that the step from level %d to %d skips are not zero"
                .formatted(level, nextLevel));
      }
      table = format.tablePaddr(entry);
      level = nextLevel;
    }
    return new Refused("the table " + Numbers.hex(table) + " is not in the image");
  }
}
