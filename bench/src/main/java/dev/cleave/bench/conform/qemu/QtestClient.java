package dev.cleave.bench.conform.qemu;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * QEMU's qtest protocol: accesses to ports and device registers as lines of text, one reply for
 * each. Writes are posted: they go out together, and are known to have been done after the next
 * read or {@link #sync}.
 *
 * <p>Belongs to one thread at a time.
 */
public final class QtestClient implements AutoCloseable {
  private static final int MOST_PENDING = 512;
  private static final String OK = "OK";

  private final SocketChannel channel;
  private final StringBuilder requests = new StringBuilder();
  private final StringBuilder line = new StringBuilder();
  private final ByteBuffer in = ByteBuffer.allocate(1 << 16).flip();
  private int pending;

  private QtestClient(SocketChannel channel) {
    this.channel = channel;
  }

  /**
   * Connects.
   *
   * @param socket path of QEMU's socket
   * @return a client
   * @throws IOException if nobody listens there yet
   */
  static QtestClient connect(Path socket) throws IOException {
    return new QtestClient(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
  }

  /** Posts a 2-byte write to an I/O port. */
  void outw(int port, int value) {
    post("outw", port, value & 0xFFFFL);
  }

  /** Posts a 4-byte write to an I/O port. */
  void outl(int port, int value) {
    post("outl", port, value & 0xFFFF_FFFFL);
  }

  /** Reads 4 bytes from an I/O port. */
  int inl(int port) {
    return (int) ask("inl", port);
  }

  /** Posts a 4-byte write to physical address space. */
  void writel(long paddr, long value) {
    post("writel", paddr, value & 0xFFFF_FFFFL);
  }

  /** Posts an 8-byte write to physical address space. */
  void writeq(long paddr, long value) {
    post("writeq", paddr, value);
  }

  /** Reads 4 bytes from physical address space. */
  int readl(long paddr) {
    return (int) ask("readl", paddr);
  }

  /** Reads 8 bytes from physical address space. */
  long readq(long paddr) {
    return ask("readq", paddr);
  }

  /** Sends what was posted and waits until all of it has been done. */
  void sync() {
    send();
    while (pending > 0) {
      reply();
    }
  }

  private void post(String verb, long address, long value) {
    request(verb, address).append(" 0x").append(Long.toHexString(value)).append('\n');
    if (pending >= MOST_PENDING) {
      sync();
    }
  }

  private long ask(String verb, long address) {
    request(verb, address).append('\n');
    send();
    String value = "";
    while (pending > 0) {
      value = reply();
    }
    if (!value.startsWith("0x")) {
      throw new QemuFailure("QEMU answered " + verb + " with '" + value + "', expected a number");
    }
    return Long.parseUnsignedLong(value, 2, value.length(), 16);
  }

  private StringBuilder request(String verb, long address) {
    pending++;
    return requests.append(verb).append(" 0x").append(Long.toHexString(address));
  }

  private void send() {
    ByteBuffer out = StandardCharsets.US_ASCII.encode(requests.toString());
    requests.setLength(0);
    try {
      while (out.hasRemaining()) {
        channel.write(out);
      }
    } catch (IOException e) {
      throw gone(e);
    }
  }

  private String reply() {
    String text = readLine();
    while (text.startsWith("IRQ")) {
      text = readLine();
    }
    if (!text.startsWith(OK)) {
      throw new QemuFailure("QEMU refused a request: " + text);
    }
    pending--;
    return text.substring(OK.length()).strip();
  }

  private String readLine() {
    line.setLength(0);
    while (true) {
      while (in.hasRemaining()) {
        char c = (char) in.get();
        if (c == '\n') {
          return line.toString();
        }
        line.append(c);
      }
      in.clear();
      try {
        if (channel.read(in) < 0) {
          throw gone(null);
        }
      } catch (IOException e) {
        throw gone(e);
      }
      in.flip();
    }
  }

  private static QemuFailure gone(IOException cause) {
    return new QemuFailure("QEMU has ended while it was being used", cause);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
