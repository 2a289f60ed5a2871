package dev.cleave.hwmodel.iommu;

import com.google.errorprone.annotations.CheckReturnValue;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import dev.cleave.hwmodel.rmp.RmpFirmware;
import dev.cleave.hwmodel.rmp.RmpState;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.Lock;

/**
 * The firmware's part of trusted I/O: it alone writes the secure device table. The order of a life:
 *
 * <ol>
 *   <li>host: {@link #createGuest}, {@link #connect}, {@link #bind};
 *   <li>guest: {@link #validateMmio}, then {@link #writeEntry} with V set, and the device may reach
 *       private pages;
 *   <li>host: {@link #unbind}, which takes the entry away.
 * </ol>
 *
 * <p>Not modelled: keys, measurements and the encryption of messages; the difference between a
 * locked and a running interface, which the root port enforces before the IOMMU is asked; the root
 * port's fence of an ASID. Host commands of the real firmware have status codes that no source
 * names: here those that no guest can cause throw, and the others return {@link TioStatus}.
 *
 * <p>Where no source says so: a changed entry is in force at once, as if the firmware dropped what
 * the IOMMU had cached of it; translations it leaves to the host's flushes.
 *
 * <p>Thread-safe: all DMA waits while an entry changes. SEV-TIO firmware interface 58271.
 */
@CheckReturnValue
public final class TioFirmware {
  private static final long PAGE_BYTES = 4096;

  private final ReverseMap rmp;
  private final RmpFirmware pages;
  private final SecureDeviceTable table;
  private final DeviceTable devices;
  private final boolean isAnnounced;
  private final Lock gate;
  private final Map<Long, Integer> guests = new HashMap<>();
  private final Map<Integer, Tdi> tdis = new HashMap<>();

  /** A connected device interface. */
  private static final class Tdi {
    final int rootPort;
    final long streams;
    final long mmioStart;
    final long mmioBytes;

    /** The guest it is bound to, 0 for none. */
    int asid;

    Tdi(int rootPort, long streams, long mmioStart, long mmioBytes) {
      this.rootPort = rootPort;
      this.streams = streams;
      this.mmioStart = mmioStart;
      this.mmioBytes = mmioBytes;
    }
  }

  TioFirmware(
      ReverseMap rmp,
      SecureDeviceTable table,
      DeviceTable devices,
      boolean isAnnounced,
      Lock gate) {
    this.rmp = rmp;
    this.pages = new RmpFirmware(rmp);
    this.table = table;
    this.devices = devices;
    this.isAnnounced = isAnnounced;
    this.gate = gate;
  }

  /**
   * Makes a page the context of a guest.
   *
   * @param gctx system physical address of a page that RMPUPDATE has given to the firmware:
   *     assigned, immutable, ASID 0
   * @param asid of the guest, 1 to 1023
   * @throws IllegalArgumentException if page or ASID is not such, or the page is a context already
   */
  public void createGuest(long gctx, int asid) {
    if (asid < 1 || asid >= RmpEntry.ASIDS) {
      throw new IllegalArgumentException(
          "a guest must have an ASID of 1 to 1023, asid=%d".formatted(asid));
    }
    boolean isFirmwares =
        gctx % PAGE_BYTES == 0
            && rmp.covers(gctx)
            && rmp.readState(gctx) == RmpState.assigned(0, false, true);
    gate.lock();
    try {
      if (!isFirmwares || guests.putIfAbsent(gctx, asid) != null) {
        throw new IllegalArgumentException(
            "a guest's context must be a page of the firmware's and of no other guest, address=0x%x"
                .formatted(gctx));
      }
    } finally {
      gate.unlock();
    }
  }

  /**
   * The guest of a context.
   *
   * @param gctx system physical address of the context page
   * @return its ASID, or 0 if there is none
   */
  int asidOf(long gctx) {
    return guests.getOrDefault(gctx, 0);
  }

  /**
   * DEV_CREATE, DEV_CONNECT and TDI_CREATE: makes a device known.
   *
   * @param deviceId 0 to 0xffff
   * @param rootPort above it, 0 to 31
   * @param streams IDE stream of each of eight traffic classes, a byte each, class 0 lowest
   * @param mmioStart system physical address of its registers, 4 KiB-aligned
   * @param mmioBytes their length, a multiple of 4096; 0 for none
   * @throws IllegalArgumentException if one is out of range, or the device is known already
   * @throws IllegalStateException if the IOMMU does not announce trusted I/O
   */
  public void connect(int deviceId, int rootPort, long streams, long mmioStart, long mmioBytes) {
    if (deviceId >>> 16 != 0
        || rootPort >>> 5 != 0
        || ((mmioStart | mmioBytes) & (PAGE_BYTES - 1)) != 0
        || mmioBytes < 0) {
      throw new IllegalArgumentException(
          ("a device must have an id of 16 bits, a root port of 0 to 31 and registers of whole"
                  + " pages, device=0x%x, root port=%d, registers=0x%x, bytes=0x%x")
              .formatted(deviceId, rootPort, mmioStart, mmioBytes));
    }
    if (!isAnnounced) {
      throw new IllegalStateException("the IOMMU does not announce trusted I/O");
    }
    gate.lock();
    try {
      Tdi tdi = new Tdi(rootPort, streams, mmioStart, mmioBytes);
      if (tdis.putIfAbsent(deviceId, tdi) != null) {
        throw new IllegalArgumentException(
            "a device must not be connected twice, device=0x%x".formatted(deviceId));
      }
    } finally {
      gate.unlock();
    }
  }

  /**
   * TDI_BIND: gives a device to a guest. Its secure entry is there from now on, not valid yet.
   *
   * @param deviceId a connected device
   * @param gctx the guest's context page
   * @param binding what the entry says besides
   * @throws IllegalArgumentException if there is no such device or guest, or the device is bound
   */
  public void bind(int deviceId, long gctx, TdiBinding binding) {
    gate.lock();
    try {
      Tdi tdi = tdis.get(deviceId);
      int asid = asidOf(gctx);
      if (tdi == null || asid == 0 || tdi.asid != 0) {
        throw new IllegalArgumentException(
            ("a device to be bound must be connected and free, and its guest created,"
                    + " device=0x%x, context=0x%x")
                .formatted(deviceId, gctx));
      }
      tdi.asid = asid;
      write(deviceId, SecureDeviceEntry.bound(binding, asid, tdi.rootPort, tdi.streams));
    } finally {
      gate.unlock();
    }
  }

  /**
   * TDI_UNBIND: takes a device from its guest; its secure entry is gone. Its registers stay
   * immutable until the host reclaims each page.
   *
   * @param deviceId the device
   * @return success, {@link TioStatus#INVALID_TDI} or {@link TioStatus#NOT_BOUND}
   */
  public int unbind(int deviceId) {
    gate.lock();
    try {
      Tdi tdi = tdis.get(deviceId);
      if (tdi == null) {
        return TioStatus.INVALID_TDI;
      }
      if (tdi.asid == 0) {
        return TioStatus.NOT_BOUND;
      }
      tdi.asid = 0;
      table.remove(deviceId);
      devices.invalidate(deviceId);
      return TioStatus.SUCCESS;
    } finally {
      gate.unlock();
    }
  }

  /**
   * SDTE_WRITE of a guest: V, IR, IW, VMPL and vTOM of the secure entry.
   *
   * @param asid the guest that asks
   * @param deviceId the device
   * @param request eight words, such as {@link SecureDeviceEntry#request}
   * @return success, {@link TioStatus#INVALID_TDI}, {@link TioStatus#NOT_BOUND} or, if anything is
   *     set that is not the guest's, {@link TioStatus#RESERVED}
   * @throws IllegalArgumentException if there are not eight words
   */
  public int writeEntry(int asid, int deviceId, long... request) {
    if (request.length != SecureDeviceEntry.WORDS) {
      throw new IllegalArgumentException(
          "a request must have 8 words, words=%d".formatted(request.length));
    }
    gate.lock();
    try {
      int status = whyNot(asid, deviceId);
      if (status == TioStatus.SUCCESS && !SecureDeviceEntry.isRequest(request)) {
        status = TioStatus.RESERVED;
      }
      long[] old = table.entry(deviceId);
      if (status == TioStatus.SUCCESS && old != null) {
        long[] changed = old.clone();
        SecureDeviceEntry.apply(changed, request);
        write(deviceId, changed);
      }
      return status;
    } finally {
      gate.unlock();
    }
  }

  /**
   * MMIO_VALIDATE of a guest: sets or clears Validated of pages that are a device's registers, and
   * notes in their RMP entries which way leads to it. Pages are looked at in turn, and all of them
   * before the first is changed.
   *
   * @param asid the guest that asks
   * @param deviceId the device
   * @param offset of the first page in the device's registers, a multiple of 4096
   * @param gpa where the guest sees it, 4 KiB-aligned
   * @param pageCount how many pages
   * @param validated what the guest wants
   * @return a {@link TioStatus}
   */
  public int validateMmio(
      int asid, int deviceId, long offset, long gpa, int pageCount, boolean validated) {
    gate.lock();
    try {
      int status = whyNot(asid, deviceId);
      Tdi tdi = tdis.get(deviceId);
      if (status != TioStatus.SUCCESS || tdi == null) {
        return status;
      }
      if (offset < 0 || offset >= tdi.mmioBytes || offset % PAGE_BYTES != 0 || pageCount < 1) {
        return TioStatus.MMIO_NOT_REPORTED;
      }
      if (pageCount > (tdi.mmioBytes - offset) / PAGE_BYTES) {
        return TioStatus.MMIO_OUT_OF_RANGE;
      }
      return validate(tdi, tdi.mmioStart + offset, gpa, pageCount, validated);
    } finally {
      gate.unlock();
    }
  }

  private int validate(Tdi tdi, long spa, long gpa, int pageCount, boolean validated) {
    for (int page = 0; page < pageCount; page++) {
      long offset = page * PAGE_BYTES;
      int status = whyNotPage(tdi.asid, spa + offset, gpa + offset);
      if (status == TioStatus.SUCCESS && isValidated(spa + offset) != isValidated(spa)) {
        status = TioStatus.MMIO_NOT_UNIFORM;
      }
      if (status != TioStatus.SUCCESS) {
        return status;
      }
    }
    int stream = SecureDeviceEntry.stream(tdi.streams, 0);
    for (int page = 0; page < pageCount; page++) {
      pages.validateMmio(spa + page * PAGE_BYTES, validated, tdi.rootPort, stream);
    }
    return TioStatus.SUCCESS;
  }

  private boolean isValidated(long spa) {
    return (rmp.entryOf(spa) & RmpEntry.VALIDATED) != 0;
  }

  private int whyNotPage(int asid, long spa, long gpa) {
    if (!rmp.covers(spa)) {
      return TioStatus.MMIO_NOT_IO;
    }
    long entry = rmp.entryOf(spa);
    if (!RmpEntry.isAssigned(entry) || RmpEntry.asid(entry) != asid) {
      return TioStatus.MMIO_NOT_ASSIGNED;
    }
    if (RmpEntry.isLarge(entry)) {
      return TioStatus.MMIO_NOT_4K;
    }
    if ((entry & RmpEntry.IMMUTABLE) == 0) {
      return TioStatus.MMIO_NOT_IMMUTABLE;
    }
    return RmpEntry.gpa(entry) == gpa ? TioStatus.SUCCESS : TioStatus.MMIO_WRONG_GPA;
  }

  private int whyNot(int asid, int deviceId) {
    Tdi tdi = tdis.get(deviceId);
    if (tdi == null) {
      return TioStatus.INVALID_TDI;
    }
    return tdi.asid == 0 || tdi.asid != asid ? TioStatus.NOT_BOUND : TioStatus.SUCCESS;
  }

  /** A copy of the eight words of a device as they are; empty if it has no entry. */
  long[] entry(int deviceId) {
    long[] words = table.entry(deviceId);
    return words == null ? new long[0] : words.clone();
  }

  /** Puts any words where an entry is; hardware must cope with what they say. */
  void write(int deviceId, long[] words) {
    gate.lock();
    try {
      table.put(deviceId, words);
      devices.invalidate(deviceId);
    } finally {
      gate.unlock();
    }
  }
}
