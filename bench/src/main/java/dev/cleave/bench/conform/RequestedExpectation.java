package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.Device;
import java.util.Map;

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
    int permitted = domain.requested().access(iova) & domain.permittedAbove(iova);
    return (permitted & access) != 0 ? domain.requested().translate(iova) : FAULT;
  }
}
