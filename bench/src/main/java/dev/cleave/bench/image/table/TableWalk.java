package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * What one address translates to, with every entry of its table on the way: at most six, for levels
 * must fall.
 *
 * @param iova the address
 * @param steps the entries met, from the top; each site's iova is where its entry begins
 * @param outcome what came of it
 */
public record TableWalk(long iova, List<Site> steps, Outcome outcome) {
  /** No address of memory. */
  static final long NOWHERE = -1;

  /** What came of a walk. */
  public sealed interface Outcome {}

  /**
   * The address translates.
   *
   * @param paddr what it translates to
   * @param access what the device table entry, all directories and the leaf permit, those of a host
   *     table included
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
   * @param root its top
   * @param iova the address to translate
   * @return the walk
   */
  public static TableWalk of(PhysicalMemory memory, TableRoot root, long iova) {
    List<Site> steps = new ArrayList<>();
    TableSource source = new TableSource(memory, root.host());
    Outcome outcome = walk(source, root, iova, steps);
    return new TableWalk(
        iova,
        steps,
        outcome instanceof Translated to && root.host() != null
            ? throughHost(memory, root.host(), to)
            : outcome);
  }

  /** What a guest's address comes to: both tables must permit, and the smaller leaf counts. */
  private static Outcome throughHost(PhysicalMemory memory, TableRoot host, Translated guest) {
    return switch (of(memory, host, guest.paddr()).outcome()) {
      case Translated to ->
          new Translated(
              to.paddr(),
              Access.both(to.access(), guest.access()),
              Math.min(to.leafBytes(), guest.leafBytes()));
      case Refused refused ->
          new Refused(
              "guest address %s in the host table: %s"
                  .formatted(Numbers.hex(guest.paddr()), refused.reason()));
    };
  }

  private static Outcome walk(TableSource source, TableRoot root, long iova, List<Site> steps) {
    EntryFormat format = root.format();
    EntryRules rules = EntryRules.of(format);
    if (!root.decodes(iova)) {
      return new Refused(
          root.signExtended()
              ? "it is no sign-extended address of %d bits"
                  .formatted(Geometry.tableLog2(root.levels()))
              : "a table of %d levels does not reach it".formatted(root.levels()));
    }
    long table = root.paddr();
    int access = root.access();
    int level = root.levels();
    while (source.isBacked(table)) {
      int index = Geometry.index(iova, level);
      long entry = source.entry(table, index);
      long offset = iova & Geometry.offsetMask(Geometry.entryLog2(level));
      steps.add(new Site(table, level, index, iova - offset, entry));
      if (!format.isPresent(entry)) {
        return new Refused("the entry is not present");
      }
      Rule refusal = rules.refusal(entry, level);
      if (refusal != null) {
        return new Refused(refusal + ": " + rules.detail(refusal, entry, level));
      }
      access = Access.both(access, format.access(entry));
      if (format.isLeaf(entry, level)) {
        int sizeLog2 = format.leafSizeLog2(entry, level);
        long paddr = format.leafPaddr(entry, level) + (iova & Geometry.offsetMask(sizeLog2));
        return new Translated(paddr, access, 1L << sizeLog2);
      }
      int nextLevel = rules.nextLevel(entry, level);
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
