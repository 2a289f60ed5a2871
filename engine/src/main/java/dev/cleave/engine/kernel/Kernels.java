package dev.cleave.engine.kernel;

import java.util.Optional;

/**
 * Chooses the kernels once, when the class is loaded. Thread-safe.
 *
 * <p>The vector kernels need Java 25, HotSpot with C2, and {@code
 * --add-modules=jdk.incubator.vector}. Without, all stays plain, which is nothing to complain of;
 * the choice is one line for the {@link System.Logger} of this class at DEBUG, and on standard
 * error where the system property {@code cleave.kernels.verbose} is {@code true}. The system
 * property {@code cleave.kernels} may be {@code plain} or {@code vector} to have the one or the
 * other from the start, for tests and experiments; a wish that cannot be met is warned of.
 *
 * <p>Vectors do not come at once, because uncompiled they cost more than they ever save in a short
 * run. {@code FirstMap} of the workbench measures the first 2 GiB mapped as 4 KiB leaves in a fresh
 * JVM, class loading included. On one busy core of a 512-bit machine, mean of six JVMs: 0.41 s
 * plain, 0.37 s as chosen here (the difference is noise), 0.70 s with vectors from the start. Once
 * compiled, vectors write a table in 40 ns where plain loops take 141, and compare one in 66 where
 * those take 166 ({@code TableKernelShapes}, 512 words in the first cache). Vectors of 128 bits are
 * not used: see {@code VectorKernels#isWideEnough}.
 */
public final class Kernels {
  private static final KernelChoice CHOICE =
      KernelChoice.decide(
          System.getProperty(KernelChoice.PROPERTY, KernelChoice.AUTO),
          KernelChoice.JavaRuntime.current(hasVectorModule()));
  private static final TableKernels CHOSEN = make(CHOICE.kind());

  static {
    System.Logger logger = System.getLogger(Kernels.class.getName());
    if (CHOICE.warning() != null) {
      logger.log(System.Logger.Level.WARNING, CHOICE.warning());
    }
    logger.log(System.Logger.Level.DEBUG, CHOICE.line());
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
      case WARMING -> new WarmingKernels();
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
    return CHOSEN instanceof WarmingKernels warming ? warming.progress() : CHOICE.reason();
  }

  /**
   * Runs every kernel over every shape for a while, so that C2 compiles them before what comes next
   * is measured.
   *
   * @param nanos how long
   */
  public static void exercise(long nanos) {
    long begin = System.nanoTime();
    try (KernelExercise exercise = new KernelExercise()) {
      while (System.nanoTime() - begin < nanos) {
        var _ = exercise.run(CHOSEN);
      }
    }
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
