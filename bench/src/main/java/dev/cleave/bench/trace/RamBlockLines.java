package dev.cleave.bench.trace;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * QEMU's events about the state of a memory block. They count from the beginning of a block that
 * they do not name; where the block lies in guest memory, KVM's slots say, if they were logged. An
 * offset that no slot has, or that slots of two blocks have, is told of in vain.
 *
 * <p>For one thread.
 */
final class RamBlockLines {
  private static final String CHANGE = "ram_block_attributes_state_change";
  private static final String SLOT = "kvm_set_user_memory";

  /** Of a slot's flags: its private pages lie in a guest_memfd. */
  private static final long HAS_MEMFD = 1 << 2;

  /** By the number of the address space and that of the slot. */
  private final Map<List<Long>, Slot> slots = new HashMap<>();

  final Map<String, BodyReader> readers = Map.of(CHANGE, this::change, SLOT, this::slot);

  private record Slot(long gpa, long bytes, long offset) {
    boolean holds(long from, long length) {
      return from >= offset && length <= bytes && from - offset <= bytes - length;
    }
  }

  private Parsed slot(LogLine line) throws MalformedLineException {
    Body body =
        line.body(
            SLOT
                + " AddrSpace#<n> Slot#<n> flags=<flags> gpa=<gpa> size=<length> ua=<address>"
                + " guest_memfd=<n> guest_memfd_offset=<offset> ret=<code>");
    // Older QEMU names neither address space nor guest_memfd: nothing to learn from it.
    if (body.has("guest_memfd_offset") || body.has("fd_offset")) {
      List<Long> id = List.of(number(body, "AddrSpace#", "as"), number(body, "Slot#", "slot"));
      long bytes = body.number("size", "memory_size");
      long gpa = body.number("gpa", "guest_phys_addr");
      long offset = body.number("guest_memfd_offset", "fd_offset");
      boolean hasMemfd = (body.number("flags") & HAS_MEMFD) != 0;
      if (body.value("ret").equals("0") || body.value("ret").equals("0x0")) {
        slots.remove(id);
        if (hasMemfd && bytes > 0) {
          slots.put(id, new Slot(gpa, bytes, offset));
        }
      }
    }
    return new Parsed.NoEffect();
  }

  private static long number(Body body, String prefix, String key) throws MalformedLineException {
    for (int i = 0; i < body.size(); i++) {
      if (body.word(i).startsWith(prefix)) {
        return body.parse(body.word(i).substring(prefix.length()));
      }
    }
    return body.number(key);
  }

  private Parsed change(LogLine line) throws MalformedLineException {
    Body body = line.body(CHANGE + " offset <offset> size <length> from '<state>' to '<state>'");
    long offset = body.number("offset");
    long length = body.number("size");
    boolean isPrivate;
    switch (body.value("to")) {
      case "discarded" -> isPrivate = true;
      case "populated" -> isPrivate = false;
      default -> {
        return new Parsed.NoEffect();
      }
    }
    List<Slot> found = slots.values().stream().filter(slot -> slot.holds(offset, length)).toList();
    if (found.size() != 1) {
      return new Parsed.Unknown(CHANGE);
    }
    Slot slot = found.getFirst();
    return QemuStateLines.state(
        line, slot.gpa + (offset - slot.offset), length, isPrivate, Source.QEMU_BLOCK);
  }
}
