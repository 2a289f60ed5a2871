/** Whether every kernel and operation is as fast, and as free of garbage, in every JVM. */
package dev.cleave.bench.stability;
