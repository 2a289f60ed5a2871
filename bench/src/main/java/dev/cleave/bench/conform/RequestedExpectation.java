package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.Device;
import java.util.Map;
import java.util.stream.LongStream;

/** What the operations asked for, whatever stands in any table. */
final class RequestedExpectation implements Expectation {
  private final Map<Device, Attachment> attachments;

  RequestedExpectation(Map<Device, Attachment> attachments) {
    this.attachments = attachments;
  }

  @Override
  public String name() {
    return "requested";
  }

  @Override
  public long answer(Device device, long iova, int access) {
    Attachment attachment = attachments.get(device);
    if (!attachment.permits(access)) {
      return FAULT;
    }
    TestDomain domain = attachment.domain();
    if (domain == null) {
      return iova;
    }
    return answer(domain, domain.requested(), iova, access);
  }

  private static long answer(
      TestDomain domain, RequestedMappings requested, long iova, int access) {
    int permitted = requested.access(iova) & domain.permittedAbove(iova);
    return (permitted & access) != 0 ? requested.translate(iova) : FAULT;
  }

  /**
   * Every way in which an access may end while flushes are outstanding: as it does now, or as it
   * did before any of the operations that owe them, where something was mapped then. A hole is not
   * cached, so nobody sees one where something is mapped.
   */
  long[] answers(Device device, long iova, int access) {
    LongStream.Builder answers = LongStream.builder();
    answers.add(answer(device, iova, access));
    Attachment attachment = attachments.get(device);
    TestDomain domain = attachment.domain();
    if (domain != null && attachment.permits(access)) {
      for (RequestedMappings before : domain.outstanding().before()) {
        if (before.at(iova) != null) {
          answers.add(answer(domain, before, iova, access));
        }
      }
    }
    return answers.build().distinct().toArray();
  }
}
