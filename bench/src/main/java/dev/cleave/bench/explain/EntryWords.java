package dev.cleave.bench.explain;

import dev.cleave.bench.dmesg.EntryTexts.Found;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Device table entries in words. Source: {@code docs/spec/amd-vi.md} §3. */
final class EntryWords {
  private EntryWords() {}

  static Explanation of(Found found) {
    DeviceTableEntry entry = found.entry();
    Map<String, Object> fields = new LinkedHashMap<>();
    if (found.device() != null) {
      fields.put("device", found.device().toString());
    }
    fields.put("entryKind", Domain.words(entry.kind()));
    List<String> details = new ArrayList<>();
    entry
        .fields()
        .forEach((name, value) -> {
          fields.put(name, Numbers.hex(value));
          details.add(name + " " + Numbers.hex(value));
        });
    return new Explanation(
        "entry",
        "device table entry%s: %s, domain %d%s, %s%s"
            .formatted(
                found.device() == null ? "" : " of " + found.device(),
                Domain.words(entry.kind()),
                entry.domainId(),
                entry.hasHostTable()
                    ? ", root %s, %d levels".formatted(Numbers.hex(entry.root()), entry.levels())
                    : "",
                permissions(entry),
                entry.reservedBits() == 0
                    ? ""
                    : ", reserved bits " + Numbers.hex(entry.reservedBits())),
        fields,
        details);
  }

  private static String permissions(DeviceTableEntry entry) {
    return switch (entry.access() & Access.READ_WRITE) {
      case Access.READ_WRITE -> "read and write";
      case Access.READ -> "read only";
      case Access.WRITE -> "write only";
      default -> "neither read nor write";
    };
  }
}
