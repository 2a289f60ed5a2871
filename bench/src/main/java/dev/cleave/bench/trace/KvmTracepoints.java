package dev.cleave.bench.trace;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.Map;

/** Linux's tracepoints of KVM that show page states. They count in guest frame numbers. */
final class KvmTracepoints {
  private static final String ATTRIBUTES = "kvm_vm_set_mem_attributes";
  private static final String HYPERCALL = "kvm_hypercall";
  private static final String GHCB = "kvm_vmgexit_msr_protocol_enter";

  private static final int GFN_LOG2 = Long.SIZE - PAGE_LOG2;
  private static final long IS_PRIVATE = 1 << 3;
  private static final long MAP_GPA_RANGE = 0xc;

  // GHCB specification, the request for a page state change by the register:
  // bits 11:0 the request, 51:12 the frame, 55:52 what it shall be
  private static final long GHCB_REQUEST_MASK = 0xfff;
  private static final long GHCB_CHANGE = 0x014;
  private static final long GHCB_GPA_MASK = 0xf_ffff_ffff_f000L;
  private static final int GHCB_OPERATION_SHIFT = 52;
  private static final long GHCB_OPERATION_MASK = 0xf;
  private static final long GHCB_PRIVATE = 1;
  private static final long GHCB_SHARED = 2;

  static final Map<String, BodyReader> READERS =
      Map.of(
          ATTRIBUTES, KvmTracepoints::attributes,
          HYPERCALL, KvmTracepoints::hypercall,
          GHCB, KvmTracepoints::ghcb);

  private KvmTracepoints() {}

  private static Parsed attributes(LogLine line) throws MalformedLineException {
    Body body = line.body(ATTRIBUTES + ": <first gfn> -- <end gfn> [<attributes>]");
    // An early version had a dot after the colon.
    int at = body.size() > 0 && body.word(0).equals(".") ? 1 : 0;
    long first = body.parse(body.word(at));
    if (!body.word(at + 1).equals("--")) {
      throw body.malformed("no '--'");
    }
    long end = body.parse(body.word(at + 2));
    String value = body.word(at + 3);
    if (!value.startsWith("[") || !value.endsWith("]") || value.length() < 2) {
      throw body.malformed("no attributes in brackets");
    }
    long attributes = body.parse(value.substring(1, value.length() - 1));
    if (Long.compareUnsigned(end, first) < 0 || end >>> GFN_LOG2 != 0) {
      throw body.malformed("the range ends before it begins, or beyond all memory");
    }
    boolean isPrivate = (attributes & IS_PRIVATE) != 0;
    return QemuStateLines.states(
        line, body, first << PAGE_LOG2, end - first, isPrivate, Source.KVM_ATTRIBUTES);
  }

  private static Parsed hypercall(LogLine line) throws MalformedLineException {
    Body body = line.body(HYPERCALL + ": nr 0xc a0 <gpa> a1 <pages> a2 <attributes> a3 <n>");
    if (body.number("nr") != MAP_GPA_RANGE) {
      return new Parsed.NoEffect();
    }
    boolean isPrivate = (body.number("a2") & QemuStateLines.WANTS_PRIVATE) != 0;
    return QemuStateLines.states(
        line, body, body.number("a0"), body.number("a1"), isPrivate, Source.KVM_HYPERCALL);
  }

  private static Parsed ghcb(LogLine line) throws MalformedLineException {
    long value = line.body(GHCB + ": vcpu <n>, ghcb_gpa <hexadecimal>").hex("ghcb_gpa");
    long operation = value >>> GHCB_OPERATION_SHIFT & GHCB_OPERATION_MASK;
    boolean isChange =
        (value & GHCB_REQUEST_MASK) == GHCB_CHANGE
            && (operation == GHCB_PRIVATE || operation == GHCB_SHARED);
    return isChange
        ? QemuStateLines.state(
            line,
            value & GHCB_GPA_MASK,
            1L << PAGE_LOG2,
            operation == GHCB_PRIVATE,
            Source.KVM_GHCB)
        : new Parsed.NoEffect();
  }
}
