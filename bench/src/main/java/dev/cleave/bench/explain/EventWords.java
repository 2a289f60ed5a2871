package dev.cleave.bench.explain;

import dev.cleave.bench.dmesg.KernelLine;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.io.Numbers;
import dev.cleave.hwmodel.iommu.Event;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Events of the IOMMU in words. Source: {@code docs/spec/iommu-behaviour.md} §1. */
final class EventWords {
  private static final List<String> NAMES =
      List.of(
          "reserved",
          "ILLEGAL_DEV_TABLE_ENTRY",
          "IO_PAGE_FAULT",
          "DEV_TAB_HARDWARE_ERROR",
          "PAGE_TAB_HARDWARE_ERROR",
          "ILLEGAL_COMMAND_ERROR",
          "COMMAND_HARDWARE_ERROR",
          "IOTLB_INV_TIMEOUT",
          "INVALID_DEVICE_REQUEST",
          "INVALID_PPR_REQUEST");

  private static final List<String> HARDWARE_TYPES =
      List.of("type 0", "master abort", "target abort", "data error");
  private static final int HALF_BITS = 32;

  private EventWords() {}

  /** An event, its code and its line's fields, those of {@code UNKNOWN} events taken apart. */
  record Told(String name, int code, @Nullable DeviceId device, SequencedMap<String, Long> fields) {
    long flags() {
      return fields.getOrDefault("flags", 0L);
    }

    boolean isWrite() {
      return EventFlag.RW.isIn(flags());
    }

    boolean isInterrupt() {
      return EventFlag.I.isIn(flags());
    }
  }

  static Told told(KernelLine.Event event) {
    if (event.name().equals("UNKNOWN")) {
      return unknown(event);
    }
    int code =
        switch (event.name()) {
          case "RMP_PAGE_FAULT" -> Event.RMP_PAGE_FAULT;
          case "RMP_HW_ERROR" -> Event.RMP_HW_ERROR;
          default -> Math.max(0, NAMES.indexOf(event.name()));
        };
    return new Told(event.name(), code, event.device(), event.fields());
  }

  /** The four words of an event that the kernel has no name for. */
  private static Told unknown(KernelLine.Event event) {
    long q0 = event.field("event[0]") | event.field("event[1]") << HALF_BITS;
    long q1 = event.field("event[2]") | event.field("event[3]") << HALF_BITS;
    SequencedMap<String, Long> fields = new LinkedHashMap<>(event.fields());
    fields.put("domain", (long) Event.domainId(q0));
    fields.put("address", q1);
    fields.put("flags", (long) Event.flags(q0));
    int code = Event.code(q0);
    String name =
        switch (code) {
          case Event.RMP_PAGE_FAULT -> "RMP_PAGE_FAULT";
          case Event.RMP_HW_ERROR -> "RMP_HW_ERROR";
          default -> code < NAMES.size() ? NAMES.get(code) : "code 0x" + Integer.toHexString(code);
        };
    return new Told("UNKNOWN (%s)".formatted(name), code, new DeviceId(Event.deviceId(q0)), fields);
  }

  /**
   * The event without a table at hand.
   *
   * @param isDeviceBefore whether its line begins with the device
   */
  static Explanation of(Told told, boolean isDeviceBefore) {
    List<String> words = new ArrayList<>();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("event", told.name);
    if (told.device != null && !isDeviceBefore) {
      words.add("device " + told.device);
    }
    if (told.device != null) {
      json.put("device", told.device.toString());
    }
    told.fields.forEach((key, value) -> {
      json.put(key, Numbers.hex(value));
      words.add(key + " " + Numbers.hex(value) + (key.equals("flags") ? flags(value) : ""));
    });
    List<String> details = new ArrayList<>();
    told.fields.forEach((key, value) -> details.add(key + " " + Numbers.hex(value)));
    if (told.fields.containsKey("flags")) {
      json.put("flagNames", EventFlag.of(told.flags()).stream().map(EventFlag::name).toList());
      for (EventFlag flag : EventFlag.values()) {
        details.add(
            "  %s=%d %s"
                .formatted(flag, flag.isIn(told.flags()) ? 1 : 0, flag.words(told.flags())));
      }
      type(told)
          .ifPresent(type -> {
            json.put("type", type);
            details.add("  type " + type);
          });
    }
    String reason = reason(told);
    json.put("reason", reason);
    return new Explanation(
        "event", "%s %s: %s".formatted(told.name, String.join(", ", words), reason), json, details);
  }

  private static String flags(long flags) {
    List<EventFlag> set = EventFlag.of(flags);
    return set.isEmpty()
        ? ""
        : set.stream().map(EventFlag::name).collect(Collectors.joining(" ", " (", ")"));
  }

  private static OptionalInt type(Told told) {
    return switch (told.code) {
      case Event.DEV_TAB_HARDWARE_ERROR,
          Event.PAGE_TAB_HARDWARE_ERROR,
          Event.COMMAND_HARDWARE_ERROR,
          Event.RMP_HW_ERROR,
          Event.INVALID_DEVICE_REQUEST ->
          OptionalInt.of(Event.type(told.code, (int) told.flags()));
      default -> OptionalInt.empty();
    };
  }

  private static String reason(Told told) {
    long flags = told.flags();
    return switch (told.code) {
      case Event.ILLEGAL_DEV_TABLE_ENTRY ->
          EventFlag.RZ.isIn(flags)
              ? "the device table entry has reserved bits set"
              : "the device table entry asks for what is not allowed together";
      case Event.IO_PAGE_FAULT -> request(told) + ": " + refusal(flags);
      case Event.DEV_TAB_HARDWARE_ERROR ->
          "the device table entry could not be read" + type(told, flags);
      case Event.PAGE_TAB_HARDWARE_ERROR ->
          "an entry of a page table could not be read" + type(told, flags);
      case Event.ILLEGAL_COMMAND_ERROR ->
          "the command at this address is malformed or not supported, and the IOMMU fetches no more";
      case Event.COMMAND_HARDWARE_ERROR ->
          "a command could not be read, or its store not written" + type(told, flags);
      case Event.IOTLB_INV_TIMEOUT -> "the device did not answer an invalidation of its own cache";
      case Event.INVALID_DEVICE_REQUEST ->
          "a request of a kind that the device may not make, type " + type(told).getAsInt();
      case Event.INVALID_PPR_REQUEST -> "a page request that is malformed or not allowed";
      case Event.RMP_PAGE_FAULT ->
          request(told)
              + ": the RMP refuses it (size, owner or gpa of the page's entry do not fit)";
      case Event.RMP_HW_ERROR -> "the RMP entry could not be read" + type(told, flags);
      default -> "no event that is known here";
    };
  }

  private static String type(Told told, long flags) {
    return ", " + HARDWARE_TYPES.get(Event.type(told.code, (int) flags));
  }

  private static String request(Told told) {
    return (told.isInterrupt() ? "an interrupt" : told.isWrite() ? "a write" : "a read")
        + (EventFlag.TR.isIn(told.flags()) ? " (translation request)" : "");
  }

  private static String refusal(long flags) {
    if (!EventFlag.PR.isIn(flags)) {
      return "nothing is mapped there";
    }
    if (EventFlag.RZ.isIn(flags)) {
      return "an entry on the way has a reserved bit set";
    }
    return EventFlag.PE.isIn(flags)
        ? "an entry on the way, or the device table entry, does not permit it"
        : "an entry on the way has an invalid level";
  }
}
