package dev.cleave.engine.memory;

/**
 * What one thread at a time uses of a {@link PagePool}. What follows it in memory lies a cache line
 * away: fields of a subclass come behind those of its superclass, where those of one class come in
 * the order of their sizes (benchmark {@code TwoThreads.runsByTwo}).
 */
final class PageStripe extends StripeState {
  @SuppressWarnings("unused")
  private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7;
}
