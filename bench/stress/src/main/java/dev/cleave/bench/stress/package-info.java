/**
 * Two threads meet on one table, over and over: one small class for each race, with every outcome
 * named.
 */
package dev.cleave.bench.stress;
