package dev.cleave.bench.cli;

import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.rmp.RmpAudit;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Findings;
import dev.cleave.bench.image.table.TableSummary;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code inspect} found of a domain: what it prints, and what it writes as JSON.
 *
 * @param rmp null where no RMP has a say
 */
record InspectedDomain(
    Domain domain,
    TableSummary summary,
    Findings findings,
    List<Lookup> lookups,
    @Nullable RmpAudit rmp) {}
