/** What the processor is like while something is measured: its pace, and who else has a part. */
package dev.cleave.bench.processor;
