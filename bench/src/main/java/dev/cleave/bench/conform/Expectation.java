package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.Device;

/** Somebody who says how a DMA access must end. */
interface Expectation {
  /** The answer for an access that is refused. */
  long FAULT = -1;

  /** Who it is, as reports name it. */
  String name();

  /**
   * How an access ends when nothing stale is cached.
   *
   * @param device who does it
   * @param iova where
   * @param access Access.READ or Access.WRITE
   * @return the physical address, or {@link #FAULT}
   */
  long answer(Device device, long iova, int access);
}
