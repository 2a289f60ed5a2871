package dev.cleave.hwmodel.dma;

import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A device that moves data through the IOMMU and checks it. A refused access is an aborted one: it
 * is counted and the device goes on with the next.
 *
 * <p>For the hardware's thread only; moves and checks without allocating.
 */
public final class DmaDevice {
  private static final int PAGE_BYTES = 4096;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int deviceId;
  private final int pasid;
  private final Iommu iommu;
  private final PhysicalMemory memory;
  private final AccessPattern pattern;
  private final MemoryContents contents;
  private final Addressing addressing;
  private final DmaCounts counts = new DmaCounts();
  private final Transfer transfer = new Transfer();
  private final MemorySegment buffer = MemorySegment.ofArray(new long[PAGE_BYTES / Long.BYTES]);

  /**
   * A device that is not trusted and whose requests carry no PASID.
   *
   * @param deviceId 0 to 0xffff
   * @param iommu what translates for it
   * @param memory what the IOMMU translates to
   * @param pattern what it does
   * @param contents what its memory holds
   */
  public DmaDevice(
      int deviceId,
      Iommu iommu,
      PhysicalMemory memory,
      AccessPattern pattern,
      MemoryContents contents) {
    this(deviceId, Request.NO_PASID, iommu, memory, pattern, contents, Addressing.UNTRUSTED);
  }

  /**
   * A device at work for one process. One that works for several is several of these with one
   * device id, each with its own contents.
   *
   * @param deviceId 0 to 0xffff
   * @param pasid what its requests carry, 0 to 0xfffff, or {@link Request#NO_PASID}
   * @param iommu what translates for it
   * @param memory what the IOMMU translates to
   * @param pattern what it does, to which guest addresses
   * @param contents what its memory holds, by guest addresses
   * @param addressing how it asks for them
   */
  public DmaDevice(
      int deviceId,
      int pasid,
      Iommu iommu,
      PhysicalMemory memory,
      AccessPattern pattern,
      MemoryContents contents,
      Addressing addressing) {
    this.deviceId = deviceId;
    this.pasid = pasid;
    this.iommu = iommu;
    this.memory = memory;
    this.pattern = pattern;
    this.contents = contents;
    this.addressing = addressing;
  }

  /**
   * Makes some transfers.
   *
   * @param transfers how many
   */
  public void run(int transfers) {
    for (int i = 0; i < transfers; i++) {
      pattern.next(transfer);
      counts.transfers++;
      move(transfer.iova(), transfer.bytes(), transfer.isWrite());
    }
  }

  /**
   * Makes transfers until there were so many accesses.
   *
   * @param accesses at least how many; the last transfer is completed
   */
  public void runAccesses(long accesses) {
    long end = counts.accesses + accesses;
    while (counts.accesses < end) {
      run(1);
    }
  }

  /**
   * What it did.
   *
   * @return the counts, which go on changing
   */
  public DmaCounts counts() {
    return counts;
  }

  private void move(long start, int bytes, boolean write) {
    long iova = start;
    int left = bytes;
    while (left > 0) {
      int now = Math.min(left, PAGE_BYTES - ((int) iova & (PAGE_BYTES - 1)));
      access(iova, now, write);
      iova += now;
      left -= now;
    }
  }

  private void access(long iova, int bytes, boolean write) {
    counts.accesses++;
    int flags =
        (write ? Request.WRITE : Request.READ) | (addressing.isTrusted(iova) ? Request.TRUSTED : 0);
    long spa = iommu.translate(deviceId, pasid, addressing.iova(iova), flags);
    if (!Outcome.isAddress(spa)) {
      counts.countRefused(spa);
    } else if (!memory.isBacked(spa)) {
      counts.masterAborts++;
    } else if (write) {
      for (int at = 0; at < bytes; at += Long.BYTES) {
        buffer.set(LONG, at, contents.word(iova + at));
      }
      memory.write(spa, buffer, 0, bytes);
      counts.bytesWritten += bytes;
    } else {
      memory.read(spa, buffer, 0, bytes);
      counts.bytesRead += bytes;
      check(iova, bytes);
    }
  }

  /** The piece lies in one page and was moved as one: its first and last word tell all of it. */
  private void check(long iova, int bytes) {
    long first = buffer.get(LONG, 0);
    long last = buffer.get(LONG, bytes - Long.BYTES);
    boolean firstIsRight = first == contents.word(iova);
    if (!firstIsRight || last != contents.word(iova + bytes - Long.BYTES)) {
      counts.wrongData++;
      counts.lastWrongIova = iova;
      counts.lastWrongWord = firstIsRight ? last : first;
    }
  }
}
