package dev.cleave.bench.conform;

import java.util.List;

/**
 * Operations to carry out, made from a seed and a number alone.
 *
 * @param number which case of its seed
 * @param kind what it is about
 * @param domains its domains
 * @param ops its steps, in order
 */
record TestCase(long number, CaseKind kind, List<DomainSpec> domains, List<Op> ops) {
  /**
   * A domain to make.
   *
   * @param id its domain id, 1 to 0xFFFF
   * @param levels levels that its table starts with
   */
  record DomainSpec(int id, int levels) {}
}
