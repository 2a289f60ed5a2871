package dev.cleave.bench.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.cleave.bench.io.BadInput;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * What a file is, told by its first bytes. A file that begins like something that cannot be read is
 * refused by name: its header would otherwise pass for memory. Source: {@code
 * docs/spec/log-formats.md} §5.
 */
enum ImageKind {
  /** A vmcore, QEMU's dump-guest-memory, virsh dump --memory-only. */
  ELF("7f454c46", "an ELF core"),
  /** LiME, and AVML without compression, which writes the same. */
  LIME("454d694c", "a LiME image"),
  /** What makedumpfile writes into a pipe. */
  FLATTENED("6d616b6564756d7066696c6500000000", "a flattened dump of makedumpfile"),
  /** What makedumpfile and QEMU write without being asked for ELF. */
  KDUMP("4b44554d50202020", "a kdump-compressed dump"),

  DISKDUMP("4449534b44554d50", "a diskdump dump", "convert it to an ELF core with crash"),
  DISKDUMP_PARTITION(
      "6469736b64756d70", "a diskdump partition", "convert it to an ELF core with crash"),
  AVML(
      "41564d4c",
      "a compressed AVML image",
      "unpack it first: avml-convert --source-format lime_compressed --format lime IN OUT"),
  WINDOWS_64("5041474544553634", "a Windows crash dump", "convert it to raw memory first"),
  WINDOWS_32("5041474544554d50", "a Windows crash dump", "convert it to raw memory first"),
  LIBVIRT_SAVE("4c69627669727451656d75", "a libvirt save file", "use virsh dump --memory-only"),
  QEMU_MIGRATION(
      "5145564d", "a QEMU migration stream", "use QEMU's dump-guest-memory for an ELF core"),
  VMWARE_STATE("d2bed2be", "a VMware state file", "give the .vmem file beside it, as raw memory"),
  VMWARE_SNAPSHOT("d3bed3be", "a VMware snapshot", "give the .vmem file beside it, as raw memory"),
  VMWARE_SUSPEND("d0bed2be", "a VMware state file", "give the .vmem file beside it, as raw memory"),
  VMWARE_OLD("d1bad1ba", "a VMware state file", "give the .vmem file beside it, as raw memory"),
  QCOW("514649fb", "a qcow2 disk", "it holds a disk and no memory"),
  GZIP("1f8b08", "gzip", "its name must end in .gz to be unpacked"),
  ZSTD("28b52ffd", "zstd", "unpack it first: zstd -d"),
  XZ("fd377a585a00", "xz", "unpack it first: xz -d"),
  BZIP2("425a6839314159265359", "bzip2", "unpack it first: bzip2 -d"),

  /** Everything else: byte n of the file is byte n of memory. */
  RAW("", "raw memory");

  private static final int LONGEST = 16;

  /** The first bytes in hex. */
  private final String magic;

  private final String words;
  private final String advice;

  ImageKind(String magic, String words) {
    this(magic, words, "");
  }

  ImageKind(String magic, String words, String advice) {
    this.magic = magic;
    this.words = words;
    this.advice = advice;
  }

  /** What a file begins like. */
  static ImageKind of(MemorySegment file) {
    String first =
        HexFormat.of()
            .formatHex(file.asSlice(0, Math.min(LONGEST, file.byteSize())).toArray(JAVA_BYTE));
    return Arrays.stream(values())
        .filter(kind -> first.startsWith(kind.magic))
        .findFirst()
        .orElseThrow();
  }

  /** The kind with its article, for messages. */
  String words() {
    return words;
  }

  /** What to say of a file that is of a kind without a reader. */
  BadInput refusal(String name) {
    return BadInput.in(name, "is %s, which inspect does not read: %s".formatted(words, advice));
  }
}
