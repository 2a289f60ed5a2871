package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.rmp.Rmp.Entry;
import dev.cleave.bench.io.Numbers;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** RMP entries for a person: by field and by bit. Source: {@code docs/spec/rmp.md} §1. */
public final class RmpWords {
  /** The letters of a VMPL's permissions, from bit 0 on. */
  private static final SequencedMap<Integer, String> VMPL_LETTERS = new LinkedHashMap<>();

  static {
    VMPL_LETTERS.put(RmpEntry.VMPL_READ, "r");
    VMPL_LETTERS.put(RmpEntry.VMPL_WRITE, "w");
    VMPL_LETTERS.put(RmpEntry.VMPL_USER_EXECUTE, "u");
    VMPL_LETTERS.put(RmpEntry.VMPL_SUPERVISOR_EXECUTE, "x");
    VMPL_LETTERS.put(RmpEntry.VMPL_SHADOW_STACK, "s");
  }

  private RmpWords() {}

  /**
   * An entry on one line.
   *
   * @param entry a raw entry
   * @return such as {@code assigned, 4K, gpa 0x1000, ASID 5, validated}
   */
  public static String of(Entry entry) {
    long low = entry.low();
    List<String> words = new ArrayList<>();
    words.add(entry.isAssigned() ? "assigned" : "unassigned (the hypervisor's)");
    if (entry.isAssigned()) {
      words.add(entry.isLarge() ? "2M" : "4K");
      words.add("gpa " + Numbers.hex(RmpEntry.gpa(low)));
      words.add("ASID " + RmpEntry.asid(low) + (RmpEntry.asid(low) == 0 ? " (firmware)" : ""));
    }
    add(words, low, RmpEntry.VALIDATED, "validated");
    add(words, low, RmpEntry.IMMUTABLE, "immutable");
    add(words, low, RmpEntry.VMSA, "VMSA");
    if (RmpEntry.subpages(low) != 0) {
      words.add("subpage count " + RmpEntry.subpages(low));
    }
    add(words, low, RmpEntry.LOCK, lock(low));
    for (int vmpl = 0; vmpl < RmpEntry.VMPLS; vmpl++) {
      int permissions = RmpEntry.permissions(entry.high(), vmpl);
      if (permissions != 0) {
        words.add("VMPL%d %s".formatted(vmpl, letters(permissions)));
      }
    }
    return String.join(", ", words);
  }

  private static void add(List<String> words, long low, long bit, String word) {
    if ((low & bit) != 0) {
      words.add(word);
    }
  }

  /** On real parts the bit is found set for good in immutable entries. */
  private static String lock(long low) {
    return (low & RmpEntry.IMMUTABLE) != 0 ? "bit 63 set" : "bit 63 set (locked)";
  }

  private static String letters(int permissions) {
    StringBuilder letters = new StringBuilder();
    VMPL_LETTERS.forEach((bit, letter) -> letters.append((permissions & bit) != 0 ? letter : "-"));
    return letters.toString();
  }

  /**
   * The fields of an entry.
   *
   * @param entry a raw entry
   * @return every field by its name
   */
  public static Map<String, Object> fields(Entry entry) {
    long low = entry.low();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("low", Numbers.hex(low));
    fields.put("high", Numbers.hex(entry.high()));
    fields.put("assigned", entry.isAssigned());
    fields.put("size", (low & RmpEntry.LARGE) != 0 ? "2M" : "4K");
    fields.put("immutable", (low & RmpEntry.IMMUTABLE) != 0);
    fields.put("subpages", RmpEntry.subpages(low));
    fields.put("gpa", Numbers.hex(RmpEntry.gpa(low)));
    fields.put("asid", RmpEntry.asid(low));
    fields.put("vmsa", (low & RmpEntry.VMSA) != 0);
    fields.put("validated", (low & RmpEntry.VALIDATED) != 0);
    fields.put("bit63", (low & RmpEntry.LOCK) != 0);
    List<String> vmpls = new ArrayList<>();
    for (int vmpl = 0; vmpl < RmpEntry.VMPLS; vmpl++) {
      vmpls.add(letters(RmpEntry.permissions(entry.high(), vmpl)));
    }
    fields.put("vmpl", vmpls);
    return fields;
  }
}
