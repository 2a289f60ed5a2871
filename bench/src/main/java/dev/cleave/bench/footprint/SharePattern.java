package dev.cleave.bench.footprint;

/** Where in a guest the shared pages lie. */
public sealed interface SharePattern permits MadePattern, GivenPattern {
  /** The pattern's name on the command line. */
  String word();
}
