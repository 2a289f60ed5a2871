package dev.cleave.engine.kernel;

import java.util.Optional;

/**
 * Chooses the kernels once, when the class is loaded. Thread-safe.
 *
 * <p>They are plain loops that C2 makes vectors of, without any flag. The choice is one line on
 * standard error where the system property {@code cleave.kernels.verbose} is {@code true}. The
 * system property {@code cleave.kernels} may be {@code vector} to have those of the Vector API, for
 * experiments; they need {@code --add-modules=jdk.incubator.vector}, and a wish that cannot be met
 * is one warning for the {@link System.Logger} of this class.
 *
 * <p>The Vector API is not used unasked, because it is fast only where C2 has compiled it. Until
 * then every vector is an object, and compiling it takes the time of a compiler that the caller's
 * own methods wait for. While a thread of its own warmed those kernels beside a busy neighbour,
 * "split 2M and merge it" ({@code MixedFormats}) took 4 to 27 µs for up to ten seconds instead of
 * 0.5, and the JVM made 1 to 10 KB of garbage for each. What it would save, once compiled: it
 * writes a table in 19 ns and compares one in 33 ({@code TableKernelShapes}, 512 words in the first
 * cache, vectors of 512 bits); loops take longer, by how much {@code TableKernelShapes} says.
 */
public final class Kernels {
  private static final KernelChoice CHOICE =
      KernelChoice.decide(
          System.getProperty(KernelChoice.PROPERTY, KernelChoice.AUTO),
          KernelChoice.JavaRuntime.current(hasVectorModule()));
  private static final TableKernels CHOSEN = make(CHOICE.kind());

  static {
    if (CHOICE.warning() != null) { // not asked for otherwise: a logger takes milliseconds to find
      System.getLogger(Kernels.class.getName()).log(System.Logger.Level.WARNING, CHOICE.warning());
    }
    if (Boolean.getBoolean(KernelChoice.VERBOSE_PROPERTY)) {
      System.err.println(CHOICE.line());
    }
  }

  private Kernels() {}

  private static boolean hasVectorModule() {
    Module own = Kernels.class.getModule();
    ModuleLayer layer = own.getLayer() == null ? ModuleLayer.boot() : own.getLayer();
    Optional<Module> vectors = layer.findModule(KernelChoice.MODULE);
    vectors.ifPresent(own::addReads);
    return vectors.isPresent();
  }

  private static TableKernels make(KernelChoice.Kind kind) {
    return switch (kind) {
      case PLAIN -> new PlainKernels();
      case VECTOR -> new VectorKernels();
    };
  }

  /**
   * The kernels for this JVM. Keep them in a static final field: then a call costs what a call of
   * the implementation does.
   *
   * @return always the same object
   */
  public static TableKernels chosen() {
    return CHOSEN;
  }

  /** {@return why these were chosen, a phrase for a person} */
  public static String reason() {
    return CHOICE.reason();
  }

  /** {@return the plain kernels, which run everywhere, to compare with} */
  public static TableKernels plain() {
    return new PlainKernels();
  }

  /**
   * The vector kernels, to compare with. Until they are compiled they are thousands of times
   * slower.
   *
   * @return nothing when the Vector API is missing
   */
  public static Optional<TableKernels> vector() {
    return hasVectorModule() ? Optional.of(new VectorKernels()) : Optional.empty();
  }
}
