/** Ranges of addresses that lead to contiguous memory, apart from any page table. */
@NullMarked
package dev.cleave.bench.extent;

import org.jspecify.annotations.NullMarked;
