package dev.cleave.hwmodel.dma;

import dev.cleave.hwmodel.iommu.Iommu;
import java.util.List;
import java.util.concurrent.locks.Lock;
import org.agrona.concurrent.Agent;

/**
 * The hardware as an agent on its own thread: in each duty cycle the IOMMU carries out some
 * commands and every device makes some transfers, in turn. Software on other threads sees only
 * memory and registers. The IOMMU's gate is held during a cycle, so that who takes it stalls all
 * DMA.
 */
public final class HardwareAgent implements Agent {
  private static final int COMMANDS_PER_CYCLE = 64;

  private final Iommu iommu;
  private final DmaDevice[] devices;
  private final int transfersPerCycle;
  private final Lock gate;

  /**
   * Hardware.
   *
   * @param iommu what has the command ring; it must not run commands when the tail is written
   * @param devices what makes transfers
   * @param transfersPerCycle how many each device makes in a cycle, at least 0
   * @throws IllegalArgumentException if writing the tail runs commands: two threads would do the
   *     hardware's work
   */
  public HardwareAgent(Iommu iommu, List<DmaDevice> devices, int transfersPerCycle) {
    if (iommu.runsCommandsOnTailWrite()) {
      throw new IllegalArgumentException(
          "an IOMMU with a thread of its own must not run commands on the tail write");
    }
    this.iommu = iommu;
    this.devices = devices.toArray(DmaDevice[]::new);
    this.transfersPerCycle = transfersPerCycle;
    this.gate = iommu.dmaGate();
  }

  @Override
  public int doWork() {
    gate.lock();
    try {
      int commands = iommu.processCommands(COMMANDS_PER_CYCLE);
      for (DmaDevice device : devices) {
        device.run(transfersPerCycle);
      }
      return commands + devices.length * transfersPerCycle;
    } finally {
      gate.unlock();
    }
  }

  @Override
  public String roleName() {
    return "hardware";
  }
}
