package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import org.jspecify.annotations.Nullable;

/**
 * A rule that a table breaks.
 *
 * @param rule the rule
 * @param site the entry, null when it is not about one
 * @param detail what is there and what should be
 */
public record Finding(Rule rule, @Nullable Site site, String detail) {
  /**
   * The finding on one line.
   *
   * @param domain how the domain is called
   * @return severity, rule, domain, place and detail
   */
  public String line(String domain) {
    String place =
        site == null
            ? ""
            : " table %s level %d index %d iova %s entry %s"
                .formatted(
                    Numbers.hex(site.table()),
                    site.level(),
                    site.index(),
                    Numbers.hex(site.iova()),
                    Numbers.hex(site.entry()));
    return "%s %s domain %s%s: %s".formatted(rule.severity(), rule, domain, place, detail);
  }
}
