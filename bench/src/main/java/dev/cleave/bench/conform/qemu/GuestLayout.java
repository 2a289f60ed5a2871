package dev.cleave.bench.conform.qemu;

/**
 * What lies where in guest-physical memory.
 *
 * <pre>
 *   0x00100000  device table, 256 entries      0x00200000  command buffer
 *   0x00300000  event log                      0x003e0000  a page for edu to drop its buffer in
 *   0x003f0000  completion-wait store          0x00400000  the window of e1000's rings
 *   0x01000000  table pages, 64 MiB            0x10000000  free for tests, up to 2 GiB
 *  0x100000000  free for tests, 1 GiB
 * </pre>
 *
 * <p>With 3 GiB of memory a q35 machine has 2 GiB below the hole and the rest from 4 GiB up.
 */
public final class GuestLayout {
  /** All of guest memory. */
  public static final long MEMORY_BYTES = 3L << 30;

  /** What of it lies at address 0; there an offset in the file is the physical address. */
  public static final long LOW_BYTES = 2L << 30;

  /** Where the rest begins. */
  public static final long HIGH_BASE = 4L << 30;

  /** What lies from there up. */
  public static final long HIGH_BYTES = MEMORY_BYTES - LOW_BYTES;

  /** The device table. */
  public static final long DEVICE_TABLE = 0x10_0000;

  /** Pages of the device table: 256 entries. */
  public static final int DEVICE_TABLE_PAGES = 2;

  static final long COMMANDS = 0x20_0000;
  static final long EVENTS = 0x30_0000;
  static final long BOUNCE = 0x3E_0000;
  static final long COMPLETION = 0x3F_0000;

  /** Where e1000's rings and buffers lie; a table that e1000 uses must map all of it. */
  public static final long WINDOW = 0x40_0000;

  /** Size of that window. */
  public static final long WINDOW_BYTES = 0x8_0000;

  /** Where page tables may lie. */
  public static final long TABLES = 0x100_0000;

  /** Room for page tables. */
  public static final long TABLE_BYTES = 64L << 20;

  /** Everything that describes translations lies below. */
  public static final long TABLES_END = TABLES + TABLE_BYTES;

  /** From here on memory is the tests' own. */
  public static final long FREE = 0x1000_0000;

  private GuestLayout() {}
}
