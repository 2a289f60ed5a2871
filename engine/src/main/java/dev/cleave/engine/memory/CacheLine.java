package dev.cleave.engine.memory;

/**
 * As much as a cache line, which nobody uses. Fields of a subclass come behind those of its
 * superclass, where those of one class come in the order of their sizes: so a class between this
 * one and another like it has its cache lines for itself, whatever lies beside it on the heap.
 */
abstract class CacheLine {
  @SuppressWarnings("unused")
  private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7;
}
