package dev.cleave.engine.kernel;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Which kernels a Java run time should use.
 *
 * @param kind what to use
 * @param reason why, a phrase for a person
 * @param warning what is wrong with what the user asked for, or null
 */
record KernelChoice(Kind kind, String reason, @Nullable String warning) {
  /** Ways to do the work. */
  enum Kind {
    /** Loops. */
    PLAIN,
    /** The Vector API. */
    VECTOR
  }

  static final String PROPERTY = "cleave.kernels";
  static final String VERBOSE_PROPERTY = "cleave.kernels.verbose";
  static final String AUTO = "auto";
  static final String MODULE = "jdk.incubator.vector";

  /**
   * What there is to decide from.
   *
   * @param vmName of the virtual machine
   * @param vmVersion of the virtual machine
   * @param vmInfo how it runs code
   * @param hasVectorModule whether the Vector API is there
   */
  record JavaRuntime(String vmName, String vmVersion, String vmInfo, boolean hasVectorModule) {
    /** This one. */
    static JavaRuntime current(boolean hasVectorModule) {
      return new JavaRuntime(
          System.getProperty("java.vm.name", ""),
          System.getProperty("java.vm.version", ""),
          System.getProperty("java.vm.info", ""),
          hasVectorModule);
    }

    private boolean isHotSpot() {
      return vmName.contains("OpenJDK") || vmName.contains("HotSpot");
    }

    private boolean hasC2() {
      return !vmInfo.contains("interpreted")
          && !vmInfo.contains("emulated-client")
          && !vmVersion.contains("jvmci");
    }
  }

  /**
   * Decides.
   *
   * @param wanted {@code auto}, {@code plain} or {@code vector}; the Vector API is used only where
   *     it is asked for, and then on any virtual machine that has it
   * @param runtime where they would run
   */
  static KernelChoice decide(String wanted, JavaRuntime runtime) {
    return switch (wanted) {
      case AUTO -> decide(runtime);
      case "plain" -> plain(asked(wanted));
      case "vector" -> {
        if (runtime.hasVectorModule()) {
          yield new KernelChoice(Kind.VECTOR, asked(wanted), null);
        }
        KernelChoice plain = decide(runtime);
        yield new KernelChoice(
            plain.kind(),
            plain.reason(),
            "plain kernels, not %s: %s; add the flag".formatted(asked(wanted), missingModule()));
      }
      default -> {
        KernelChoice auto = decide(runtime);
        yield new KernelChoice(
            auto.kind(),
            auto.reason(),
            "%s must be auto, plain or vector, %s=%s: auto it is"
                .formatted(PROPERTY, PROPERTY, wanted));
      }
    };
  }

  private static String asked(String wanted) {
    return "asked for by -D%s=%s".formatted(PROPERTY, wanted);
  }

  private static KernelChoice decide(JavaRuntime runtime) {
    return plain(
        runtime.isHotSpot() && runtime.hasC2()
            ? "loops that C2 makes vectors of"
            : "loops; vectors would need HotSpot's C2, this is %s, %s, %s"
                .formatted(runtime.vmName(), runtime.vmVersion(), runtime.vmInfo()));
  }

  private static String missingModule() {
    return "without --add-modules=%s there is no Vector API".formatted(MODULE);
  }

  private static KernelChoice plain(String reason) {
    return new KernelChoice(Kind.PLAIN, reason, null);
  }

  /** One line for who asks. */
  String line() {
    return "kernels: %s; %s".formatted(kind.name().toLowerCase(Locale.ROOT), reason);
  }
}
