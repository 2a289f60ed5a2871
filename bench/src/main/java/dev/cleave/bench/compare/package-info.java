/** Two results of the same kind side by side: what differs, how much, and how sure that is. */
package dev.cleave.bench.compare;
