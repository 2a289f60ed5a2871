/** Tests of the house itself: what may know what, and that its papers say what is so. */
package dev.cleave.bench.house;
