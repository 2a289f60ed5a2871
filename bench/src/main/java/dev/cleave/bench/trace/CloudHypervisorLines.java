package dev.cleave.bench.trace;

import java.util.Map;

/** What Cloud Hypervisor logs of a guest's calls, wherever its log's format puts the message. */
final class CloudHypervisorLines {
  private static final String CALL = "KVM_HC_MAP_GPA_RANGE";

  static final Map<String, BodyReader> READERS = Map.of(CALL, CloudHypervisorLines::call);

  private CloudHypervisorLines() {}

  private static Parsed call(LogLine line) throws MalformedLineException {
    Body body = line.body(CALL + ": address=<gpa>, pages=<n>, attributes=<attributes>");
    boolean isPrivate = (body.number("attributes") & QemuStateLines.WANTS_PRIVATE) != 0;
    return QemuStateLines.states(
        line,
        body,
        body.number("address"),
        body.number("pages"),
        isPrivate,
        Source.CLOUD_HYPERVISOR);
  }
}
