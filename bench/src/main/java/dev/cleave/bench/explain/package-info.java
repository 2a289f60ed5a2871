/** What the lines mean that a host's kernel prints of its IOMMUs and its RMP, in words. */
package dev.cleave.bench.explain;
