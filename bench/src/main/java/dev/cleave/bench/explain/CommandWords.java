package dev.cleave.bench.explain;

import static dev.cleave.hwmodel.iommu.Command.COMPLETE_PPR_REQUEST;
import static dev.cleave.hwmodel.iommu.Command.COMPLETION_WAIT;
import static dev.cleave.hwmodel.iommu.Command.EVERYTHING_LOG2;
import static dev.cleave.hwmodel.iommu.Command.INVALIDATE_DEVTAB_ENTRY;
import static dev.cleave.hwmodel.iommu.Command.INVALIDATE_INTERRUPT_TABLE;
import static dev.cleave.hwmodel.iommu.Command.INVALIDATE_IOMMU_ALL;
import static dev.cleave.hwmodel.iommu.Command.INVALIDATE_IOMMU_PAGES;
import static dev.cleave.hwmodel.iommu.Command.INVALIDATE_IOTLB_PAGES;
import static dev.cleave.hwmodel.iommu.Command.PREFETCH_IOMMU_PAGES;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.io.Numbers;
import dev.cleave.hwmodel.iommu.Command;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Commands in words. Source: {@code docs/spec/amd-vi.md} §4. */
final class CommandWords {
  private static final List<String> NAMES =
      List.of(
          "reserved 0",
          "COMPLETION_WAIT",
          "INVALIDATE_DEVTAB_ENTRY",
          "INVALIDATE_IOMMU_PAGES",
          "INVALIDATE_IOTLB_PAGES",
          "INVALIDATE_INTERRUPT_TABLE",
          "PREFETCH_IOMMU_PAGES",
          "COMPLETE_PPR_REQUEST",
          "INVALIDATE_IOMMU_ALL");

  private CommandWords() {}

  static Explanation of(long q0, long q1) {
    int operation = Command.operation(q0);
    String name = operation < NAMES.size() ? NAMES.get(operation) : "reserved " + operation;
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("command", name);
    fields.put("q0", Numbers.hex(q0));
    fields.put("q1", Numbers.hex(q1));
    Map<String, Object> operands = operands(operation, q0, q1);
    fields.putAll(operands);
    boolean isWellFormed = Command.isWellFormed(q0, q1);
    fields.put("wellFormed", isWellFormed);
    List<String> words = new ArrayList<>();
    operands.forEach((key, value) -> words.add(key + " " + value));
    return new Explanation(
        "command",
        "command %s%s%s"
            .formatted(
                name,
                words.isEmpty() ? "" : " " + String.join(", ", words),
                isWellFormed
                    ? ""
                    : ": malformed, a reserved bit is set or there is no such command"),
        fields,
        List.of("q0 0x%016x".formatted(q0), "q1 0x%016x".formatted(q1)));
  }

  private static Map<String, Object> operands(int operation, long q0, long q1) {
    Map<String, Object> operands = new LinkedHashMap<>();
    switch (operation) {
      case COMPLETION_WAIT -> {
        operands.put("store", (q0 & Command.STORE) != 0);
        operands.put("interrupt", (q0 & Command.INTERRUPT) != 0);
        operands.put("flush", (q0 & Command.FLUSH) != 0);
        operands.put("address", Numbers.hex(Command.storeAddress(q0)));
        operands.put("data", Numbers.hex(q1));
      }
      case INVALIDATE_DEVTAB_ENTRY, INVALIDATE_INTERRUPT_TABLE -> device(operands, q0);
      case INVALIDATE_IOMMU_PAGES -> {
        operands.put("domain", Command.domainId(q0));
        guest(operands, q1, Command.pasid(q0));
        operands.put("PDE", (q1 & Command.DIRECTORIES) != 0);
        range(operands, q1);
      }
      case INVALIDATE_IOTLB_PAGES -> {
        device(operands, q0);
        guest(operands, q1, Command.devicePasid(q0));
        range(operands, q1);
      }
      case PREFETCH_IOMMU_PAGES, COMPLETE_PPR_REQUEST -> device(operands, q0);
      case INVALIDATE_IOMMU_ALL -> {}
      default -> {}
    }
    return operands;
  }

  private static void device(Map<String, Object> operands, long q0) {
    operands.put("device", new DeviceId(Command.deviceId(q0)).toString());
  }

  private static void guest(Map<String, Object> operands, long q1, int pasid) {
    if ((q1 & Command.GUEST) != 0) {
      operands.put("pasid", pasid);
    }
  }

  private static void range(Map<String, Object> operands, long q1) {
    int log2 = Command.rangeLog2(q1);
    if (log2 == EVERYTHING_LOG2) {
      operands.put("range", "everything");
    } else {
      operands.put("range", Numbers.hex(Command.rangeStart(q1)));
      operands.put("size", Numbers.size(1L << log2));
    }
  }
}
