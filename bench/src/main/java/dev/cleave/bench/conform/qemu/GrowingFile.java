package dev.cleave.bench.conform.qemu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * A text file that another process appends to. It is kept open, so that its name may vanish.
 *
 * <p>Belongs to one thread at a time.
 */
final class GrowingFile implements AutoCloseable {
  private final FileChannel channel;
  private String rest = "";

  GrowingFile(Path file) throws IOException {
    channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
  }

  /** The whole lines that have arrived since the last call. */
  List<String> newLines() {
    String text = rest + newText();
    int end = text.lastIndexOf('\n') + 1;
    rest = text.substring(end);
    return text.substring(0, end).lines().toList();
  }

  /** What has arrived since the last call. */
  private String newText() {
    try {
      long bytes = channel.size() - channel.position();
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(bytes, 1 << 24));
      while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
      return StandardCharsets.UTF_8.decode(buffer.flip()).toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
