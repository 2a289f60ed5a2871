/**
 * Benchmarks, named by the shape of the access, and the pairs of them that {@code cleave bench}
 * compares.
 *
 * <h2>How they measure</h2>
 *
 * <p>Time is the average of many operations in nanoseconds ({@code AverageTime}); what is random
 * comes from sequences made before the clock runs, with a fixed seed.
 *
 * <p>A benchmark leaves the table as it found it. Where one operation is to be seen alone (map
 * without the unmap that makes room again) its counterpart runs in {@code Level.Invocation}
 * methods, outside the clock. The clock itself costs some 50 ns for each invocation, so that is
 * done only where an invocation works for about 100 µs or more: short operations are then repeated
 * over many addresses in one invocation and counted by {@code @OperationsPerInvocation}. All others
 * undo what they did inside the clock, and are compared with rivals that do the same.
 *
 * <p>Each benchmark uses one gather again and again. Where a pair says that the debt is part of the
 * work, {@code complete()} is inside the clock; elsewhere it is said.
 *
 * <p>Parameters that recur: {@code levels} is the number of levels of the table, {@code guest} the
 * address space that is mapped, as {@code 2G} or {@code 64G}. Default values span what {@code
 * --full} does not: give {@code -p name=value} to choose.
 */
package dev.cleave.bench.jmh;
