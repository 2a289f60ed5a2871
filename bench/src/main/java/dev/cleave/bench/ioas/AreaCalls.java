package dev.cleave.bench.ioas;

import static dev.cleave.bench.ioas.Iommufd.hex;

import dev.cleave.bench.ioas.IommuObject.Ioas;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.ioas.AreaCursor;
import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IovaRange;
import java.util.List;

/** The calls that concern areas and iovas: what the kernel checks before its address space does. */
final class AreaCalls {
  private static final long MAX = -1L;
  private static final String BAD_FILE = "bad";

  private final Objects objects;
  private final UserMemory memory;
  private final LockedMemory locked;

  AreaCalls(Objects objects, UserMemory memory, LockedMemory locked) {
    this.objects = objects;
    this.memory = memory;
    this.locked = locked;
  }

  // ---- map -----------------------------------------------------------------------------------

  private static boolean passes(long start, long length) {
    return Long.compareUnsigned(start + length, start) < 0;
  }

  /** Whether a last byte is below the first. */
  private static boolean wraps(long start, long length) {
    return Long.compareUnsigned(start + length - 1, start) < 0;
  }

  private static void checkFlags(LogLine line, long... values) {
    String flags = line.field("flags");
    if (flags.contains("x")) {
      throw new CallFailed("EOPNOTSUPP");
    }
    for (long value : values) {
      if (value == MAX) {
        throw new CallFailed("EOVERFLOW");
      }
    }
    if (access(flags) == 0) {
      throw new CallFailed("EINVAL");
    }
  }

  static int access(String flags) {
    return (flags.contains("r") ? Access.READ : 0) | (flags.contains("w") ? Access.WRITE : 0);
  }

  String map(LogLine line) {
    long length = line.number("len");
    checkFlags(line, line.number("iova"), length);
    Ioas ioas = objects.space(line.id("ioas"));
    return mapUser(ioas, line, line.field("flags").contains("f"));
  }

  /** Maps user memory: what the kernel does for MAP and for VFIO_MAP_DMA alike. */
  String mapUser(Ioas ioas, LogLine line, boolean isFixed) {
    long length = line.number("len");
    long address = line.number("uva");
    if (passes(address, length)) {
      throw new CallFailed("EOVERFLOW");
    }
    boolean isTooLong = Long.compareUnsigned(length, MAX - Geometry.PAGE_BYTES) > 0;
    if (length == 0 || isTooLong) {
      throw new CallFailed("EINVAL");
    }
    return map(ioas, line, isFixed, locked.pin(memory, false), address, length);
  }

  String mapFile(LogLine line) {
    long length = line.number("len");
    long start = line.number("start");
    checkFlags(line, line.number("iova"), length);
    Ioas ioas = objects.space(line.id("ioas"));
    if (length == 0) {
      throw new CallFailed("EINVAL");
    }
    if (wraps(start, length)) {
      throw new CallFailed("EOVERFLOW");
    }
    if (line.field("fd").equals(BAD_FILE)) {
      throw new CallFailed("EBADF");
    }
    boolean isFixed = line.field("flags").contains("f");
    return map(ioas, line, isFixed, locked.pin(memory, true), start, length);
  }

  private String map(
      Ioas ioas, LogLine line, boolean isFixed, Backing backing, long offset, long length) {
    int access = access(line.field("flags"));
    long before = locked.pages();
    long iova = line.number("iova");
    if (isFixed) {
      ioas.space.map(iova, backing, offset, length, access);
    } else {
      iova = ioas.space.mapAnywhere(backing, offset, length, access);
    }
    return "iova=" + hex(checkLocked(ioas, before, iova, length));
  }

  private long checkLocked(Ioas ioas, long before, long iova, long length) {
    if (locked.isPassed(before)) {
      var _ = ioas.space.unmap(iova, length);
      throw new CallFailed("ENOMEM");
    }
    return iova;
  }

  String copy(LogLine line) {
    long length = line.number("len");
    long from = line.number("src_iova");
    long iova = line.number("dst_iova");
    checkFlags(line, length, from, iova);
    IoAddressSpace source = objects.space(line.id("src")).space;
    if (length == 0) {
      throw new CallFailed("EINVAL");
    }
    if (wraps(from, length)) {
      throw new CallFailed("EOVERFLOW");
    }
    if (!isCovered(source, from, from + length - 1)) {
      throw new CallFailed("ENOENT");
    }
    Ioas target = objects.space(line.id("dst"));
    int access = access(line.field("flags"));
    long before = locked.pages();
    if (line.field("flags").contains("f")) {
      target.space.copy(source, from, length, iova, access);
    } else {
      iova = target.space.copyAnywhere(source, from, length, access);
    }
    return "iova=" + hex(checkLocked(target, before, iova, length));
  }

  /** The kernel finds the source before it looks for the target. */
  private static boolean isCovered(IoAddressSpace space, long first, long last) {
    AreaCursor areas = space.areas().from(first);
    long next = first;
    while (areas.advance() && Long.compareUnsigned(areas.first(), next) <= 0) {
      if (Long.compareUnsigned(areas.last(), last) >= 0) {
        return true;
      }
      next = areas.last() + 1;
    }
    return false;
  }

  // ---- unmap ---------------------------------------------------------------------------------

  String unmap(LogLine line) {
    IoAddressSpace space = objects.space(line.id("ioas")).space;
    long iova = line.number("iova");
    long length = line.number("len");
    if (iova == 0 && length == MAX) {
      return "unmapped=" + hex(space.unmapAll());
    }
    if (iova == MAX || length == MAX) {
      throw new CallFailed("EOVERFLOW");
    }
    return "unmapped=" + hex(space.unmap(iova, length));
  }

  // ---- iovas ---------------------------------------------------------------------------------

  String iovaRanges(LogLine line) {
    IoAddressSpace space = objects.space(line.id("ioas")).space;
    List<IovaRange> ranges = space.iovaRanges();
    long most = line.number("max");
    StringBuilder answer =
        new StringBuilder("num=%d align=0x%x".formatted(ranges.size(), space.alignment()));
    ranges.stream()
        .limit(Math.max(0, most))
        .forEach(range ->
            answer
                .append(" [")
                .append(hex(range.first()))
                .append(',')
                .append(hex(range.last()))
                .append(']'));
    if (Long.compareUnsigned(ranges.size(), most) > 0) {
      throw new CallFailed("EMSGSIZE", answer.toString());
    }
    return answer.toString();
  }

  String allow(LogLine line) {
    objects.space(line.id("ioas")).space.setAllowed(line.ranges());
    return "";
  }
}
