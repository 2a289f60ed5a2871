/** Where a figure comes from: which build, which command, when, and on what machine. */
package dev.cleave.bench.provenance;
