package dev.cleave.bench.conform;

import static dev.cleave.bench.io.Numbers.hex;

import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.engine.format.Access;

/** One step of a case. Domains are numbered from 0 within their case. Immutable. */
sealed interface Op {
  /** An operation of the engine on a range of a domain's table. */
  sealed interface Change extends Op {
    /** The domain. */
    int domain();

    /** First address of the range. */
    long iova();

    /** Bytes of the range. */
    long length();
  }

  /** Maps a range to contiguous memory. */
  record Map(int domain, long iova, long paddr, long length, int access) implements Change {
    @Override
    public String toString() {
      return text(this, "map", hex(paddr) + " " + Access.permissions(access));
    }
  }

  /** Maps a range page by page, every page chosen by a salt. */
  record MapScattered(int domain, long iova, int pages, long salt) implements Change {
    @Override
    public long length() {
      return (long) pages << 12;
    }

    @Override
    public String toString() {
      return text(this, "map-scattered", "salt " + hex(salt));
    }
  }

  /** Makes a hole. */
  record Unmap(int domain, long iova, long length) implements Change {
    @Override
    public String toString() {
      return text(this, "unmap", "");
    }
  }

  /** Changes permissions. */
  record Protect(int domain, long iova, long length, int access) implements Change {
    @Override
    public String toString() {
      return text(this, "protect", Access.permissions(access));
    }
  }

  /** Makes leaves smaller. */
  record Split(int domain, long iova, long length, int largestLog2) implements Change {
    @Override
    public String toString() {
      return text(this, "split", "2^" + largestLog2);
    }
  }

  /** Makes leaves larger. */
  record Merge(int domain, long iova, long length, int largestLog2) implements Change {
    @Override
    public String toString() {
      return text(this, "merge", "2^" + largestLog2);
    }
  }

  /** Makes leaves fit a rule that a salt makes up, with DMA between the stores. */
  record Fit(int domain, long iova, long length, long salt) implements Change {
    @Override
    public String toString() {
      return text(this, "fit", "salt " + hex(salt));
    }
  }

  /** Splits and merges again and again while another thread does DMA. */
  record Churn(int domain, long iova, long length, int largestLog2) implements Op {
    @Override
    public String toString() {
      return "domain %d: churn %s %s 2^%d".formatted(domain, hex(iova), hex(length), largestLog2);
    }
  }

  /** Sets what the directory entry around an address, in the table of a level, permits. */
  record Directory(int domain, long iova, int level, int access) implements Op {
    @Override
    public String toString() {
      return "domain %d: directory %s level %d permits %s"
          .formatted(domain, hex(iova), level, Access.permissions(access));
    }
  }

  /** Reads in every page of a range. */
  record Sweep(int domain, long iova, long length) implements Op {
    @Override
    public String toString() {
      return "domain %d: sweep %s %s".formatted(domain, hex(iova), hex(length));
    }
  }

  /** Puts a device into a domain, with the permissions of its device table entry. */
  record Attach(Device device, int domain, int access) implements Op {
    @Override
    public String toString() {
      return "attach %s to domain %d, permits %s"
          .formatted(device, domain, Access.permissions(access));
    }
  }

  /** Lets a device's DMA through untranslated: V = 0, or Mode = 0 with permissions. */
  record PassThrough(Device device, boolean isValid, int access) implements Op {
    @Override
    public String toString() {
      return isValid
          ? "pass %s through by Mode 0, permits %s".formatted(device, Access.permissions(access))
          : "pass %s through by V = 0".formatted(device);
    }
  }

  private static String text(Change op, String verb, String rest) {
    return "domain %d: %s %s %s %s"
        .formatted(op.domain(), verb, hex(op.iova()), hex(op.length()), rest)
        .strip();
  }
}
