package dev.cleave.bench.cli;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/** How wide the vectors are that this JVM's compiler makes. */
final class VectorWidth {
  private VectorWidth() {}

  /** Bits of the widest vector, 0 where the JVM has no such limit to ask for. */
  static int bits() {
    HotSpotDiagnosticMXBean diagnostic =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    if (diagnostic == null) {
      return 0;
    }
    try {
      return Byte.SIZE * Integer.parseInt(diagnostic.getVMOption("MaxVectorSize").getValue());
    } catch (IllegalArgumentException _) {
      return 0; // a JVM without C2 does not know it
    }
  }
}
