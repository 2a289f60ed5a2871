package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.Device;
import java.util.Map;

/** What the engine reads out of its own tables. */
final class EngineExpectation implements Expectation {
  private final Map<Device, Attachment> attachments;

  EngineExpectation(Map<Device, Attachment> attachments) {
    this.attachments = attachments;
  }

  @Override
  public String name() {
    return "engine";
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
    boolean isPermitted =
        domain.table().leafAt(iova, domain.cursor())
            && (domain.cursor().access() & domain.permittedAbove(iova) & access) != 0;
    return isPermitted ? domain.table().translate(iova) : FAULT;
  }
}
