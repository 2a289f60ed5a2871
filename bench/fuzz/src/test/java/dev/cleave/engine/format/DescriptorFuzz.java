package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cleave.hwmodel.iommu.HostEntry;

/** Descriptors: what the engine writes and reads is what the model, written apart, makes of it. */
class DescriptorFuzz {
  private static final int MOST = 200_000;

  /** Above it an address field encodes no size, and each side says so in its own way. */
  private static final int LARGEST_LOG2 = 51;

  @FuzzTest(maxExecutions = MOST)
  void bothSidesReadTheSameInEveryBitPattern(FuzzedDataProvider data) {
    deviceEntry(
        new DeviceTableEntry(
            data.consumeLong(), data.consumeLong(), data.consumeLong(), data.consumeLong()));
    hostEntry(data.consumeLong());
    leaf(AmdV1.LINUX, data.consumeLong(), data.consumeInt(12, 51), data.consumeInt());
    leaf(X86.LINUX, data.consumeLong(), 12 + 9 * data.consumeInt(0, 2), data.consumeInt());
  }

  private static void deviceEntry(DeviceTableEntry entry) {
    assertEquals(entry, DeviceTableEntry.parse(entry.toHex()));
    assertEquals(dev.cleave.hwmodel.iommu.DeviceTableEntry.mode(entry.q0()), entry.levels());
    assertEquals(dev.cleave.hwmodel.iommu.DeviceTableEntry.domainId(entry.q1()), entry.domainId());
    assertEquals(dev.cleave.hwmodel.iommu.DeviceTableEntry.permissions(entry.q0()), entry.access());
    assertEquals(
        dev.cleave.hwmodel.iommu.DeviceTableEntry.gcr3Root(entry.q0(), entry.q1()),
        entry.gcr3Root());
    assertEquals(
        dev.cleave.hwmodel.iommu.DeviceTableEntry.gcr3Levels(entry.q0()), entry.gcr3Levels());
    assertEquals(
        dev.cleave.hwmodel.iommu.DeviceTableEntry.guestLevels(entry.q2()), entry.guestLevels());
    int sum = 0;
    for (long field : entry.fields().values()) {
      sum += Long.bitCount(field);
    }
    int bits =
        Long.bitCount(entry.q0())
            + Long.bitCount(entry.q1())
            + Long.bitCount(entry.q2())
            + Long.bitCount(entry.q3());
    if (sum > bits) {
      throw new AssertionError("a field has bits that the entry does not have: " + entry);
    }
  }

  private static void hostEntry(long entry) {
    assertEquals(HostEntry.nextLevel(entry), AmdV1.nextLevel(entry));
    assertEquals(HostEntry.permissions(entry), AmdV1.LINUX.access(entry));
    if (AmdV1.isSized(entry) && HostEntry.sizedLeafLog2(entry) <= LARGEST_LOG2) {
      assertEquals(HostEntry.sizedLeafLog2(entry), AmdV1.LINUX.leafSizeLog2(entry, 1));
    }
  }

  /** A leaf that is written says what was asked for. */
  private static void leaf(EntryFormat format, long address, int sizeLog2, int flags) {
    int access = flags & (Access.READ_WRITE | Access.NO_EXECUTE);
    if (!format.canExpress(access) || (format.leafSizes() & 1L << sizeLog2) == 0) {
      return;
    }
    int level = Geometry.leafLevel(sizeLog2);
    long paddr = address & (1L << format.outputBits()) - (1L << sizeLog2);
    long entry = format.leaf(paddr, sizeLog2, format.attributes(access));
    assertEquals(sizeLog2, format.leafSizeLog2(entry, level));
    assertEquals(paddr, format.leafPaddr(entry, level));
    assertEquals(access, format.access(entry));
  }
}
