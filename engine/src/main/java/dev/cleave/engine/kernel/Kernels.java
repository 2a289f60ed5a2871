package dev.cleave.engine.kernel;

/** Chooses the kernels once, when the class is loaded. Thread-safe. */
public final class Kernels {
  private static final TableKernels CHOSEN = new PlainKernels();

  private Kernels() {}

  /**
   * The kernels for this JVM.
   *
   * @return always the same object
   */
  public static TableKernels chosen() {
    return CHOSEN;
  }

  /**
   * Why these were chosen.
   *
   * @return a phrase for a person
   */
  public static String reason() {
    return "the only ones there are";
  }
}
