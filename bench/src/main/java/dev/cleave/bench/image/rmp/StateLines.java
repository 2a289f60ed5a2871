package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.LeafRow;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.engine.format.Access;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.Optional;

/**
 * Writes what a table and the RMP say as op lines, so that a replay can begin where a machine is:
 * first {@code map} lines, then {@code share} for what is the hypervisor's and {@code unshare} for
 * what is private. A shared page's gpa is taken to be its iova, since the RMP has none for it.
 *
 * <p>Both visitors throw {@link UncheckedIOException} if writing fails. Not thread-safe.
 */
public final class StateLines {
  private final Rmp rmp;
  private final Writer out;
  private long unknownBytes;

  /**
   * Nothing written yet.
   *
   * @param rmp the RMP
   * @param out where lines go
   */
  public StateLines(Rmp rmp, Writer out) {
    this.rmp = rmp;
    this.out = out;
  }

  /** Bytes that are mapped and of which the RMP is not known: no line tells of their state. */
  public long unknownBytes() {
    return unknownBytes;
  }

  /** Who writes the maps. */
  public TableVisitor maps() {
    return new TableVisitor() {
      private long iova;
      private long paddr;
      private long length;
      private int access;

      @Override
      public void leaf(LeafRow row) {
        int permissions = row.access() & Access.READ_WRITE;
        boolean isNext =
            iova + length == row.site().iova()
                && paddr + length == row.paddr()
                && permissions == access;
        if (!isNext) {
          end();
          iova = row.site().iova();
          paddr = row.paddr();
          access = permissions;
        }
        length += row.sizeBytes();
      }

      @Override
      public void end() {
        if (length != 0 && access != 0) {
          write(
              "map 0x%x 0x%x 0x%x %s\n".formatted(iova, paddr, length, Access.permissions(access)));
        }
        length = 0;
      }
    };
  }

  /** Who writes the page states. */
  public TableVisitor states() {
    return new TableVisitor() {
      private String word = "";
      private long gpa;
      private long length;

      @Override
      public void leaf(LeafRow row) {
        RmpPieces.visit(
            rmp,
            row.paddr(),
            row.sizeBytes(),
            (offset, bytes, entry) -> piece(row.site().iova() + offset, bytes, entry));
      }

      private void piece(long at, long bytes, Optional<Rmp.Entry> entry) {
        if (entry.isEmpty()) {
          unknownBytes += bytes;
          return;
        }
        String state = entry.get().isAssigned() ? "unshare" : "share";
        if (gpa + length != at || !state.equals(word)) {
          end();
          gpa = at;
          word = state;
        }
        length += bytes;
      }

      @Override
      public void end() {
        if (length != 0) {
          write("%s 0x%x 0x%x\n".formatted(word, gpa, length));
        }
        length = 0;
      }
    };
  }

  private void write(String line) {
    try {
      out.write(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
