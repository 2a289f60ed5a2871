package dev.cleave.bench.io;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;

/**
 * Files that commands read: a name ending in {@code .gz} is read as gzip, {@code -} is standard
 * input.
 */
public final class Inputs {
  /** The name of standard input. */
  public static final String STANDARD_INPUT = "-";

  private static final int BLOCK_BYTES = 1 << 16;
  private static final int LARGE_BLOCK_BYTES = 1 << 26;

  private Inputs() {}

  /**
   * Opens a file.
   *
   * @param name a path, or {@code -}
   * @return its bytes, buffered and decompressed; the caller closes it
   * @throws BadInput if it cannot be opened or is not the gzip file that its name says
   */
  public static InputStream open(String name) {
    try {
      if (name.equals(STANDARD_INPUT)) {
        return standardInput();
      }
      Path path = Path.of(name);
      if (Files.isDirectory(path)) {
        throw BadInput.in(name, "is a directory, expected a file");
      }
      InputStream raw = Files.newInputStream(path);
      try {
        return new BufferedInputStream(
            isCompressed(name) ? new GZIPInputStream(raw, BLOCK_BYTES) : raw, BLOCK_BYTES);
      } catch (IOException e) {
        raw.close();
        throw e;
      }
    } catch (IOException e) {
      throw BadInput.cannotUse(name, e);
    }
  }

  /** Standard input, which stays open when the stream is closed: the process owns it. */
  private static InputStream standardInput() {
    return new BufferedInputStream(System.in) {
      @Override
      public void close() {}
    };
  }

  /**
   * Whether a file must be unpacked, or read to its end, before it can be mapped.
   *
   * @param name a path, or {@code -}
   * @return true for gzip and for standard input
   */
  public static boolean isStream(String name) {
    return name.equals(STANDARD_INPUT) || isCompressed(name);
  }

  private static boolean isCompressed(String name) {
    return name.endsWith(".gz");
  }

  /**
   * Writes a stream into a temporary file, so that it can be mapped. Blocks of zeros become holes:
   * a small gzip file that unpacks to a sea of zeros takes no room on the disk.
   *
   * @param name a path, or {@code -}
   * @param limit the most bytes to take
   * @return the temporary file, which the caller deletes
   * @throws BadInput if the stream is damaged or longer than the limit
   */
  public static Path spool(String name, long limit) {
    Path file = null;
    try (InputStream in = open(name)) {
      file = Files.createTempFile("cleave", ".img");
      copy(in, file, name, limit);
      return file;
    } catch (IOException e) {
      delete(file);
      throw BadInput.cannotUse(name, e);
    } catch (RuntimeException e) {
      delete(file);
      throw e;
    }
  }

  private static void copy(InputStream in, Path file, String name, long limit) throws IOException {
    byte[] zeros = new byte[BLOCK_BYTES];
    try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
      long position = 0;
      byte[] block = in.readNBytes(BLOCK_BYTES);
      while (block.length > 0) {
        if (block.length > limit - position) {
          throw BadInput.in(name, "unpacks to more than the " + limit + " bytes expected");
        }
        byte[] next = in.readNBytes(BLOCK_BYTES);
        boolean hole = next.length > 0 && Arrays.equals(block, zeros);
        for (ByteBuffer rest = ByteBuffer.wrap(block); !hole && rest.hasRemaining(); ) {
          out.write(rest, position + rest.position());
        }
        position += block.length;
        block = next;
      }
    }
  }

  /**
   * Writes a segment of any size.
   *
   * @param out where to
   * @param position of its first byte there
   * @param bytes what to write
   * @throws IOException if writing fails
   */
  public static void write(FileChannel out, long position, MemorySegment bytes) throws IOException {
    for (long done = 0; done < bytes.byteSize(); ) {
      long now = Math.min(bytes.byteSize() - done, LARGE_BLOCK_BYTES);
      ByteBuffer block = bytes.asSlice(done, now).asByteBuffer();
      while (block.hasRemaining()) {
        out.write(block, position + done + block.position());
      }
      done += now;
    }
  }

  /**
   * Deletes a temporary file, if there is one.
   *
   * @param file what {@link #spool} returned, or null
   */
  public static void delete(Path file) {
    if (file != null) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        file.toFile().deleteOnExit();
      }
    }
  }
}
