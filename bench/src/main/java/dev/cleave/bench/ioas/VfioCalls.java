package dev.cleave.bench.ioas;

import static dev.cleave.bench.ioas.Iommufd.hex;

import dev.cleave.bench.ioas.IommuObject.Ioas;
import dev.cleave.engine.ioas.AreaCursor;
import dev.cleave.engine.ioas.Errno;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IoasException;
import org.jspecify.annotations.Nullable;

/**
 * The calls of the old VFIO container, which the kernel makes on one address space of its choice.
 * Its first type may unmap in the middle of a mapping; the kernel emulates that with small leaves
 * only, and cuts areas.
 */
final class VfioCalls {
  private static final long TYPE1 = 1;
  private static final long TYPE1_V2 = 3;
  private static final long UNMAP_ALL = 2;

  private final Objects objects;
  private final AreaCalls areas;
  private @Nullable Ioas chosen;

  VfioCalls(Objects objects, AreaCalls areas) {
    this.objects = objects;
    this.areas = areas;
  }

  private Ioas chosen() {
    if (chosen == null) {
      throw new CallFailed("ENODEV");
    }
    return chosen;
  }

  /** An address space that is destroyed is chosen no more. */
  void forget(Ioas ioas) {
    if (chosen == ioas) {
      chosen = null;
    }
  }

  String space(LogLine line) {
    switch (line.field("op")) {
      case "GET" -> {
        return "id=" + objects.idOf(chosen());
      }
      case "SET" -> chosen = objects.space(line.id("ioas"));
      case "CLEAR" -> chosen = null;
      default -> throw line.bad("op must be GET, SET or CLEAR, op=" + line.field("op"));
    }
    return "";
  }

  String setType(LogLine line) {
    long type = line.number("type");
    if (type != TYPE1 && type != TYPE1_V2) {
      throw new CallFailed("EINVAL");
    }
    IoAddressSpace space = chosen().space;
    if (type == TYPE1) {
      space.setHugePages(false);
    }
    return "";
  }

  String map(LogLine line) {
    var _ = areas.mapUser(chosen(), line, true);
    return "";
  }

  String unmap(LogLine line) {
    long length = line.number("len");
    String untouched = "unmapped=" + hex(length);
    if ((line.number("flags") & ~UNMAP_ALL) != 0) {
      throw new CallFailed("EINVAL", untouched);
    }
    if (chosen == null) {
      throw new CallFailed("ENODEV", untouched);
    }
    IoAddressSpace space = chosen.space;
    long iova = line.number("iova");
    if (line.number("flags") == UNMAP_ALL) {
      if (iova != 0 || length != 0) {
        throw new CallFailed("EINVAL", untouched);
      }
      return "unmapped=" + hex(space.unmapAll());
    }
    if (!space.hugePages()) {
      cutEnds(space, iova, length, untouched);
    }
    return unmap(space, iova, length);
  }

  private static void cutEnds(IoAddressSpace space, long iova, long length, String untouched) {
    try {
      space.cut(iova + length);
      space.cut(iova);
    } catch (IoasException e) {
      throw new CallFailed(e.errno().name(), untouched);
    }
  }

  /** Where nothing is mapped that is no failure; what went before one is told. */
  private static String unmap(IoAddressSpace space, long iova, long length) {
    long before = space.statistics().mappedBytes();
    AreaCursor area = space.areas().from(iova);
    boolean isEmpty = !area.advance() || Long.compareUnsigned(area.first(), iova + length - 1) > 0;
    try {
      return "unmapped=" + hex(space.unmap(iova, length));
    } catch (IoasException e) {
      if (e.errno() == Errno.ENOENT && isEmpty) {
        return "unmapped=0";
      }
      String gone = "unmapped=" + hex(before - space.statistics().mappedBytes());
      throw new CallFailed(e.errno().name(), gone);
    }
  }
}
