package dev.cleave.bench.conform.qemu;

/**
 * QEMU's e1000 with its PHY in loopback: what it transmits, it receives. One register write makes
 * it do thousands of DMA reads, at addresses that its descriptors name.
 *
 * <pre>
 *  window + 0x00000  transmit ring, 8192 descriptors   (u64 address, u32 length | EOP, u32 0)
 *         + 0x20000  receive ring, 128 descriptors     (u64 address, u16 length, u16, u8 status …)
 *         + 0x21000  payload of packets to write
 *         + 0x28000  receive buffers, 128 × 2 KiB
 * </pre>
 *
 * <p>To read, 128 descriptors of 8 bytes make one packet, and its receive buffer then holds the
 * data read. To write, the receive buffers are the addresses under test. The rings are reached by
 * DMA as well: the table of the device must map the window.
 */
final class E1000Loopback implements DmaDevice {
  private static final long CTRL_MDIC = 0x0020;
  private static final long IMC = 0x00D8;
  private static final long RCTL = 0x0100;
  private static final long TCTL = 0x0400;
  private static final long RDBAL = 0x2800;
  private static final long RDBAH = 0x2804;
  private static final long RDLEN = 0x2808;
  private static final long RDH = 0x2810;
  private static final long RDT = 0x2818;
  private static final long TDBAL = 0x3800;
  private static final long TDBAH = 0x3804;
  private static final long TDLEN = 0x3808;
  private static final long TDH = 0x3810;
  private static final long TDT = 0x3818;

  /** Write the PHY's control register: loopback. */
  private static final long MDIC_PHY_LOOPBACK = 0x0420_4140;

  private static final long TCTL_ENABLE = 1 << 1;

  /** Enable, all unicast, all multicast, broadcast. */
  private static final long RCTL_ENABLE_ALL = 0x801A;

  private static final int DESCRIPTOR_BYTES = 16;
  private static final int TX_DESCRIPTORS = 8192;
  private static final int RX_DESCRIPTORS = 128;
  private static final int READS_PER_PACKET = 128;
  private static final int LEAST_READS = 8; // a packet has 64 bytes at least
  private static final int WRITE_BYTES = 64;
  private static final int BUFFER_BYTES = 2048;
  private static final long END_OF_PACKET = 1L << 24;
  private static final long DONE = 1L << 32;

  private static final long TX = 0;
  private static final long RX = 0x2_0000;
  private static final long PAYLOAD = 0x2_1000;
  private static final long BUFFERS = 0x2_8000;

  private static final int MOST_ATTEMPTS = 10_000;

  private final QtestClient qtest;
  private final GuestMemory memory;
  private final long registers = Device.E1000.registers();
  private long window;

  E1000Loopback(QtestClient qtest, GuestMemory memory) {
    this.qtest = qtest;
    this.memory = memory;
  }

  /**
   * Sets the device up, with no translation in its way, and waits until it receives.
   *
   * @throws QemuFailure if it never does
   */
  void enable() {
    qtest.writel(registers + IMC, 0xFFFF_FFFFL);
    qtest.writel(registers + CTRL_MDIC, MDIC_PHY_LOOPBACK);
    qtest.writel(registers + TDLEN, TX_DESCRIPTORS * DESCRIPTOR_BYTES);
    qtest.writel(registers + RDLEN, RX_DESCRIPTORS * DESCRIPTOR_BYTES);
    setWindow(GuestLayout.WINDOW);
    qtest.writel(registers + TCTL, TCTL_ENABLE);
    qtest.writel(registers + RCTL, RCTL_ENABLE_ALL);
    // Reception is blocked for one virtual second, which passes as QEMU sees fit.
    for (int i = 0; !transmitReads(new long[] {window + PAYLOAD}); i++) {
      if (i == MOST_ATTEMPTS) {
        throw new QemuFailure("e1000 does not receive what it sends");
      }
    }
  }

  /**
   * Says where the device finds its rings.
   *
   * @param iova where the table of the device maps {@link GuestLayout#WINDOW}
   */
  void setWindow(long iova) {
    window = iova;
    qtest.writel(registers + TDBAL, iova + TX);
    qtest.writel(registers + TDBAH, (iova + TX) >>> 32);
    qtest.writel(registers + RDBAL, iova + RX);
    qtest.writel(registers + RDBAH, (iova + RX) >>> 32);
  }

  @Override
  public int mostAtOnce() {
    return TX_DESCRIPTORS - LEAST_READS;
  }

  @Override
  public long[] read(long[] iovas) {
    if (!transmitReads(iovas)) {
      throw new WindowLost("e1000 cannot reach its rings through the table");
    }
    long[] values = new long[iovas.length];
    for (int i = 0; i < iovas.length; i++) {
      values[i] =
          memory.load(
              GuestLayout.WINDOW
                  + BUFFERS
                  + (long) i / READS_PER_PACKET * BUFFER_BYTES
                  + (long) i % READS_PER_PACKET * Long.BYTES);
    }
    return values;
  }

  private boolean transmitReads(long[] iovas) {
    int reads = (iovas.length + LEAST_READS - 1) / LEAST_READS * LEAST_READS;
    for (int i = 0; i < reads; i++) {
      boolean isLast = i == reads - 1 || i % READS_PER_PACKET == READS_PER_PACKET - 1;
      long iova = i < iovas.length ? iovas[i] : window + PAYLOAD;
      describe(TX, i, iova, Long.BYTES | (isLast ? END_OF_PACKET : 0));
    }
    int packets = (reads + READS_PER_PACKET - 1) / READS_PER_PACKET;
    for (int i = 0; i < packets; i++) {
      describe(RX, i, window + BUFFERS + (long) i * BUFFER_BYTES, 0);
    }
    run(reads);
    return isDone(packets);
  }

  /** A receive descriptor with address 0 has no buffer, and is passed over. */
  @Override
  public boolean canWrite(long iova) {
    return iova != 0;
  }

  @Override
  public void write(long[] iovas, long[] values) {
    for (int i = 0; i < iovas.length; i++) {
      long payload = PAYLOAD + (long) i * WRITE_BYTES;
      for (int word = 0; word < WRITE_BYTES; word += Long.BYTES) {
        memory.store(GuestLayout.WINDOW + payload + word, values[i]);
      }
      describe(TX, i, window + payload, WRITE_BYTES | END_OF_PACKET);
      describe(RX, i, iovas[i], 0);
    }
    run(iovas.length);
    if (!isDone(iovas.length)) {
      throw new WindowLost("e1000 cannot reach its rings through the table");
    }
  }

  private void describe(long ring, int index, long address, long rest) {
    long at = GuestLayout.WINDOW + ring + (long) index * DESCRIPTOR_BYTES;
    memory.store(at, address);
    memory.store(at + Long.BYTES, rest);
  }

  /** Lets it work; the read of a register returns when all is done. */
  private void run(int descriptors) {
    qtest.writel(registers + TDH, 0);
    qtest.writel(registers + TDT, 0);
    qtest.writel(registers + RDH, 0);
    qtest.writel(registers + RDT, 0);
    qtest.writel(registers + RDT, RX_DESCRIPTORS - 1);
    qtest.writel(registers + TDT, descriptors);
    var _ = qtest.readl(registers + RDH);
  }

  private boolean isDone(int packets) {
    for (int i = 0; i < packets; i++) {
      long at = GuestLayout.WINDOW + RX + (long) i * DESCRIPTOR_BYTES;
      if ((memory.load(at + Long.BYTES) & DONE) == 0) {
        return false;
      }
    }
    return true;
  }
}
