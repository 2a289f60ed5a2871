package dev.cleave.bench.trace;

import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Files that are no text, by their first bytes, and what makes text of them. */
enum BinaryKind {
  QEMU_SIMPLE(
      "ffffffffffffffffb429a40acb77b1f2",
      "a binary trace of QEMU's simple back-end",
      "print it with QEMU's scripts/simpletrace.py"),
  TRACE_DAT(
      "170844" + "74726163696e67",
      "a binary trace of trace-cmd (trace.dat)",
      "print it with trace-cmd report"),
  PERF_DATA("50455246494c4532", "binary samples of perf (perf.data)", "print it with perf script"),
  COMMON_TRACE(
      "c11ffcc1", "a binary trace in the Common Trace Format", "print it with babeltrace2"),
  KDUMP(
      "4b44554d50202020",
      "a compressed core of makedumpfile",
      "unpack it with makedumpfile -E, then read it with cleave inspect"),
  DISKDUMP("4449534b44554d50", "a core of diskdump", "no log can be printed from it"),
  FLATTENED(
      "6d616b6564756d7066696c6500000000",
      "a flattened core of makedumpfile",
      "read it with cleave inspect"),
  AVML("41564d4c", "a compressed memory image of AVML", "unpack it with avml-convert"),
  LIME("454d694c", "a memory image of LiME", "read it with cleave inspect"),
  ELF("7f454c46", "an ELF file", "a core is read by cleave inspect"),
  WINDOWS("5041474544553634", "a Windows crash dump", "no log can be printed from it"),
  QCOW2("514649fb", "a qcow2 disk image", "no log can be printed from it"),
  GZIP("1f8b", "gzip data", "let its name end in .gz, or unpack it with zcat"),
  ZSTD("28b52ffd", "zstd data", "unpack it with zstdcat"),
  XZ("fd377a585a00", "xz data", "unpack it with xzcat"),
  BZIP2("425a6839", "bzip2 data", "unpack it with bzcat");

  /** More than the longest first bytes. */
  static final int PREFIX_BYTES = 16;

  private final String magic;
  private final String what;
  private final String advice;

  BinaryKind(String magic, String what, String advice) {
    this.magic = magic;
    this.what = what;
    this.advice = advice;
  }

  /** The kind of a file, null if it is none of these. */
  static @Nullable BinaryKind of(byte[] first, int length) {
    for (BinaryKind kind : values()) {
      if (kind.begins(first, length)) {
        return kind;
      }
    }
    return null;
  }

  private boolean begins(byte[] first, int length) {
    int bytes = magic.length() / 2;
    return length >= bytes && HexFormat.of().formatHex(first, 0, bytes).equals(magic);
  }

  /** Why it cannot be read, and what to do. */
  String refusal() {
    return "is " + what + ", expected the text of a log; " + advice;
  }
}
