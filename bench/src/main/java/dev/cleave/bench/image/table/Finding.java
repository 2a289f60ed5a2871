package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import org.jspecify.annotations.Nullable;

/**
 * A rule that a table breaks.
 *
 * @param rule the rule
 * @param site the entry, null when it is not about one
 * @param leaf the leaf, null when it is not about where one leads
 * @param detail what is there and what should be
 */
public record Finding(Rule rule, @Nullable Site site, @Nullable LeafRow leaf, String detail) {
  /**
   * A finding about an entry, or about none.
   *
   * @param rule the rule
   * @param site the entry, null when it is not about one
   * @param detail what is there and what should be
   */
  public Finding(Rule rule, @Nullable Site site, String detail) {
    this(rule, site, null, detail);
  }

  /**
   * A finding about where a leaf leads.
   *
   * @param rule the rule
   * @param leaf the leaf
   * @param detail what is there and what should be
   */
  public static Finding ofLeaf(Rule rule, LeafRow leaf, String detail) {
    return new Finding(rule, leaf.site(), leaf, detail);
  }

  /**
   * The finding on one line.
   *
   * @param domain how the domain is called
   * @return severity, rule, domain, place and detail; the place of a leaf is its iova, size and
   *     paddr
   */
  public String line(String domain) {
    return "%s %s domain %s%s: %s".formatted(rule.severity(), rule, domain, place(), detail);
  }

  private String place() {
    if (leaf != null) {
      return " %s %s %s"
          .formatted(
              Numbers.hex(leaf.site().iova()),
              Numbers.size(leaf.sizeBytes()),
              Numbers.hex(leaf.paddr()));
    }
    return site == null
        ? ""
        : " table %s level %d index %d iova %s entry %s"
            .formatted(
                Numbers.hex(site.table()),
                site.level(),
                site.index(),
                Numbers.hex(site.iova()),
                Numbers.hex(site.entry()));
  }
}
