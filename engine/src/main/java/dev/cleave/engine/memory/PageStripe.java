package dev.cleave.engine.memory;

/**
 * What one thread at a time uses of a {@link PagePool}. It has its cache lines for itself
 * (benchmark {@code TwoThreads.runsByTwo}).
 */
final class PageStripe extends StripeState {
  @SuppressWarnings("unused")
  private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7;
}
