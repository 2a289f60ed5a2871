package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpState;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/**
 * A machine for tests, brought up by raw register writes: 16 MiB of memory from address 0 with
 *
 * <pre>
 *  0x010000  device table, one page: devices 0 to 127
 *  0x020000  command buffer, 256 entries
 *  0x030000  event log, 256 entries
 *  0x040000  page tables, handed out page by page
 *  0x1000000 nothing
 * </pre>
 */
@SuppressWarnings("doclint") // public for the tests of other packages, not an API
public final class Machine {
  public static final long MEMORY_BYTES = 16L << 20;
  public static final long DEVICE_TABLE = 0x10000;
  public static final long COMMANDS = 0x20000;
  public static final long EVENTS = 0x30000;
  public static final int DEVICE = 0x08;
  public static final int DOMAIN = 0x1234;
  public static final long ACCESS = 0x6000_0000_0000_0001L;
  public static final long HOLE = 0x7_0000_0000L;

  public final PhysicalMemory memory = new PhysicalMemory();
  public final Iommu iommu;
  private long nextTable = 0x40000;
  private long nextEvent = EVENTS;
  private long commandTail;
  private final long rmpCovered;

  /** Whether requests of read and write say that they are trusted. */
  public boolean trusted;

  public Machine() {
    this(IommuConfig.standard(), 0);
  }

  public Machine(IommuConfig config) {
    this(config, 0);
  }

  /** With an RMP at 0x800000 that covers so much memory from address 0, if any. */
  public Machine(IommuConfig config, long rmpCoveredBytes) {
    memory.allocate(0, MEMORY_BYTES, Arena.ofAuto());
    rmpCovered = Math.min(rmpCoveredBytes, MEMORY_BYTES);
    iommu = new Iommu(memory, config, rmpOrNull(rmpCoveredBytes));
    iommu.writeMmio(0x0000, DEVICE_TABLE);
    iommu.writeMmio(0x0008, COMMANDS | 8L << 56);
    iommu.writeMmio(0x0010, EVENTS | 8L << 56);
    iommu.writeMmio(0x0018, 0x1005);
  }

  private @Nullable ReverseMap rmpOrNull(long coveredBytes) {
    return coveredBytes == 0 ? null : rmp(coveredBytes);
  }

  public ReverseMap rmp(long coveredBytes) {
    return new ReverseMap(memory, 0x800000, coveredBytes);
  }

  /** A zeroed page for a table. */
  public long table() {
    long table = nextTable;
    nextTable += 4096;
    return table;
  }

  public void entry(long table, int index, long entry) {
    memory.setLong(table + index * 8L, entry);
  }

  public void deviceEntry(int deviceId, long q0, long q1, long q2) {
    long at = DEVICE_TABLE + deviceId * 32L;
    memory.setLong(at, q0);
    memory.setLong(at + 8, q1);
    memory.setLong(at + 16, q2);
  }

  /** V, TV, IR, IW, Mode and root. */
  public static long deviceQ0(long root, int mode) {
    return 0x6000_0000_0000_0003L | (long) mode << 9 | root;
  }

  /** A device in the domain that translates through a table. */
  public void attach(long root, int mode) {
    deviceEntry(DEVICE, deviceQ0(root, mode), trusted ? 0 : DOMAIN, 0);
  }

  /** Makes a guest whose context is a page of the last region; returns the page. */
  public long guest(int asid) {
    long gctx = gctx(asid);
    RmpInstructions cpu = new RmpInstructions(rmp(rmpCovered));
    assertEquals(0, cpu.rmpUpdate(gctx, 0, RmpState.assigned(0, false, true)));
    iommu.firmware().createGuest(gctx, asid);
    return gctx;
  }

  /** Where a guest's context is. */
  public long gctx(int asid) {
    return rmpCovered - 0x1000L * (1 + (asid & 7));
  }

  /** Gives a device to a guest, with access to private memory, in the test's domain. */
  public void trust(int deviceId, long gctx, int asid, TdiBinding binding, int vmpl, long vTom) {
    iommu.firmware().connect(deviceId, 3, 0x0807_0605_0403_0201L, 0, 0);
    iommu.firmware().bind(deviceId, gctx, binding);
    long[] request = SecureDeviceEntry.request(ACCESS, vmpl, vTom);
    assertEquals(0, iommu.firmware().writeEntry(asid, deviceId, request));
    long entry = DEVICE_TABLE + deviceId * 32L;
    memory.setLong(entry + 8, memory.getLong(entry + 8) & ~0xffffL);
    command(2L << 60 | deviceId, 0);
  }

  /** The device, of a new guest, private everywhere; read and write are trusted from now on. */
  public void trust(int asid) {
    trust(DEVICE, guest(asid), asid, TdiBinding.of(DOMAIN), 0, -1);
    trusted = true;
  }

  /** Tables from the top down to a level for an address, entries with IR and IW, A clear. */
  public long path(int mode, long iova, int level) {
    long root = table();
    attach(root, mode);
    return extend(root, mode, iova, level);
  }

  public long extend(long table, int tableLevel, long iova, int level) {
    long now = table;
    for (int at = tableLevel; at > level; at--) {
      long below = table();
      entry(now, index(iova, at), 0x6000_0000_0000_0001L | (long) (at - 1) << 9 | below);
      now = below;
    }
    return now;
  }

  public static int index(long iova, int level) {
    return (int) (iova >>> (12 + 9 * (level - 1))) & 0x1ff;
  }

  public long read(long iova) {
    return iommu.translate(DEVICE, Request.NO_PASID, iova, trusted ? Request.TRUSTED : 0);
  }

  public long write(long iova) {
    int flags = Request.WRITE | (trusted ? Request.TRUSTED : 0);
    return iommu.translate(DEVICE, Request.NO_PASID, iova, flags);
  }

  /** Appends a command and rings the bell. */
  public void command(long q0, long q1) {
    memory.setLong(COMMANDS + commandTail, q0);
    memory.setLong(COMMANDS + commandTail + 8, q1);
    commandTail = (commandTail + 16) & 0xfff;
    iommu.writeMmio(0x2008, commandTail);
  }

  /** Stops the command ring, empties it and starts it. */
  public void emptyCommands() {
    iommu.writeMmio(0x0018, 0x0005);
    iommu.writeMmio(0x0008, COMMANDS | 8L << 56);
    iommu.writeMmio(0x0018, 0x1005);
    commandTail = 0;
  }

  /** INVALIDATE_IOMMU_PAGES of the test's domain. */
  public void flush(long q1) {
    command(3L << 60 | (long) DOMAIN << 32, q1);
  }

  /** Forgets everything cached. */
  public void flushAll() {
    command(8L << 60, 0);
  }

  /** The next event must be these 16 bytes, written as four little-endian words. */
  public void assertEvent(int w0, int w1, long address) {
    assertEquals(
        hex(Integer.toUnsignedLong(w0) | (long) w1 << 32), hex(memory.getLong(nextEvent)), "w1:w0");
    assertEquals(hex(address), hex(memory.getLong(nextEvent + 8)), "w3:w2");
    nextEvent += 16;
    assertNoFurtherEvent();
  }

  public void assertNoFurtherEvent() {
    assertEquals(hex(nextEvent - EVENTS), hex(iommu.readMmio(0x2018)), "event tail");
  }

  public static String hex(long value) {
    return "0x%x".formatted(value);
  }
}
