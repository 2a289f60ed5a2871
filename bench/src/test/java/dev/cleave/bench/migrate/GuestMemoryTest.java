package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.trace.Trace;
import dev.cleave.engine.format.Access;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestMemoryTest {
  @TempDir private Path directory;

  private GuestMemory of(String ops) throws IOException {
    Path file = Files.writeString(directory.resolve("a.ops"), ops);
    return GuestMemory.of(Trace.read(List.of(file.toString()), true, _ -> {}));
  }

  private static Extent extent(long first, long length, long paddr) {
    return Extent.of(first, length, paddr, Access.READ_WRITE);
  }

  @Test
  void a_small_guest_is_one_piece() {
    assertEquals(List.of(extent(0, 2L << 30, 0)), GuestMemory.ofSize(2L << 30).extents());
  }

  @Test
  void a_large_guest_leaves_out_what_lies_below_4_gib() {
    GuestMemory memory = GuestMemory.ofSize(64L << 30);
    assertEquals(
        List.of(extent(0, 2L << 30, 0), extent(4L << 30, 62L << 30, 4L << 30)), memory.extents());
    assertEquals(64L << 30, memory.mappedBytes());
    assertEquals(66L << 30, memory.iovaEnd());
  }

  @Test
  void what_a_log_leaves_mapped_and_shared_is_the_guest() throws IOException {
    GuestMemory memory =
        of(
            """
            map 0 0x100000 64K rw
            map 0x10000 0x110000 64K rw
            map 0x100000 0x800000 64K r
            unmap 0x8000 4K
            map 0x4000 0x900000 4K rw
            share 0x1000 8K
            unshare 0x2000 4K
            """);
    assertEquals(
        List.of(
            extent(0, 0x8000, 0x100000),
            extent(0x9000, 0x17000, 0x109000),
            Extent.of(0x100000, 0x10000, 0x800000, Access.READ)),
        memory.extents());
    assertEquals(List.of(Extent.of(0x1000, 0x1000, 0x1000, 0)), memory.shared());
    assertEquals(1, memory.refused(), "a map over a map");
    assertEquals(memory.extents().subList(0, 2), memory.writable());
  }

  @Test
  void what_does_not_fit_is_refused_and_counted() throws IOException {
    GuestMemory memory = of("map 1 0 4K rw\nmap 0 0 0 rw\nunmap 0 4K\nshare 0 1\nmap 0 0 8K r\n");
    assertEquals(4, memory.refused());
    assertFalse(memory.isWritable());
  }

  @Test
  void devices_write_neither_to_interrupts_nor_to_hypertransport() throws IOException {
    GuestMemory memory = of("map 0xfed00000 0xfed00000 4M rw\nmap 0xfcfffff000 0 8K rw\n");
    assertEquals(
        List.of(
            extent(0xfed00000L, 0x100000, 0xfed00000L),
            extent(0xfef00000L, 0x200000, 0xfef00000L),
            extent(0xfcfffff000L, 4096, 0)),
        memory.writable());
  }
}
