/**
 * Readers that turn log files into a stream of events: what QEMU, Cloud Hypervisor and Linux's
 * tracepoints print about mappings and page states, and Cleave's own op lines, freely mixed.
 *
 * <p>{@link dev.cleave.bench.trace.TraceReader} is the way in. Words: a line is <em>skipped</em>
 * when it is of no known kind, <em>malformed</em> when it is of a known kind but cannot be read,
 * and had <em>no effect</em> when it reports that nothing happened.
 */
@NullMarked
package dev.cleave.bench.trace;

import org.jspecify.annotations.NullMarked;
