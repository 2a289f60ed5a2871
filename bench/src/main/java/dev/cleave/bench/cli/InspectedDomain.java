package dev.cleave.bench.cli;

import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Findings;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.TableWalk;
import java.util.List;

/** What {@code inspect} found of a domain: what it prints, and what it writes as JSON. */
record InspectedDomain(
    Domain domain, TableSummary summary, Findings findings, List<TableWalk> walks) {}
