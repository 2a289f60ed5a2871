/**
 * How much memory it takes to map a guest, some of whose pages are shared: tables under each
 * policy, the least that a radix tree can do with, and other structures.
 */
package dev.cleave.bench.footprint;
