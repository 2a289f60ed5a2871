package dev.cleave.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Address space from the operating system: reserved at once, backed page by page at the first
 * touch, given back on request. Where {@code mmap} cannot be called (another system, or native
 * access denied to the module), the JDK's own allocation takes its place: all of it is then backed
 * from the start and nothing is given back before the end.
 *
 * <p>Thread-safe.
 */
public final class NativePages {
  private static final int PROT_READ_WRITE = 1 | 2;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;
  private static final long ALIGNMENT = 4096;

  private static final @Nullable Calls CALLS = Calls.link();

  /**
   * All of the one shape that {@code mmap} has: every shape takes Java 10 to 20 ms to link, which
   * is a tenth of what the first 2 GiB take ({@code FirstMap}). Arguments that a function does not
   * have are in registers that it does not read, and of an {@code int} that it returns the lower
   * half is looked at.
   */
  private record Calls(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {
    @SuppressWarnings("restricted") // that the module may be denied native access is handled
    static @Nullable Calls link() {
      if (!System.getProperty("os.name", "").equals("Linux")) {
        return null; // the constants above are Linux's
      }
      try {
        Linker linker = Linker.nativeLinker();
        SymbolLookup names = linker.defaultLookup();
        var address = ValueLayout.ADDRESS;
        var word = ValueLayout.JAVA_LONG;
        var number = ValueLayout.JAVA_INT;
        var all = FunctionDescriptor.of(word, address, word, number, number, number, word);
        return new Calls(
            linker.downcallHandle(names.findOrThrow("mmap"), all),
            linker.downcallHandle(names.findOrThrow("munmap"), all),
            linker.downcallHandle(names.findOrThrow("madvise"), all));
      } catch (IllegalCallerException | UnsupportedOperationException | NoSuchElementException e) {
        return null;
      }
    }
  }

  private NativePages() {}

  /**
   * Whether {@link #reserve} commits memory only when it is touched, and {@link #discard} works.
   */
  static boolean isLazy() {
    return CALLS != null;
  }

  /**
   * Zeroed memory that lives as long as an arena.
   *
   * @param bytes a positive multiple of 4096
   * @param arena who frees it
   * @return the memory, 4096-byte aligned
   * @throws OutOfMemoryError if the system refuses
   */
  @SuppressWarnings("restricted") // the segment is exactly what mmap returned
  public static MemorySegment reserve(long bytes, Arena arena) {
    if (CALLS == null) {
      return allocate(bytes, arena);
    }
    Calls calls = CALLS;
    long address =
        call(() ->
            (long)
                calls.mmap.invokeExact(
                    MemorySegment.NULL,
                    bytes,
                    PROT_READ_WRITE,
                    MAP_PRIVATE_ANONYMOUS_NORESERVE,
                    -1,
                    0L));
    if (address == MAP_FAILED) {
      throw new OutOfMemoryError(
          "the system refused to reserve " + bytes + " bytes of address space");
    }
    return MemorySegment.ofAddress(address)
        .reinterpret(
            bytes,
            arena,
            memory -> call(() -> (long) calls.munmap.invokeExact(memory, bytes, 0, 0, 0, 0L)));
  }

  private static MemorySegment allocate(long bytes, Arena arena) {
    try {
      return arena.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      OutOfMemoryError told =
          new OutOfMemoryError(
              "%d bytes must be backed at once, since mmap cannot be called: allow native access by"
                      .formatted(bytes)
                  + " --enable-native-access=dev.cleave.engine (ALL-UNNAMED on the class path), or"
                  + " ask for less: "
                  + e.getMessage());
      told.initCause(e);
      throw told;
    }
  }

  /**
   * All of the process's memory as one segment that is always alive.
   *
   * @return null where the module is denied native access
   */
  @SuppressWarnings("restricted") // for those who check addresses themselves
  static @Nullable MemorySegment allMemory() {
    try {
      return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    } catch (IllegalCallerException e) {
      return null;
    }
  }

  /** Asks for huge pages under the memory; whether there are any is the system's to say. */
  static boolean adviseHuge(MemorySegment memory) {
    return advise(memory, MADV_HUGEPAGE);
  }

  /** Gives the memory back: it reads as zeros until touched again. */
  static boolean discard(MemorySegment memory) {
    return advise(memory, MADV_DONTNEED);
  }

  private static boolean advise(MemorySegment memory, int advice) {
    Calls calls = CALLS;
    return calls != null
        && (int)
                call(() ->
                        (long)
                            calls.madvise.invokeExact(memory, memory.byteSize(), advice, 0, 0, 0L))
                    .longValue()
            == 0;
  }

  private interface NativeCall<T> {
    @SuppressWarnings("IllegalThrows") // what MethodHandle.invokeExact declares
    T invoke() throws Throwable;
  }

  private static <T> T call(NativeCall<T> call) {
    try {
      return call.invoke();
    } catch (Throwable e) {
      throw new LinkageError("a system call could not be made", e);
    }
  }
}
