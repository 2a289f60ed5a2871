/**
 * Threads at a table, one interleaving at a time. An {@link
 * dev.cleave.engine.interleaving.Explorer} runs a scenario in every order of its accesses that
 * makes a difference; a memory hands each access to a {@link
 * dev.cleave.engine.interleaving.Schedule} first. Beside them stand a device that keeps
 * translations as hardware does, memories with faults that the explorer must find, and the
 * scenarios.
 */
@NullMarked
package dev.cleave.engine.interleaving;

import org.jspecify.annotations.NullMarked;
