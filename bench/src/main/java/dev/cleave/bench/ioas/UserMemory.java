package dev.cleave.bench.ioas;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.ioas.Backing;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The memory of the process whose calls the log holds: buffers at user addresses, and what physical
 * memory lies behind them, run by run. The buffer named {@value #READ_ONLY} may not be written; the
 * one named {@value #FILE} is a file, of which the user address only says where it lies.
 */
final class UserMemory {
  private static final String READ_ONLY = "R";
  private static final String FILE = "F";

  private record Range(long first, long last) {
    boolean has(long address) {
      return Long.compareUnsigned(address, first) >= 0 && Long.compareUnsigned(address, last) <= 0;
    }
  }

  private record Run(long last, long phys) {}

  private final Map<String, Range> buffers = new HashMap<>();
  private final TreeMap<Long, Run> runs = new TreeMap<>(Long::compareUnsigned);

  /** Takes a line {@code BUF name va=... size=...} or {@code PHYS va=... phys=... len=...}. */
  void take(String file, long line, String text) {
    String[] parts = text.strip().split(" +", -1);
    Map<String, Long> fields = new HashMap<>();
    for (String part : parts) {
      int equals = part.indexOf('=');
      if (equals > 0) {
        try {
          fields.put(part.substring(0, equals), Numbers.parse(part.substring(equals + 1)));
        } catch (NumberFormatException e) {
          throw BadInput.at(file, line, String.valueOf(e.getMessage()));
        }
      }
    }
    Long va = fields.get("va");
    Long bytes = fields.get(parts[0].equals("BUF") ? "size" : "len");
    Long phys = fields.get("phys");
    boolean isBuffer = parts[0].equals("BUF") && parts.length > 1;
    if (va == null || bytes == null || bytes == 0 || (!isBuffer && phys == null)) {
      throw BadInput.at(
          file, line, "expected BUF NAME va= size=, or PHYS va= phys= len=, found " + text);
    }
    if (isBuffer) {
      buffers.put(parts[1], new Range(va, va + bytes - 1));
    } else if (phys != null) {
      runs.put(va, new Run(va + bytes - 1, phys));
    }
  }

  private boolean isIn(String buffer, long address) {
    Range range = buffers.get(buffer);
    return range != null && range.has(address);
  }

  /** The file's first byte, as an address. */
  private long fileStart() {
    Range range = buffers.get(FILE);
    return range == null ? 0 : range.first();
  }

  private Map.@Nullable Entry<Long, Run> runAt(long address) {
    Map.Entry<Long, Run> run = runs.floorEntry(address);
    return run == null || Long.compareUnsigned(run.getValue().last(), address) < 0 ? null : run;
  }

  private long phys(long address) {
    Map.Entry<Long, Run> run = runAt(address);
    return run == null ? Backing.NONE : run.getValue().phys() + (address - run.getKey());
  }

  private long contiguous(long address, long length) {
    Map.Entry<Long, Run> run = runAt(address);
    if (run == null) {
      return 1;
    }
    long left = run.getValue().last() - address + 1;
    return Long.compareUnsigned(left, length) < 0 ? left : length;
  }

  /** Memory by user address. */
  long userPaddr(long address, boolean isWritten) {
    boolean isThere = !isIn(FILE, address) && !(isWritten && isIn(READ_ONLY, address));
    return isThere ? phys(address) : Backing.NONE;
  }

  long userContiguous(long address, long length) {
    return contiguous(address, length);
  }

  /** Memory by offset in the file. */
  long filePaddr(long offset) {
    long address = fileStart() + offset;
    return isIn(FILE, address) && Long.compareUnsigned(address, offset) >= 0
        ? phys(address)
        : Backing.NONE;
  }

  long fileContiguous(long offset, long length) {
    return contiguous(fileStart() + offset, length);
  }
}
